#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "block/range_lock.h"
#include "block/request.h"
#include "block/time.h"
#include "tgt/cdb.h"
#include "tgt/lba_status.h"
#include "tgt/sense.h"

namespace dst::tgt {

class Lun;

/// One SCSI command from submission to answer: a state machine over the Lun's root device. Reused; the fast path
/// allocates nothing and moves data straight from and to the initiator's buffers.
class ScsiCommand : public boost::intrusive::list_base_hook<> {
public:
    /// Filled in by the submitter. The buffers stay valid until the command is done.
    struct Input {
        Cdb cdb{};
        std::span<std::byte> data_in;   ///< as long as the initiator expects
        std::span<std::byte> data_out;  ///< ORWRITE uses it as its working memory
        bool write_through = false;     ///< the initiator cleared WCE
        bool thin = false;              ///< the LUN announces thin provisioning
        void* tag = nullptr;            ///< the submitter's own
        bool settle = false;            ///< no CDB: done when all changes that came before have ended and are durable
        std::uint32_t losses_told = 0;  ///< of Config::losses, those that the initiators had been told when it came
    };
    Input input;

    /// Valid when the command is done.
    struct Answer {
        Outcome outcome;
        std::uint64_t in_bytes = 0;   ///< data-in by the CDB, for the residual; 0 after an error
        std::uint64_t out_bytes = 0;  ///< data-out by the CDB, likewise
    };
    Answer answer;

    ScsiCommand();
    ScsiCommand(const ScsiCommand&) = delete;
    ScsiCommand& operator=(const ScsiCommand&) = delete;

private:
    friend class Lun;

    /// Requests of one command that are in flight together.
    static constexpr std::size_t slots_max = 4;
    /// A request that zeroes or unmaps is at most so long (M13).
    static constexpr std::uint64_t split_bytes = 32u << 20;
    /// GET LBA STATUS looks at no more than this.
    static constexpr std::uint64_t lba_status_bytes_max = 4u << 20;

    struct Slot {
        Request request;
        std::array<Piece, 4> pieces;
    };

    enum class Step : std::uint8_t {
        start,
        flush,         ///< SYNCHRONIZE CACHE, and what settles
        flush_first,   ///< before a READ with FUA
        transfer,      ///< one read or write that is the whole command, or its first half
        scan,          ///< reading chunk by chunk
        atomic_write,  ///< the write of COMPARE AND WRITE and ORWRITE
        split,         ///< pieces of a long range
    };

    // scsi_command.cc
    void start();
    void lock(const Extent& extent, RangeLock::Mode mode);
    void on_lock();
    void on_scratch();
    void on_request(Request& request);
    void read();
    void write(Step step, std::span<std::byte> data);
    void flush(Step step);
    void make_durable();
    void submit(Slot& slot, Operation operation, const Extent& extent, Pieces pieces);
    void transferred(Errc result);
    void fail(Errc error, Access access);
    void finish(const Outcome& outcome);

    // scsi_scan.cc: VERIFY, WRITE AND VERIFY, COMPARE AND WRITE, ORWRITE, GET LBA STATUS
    void begin_scan();
    void scan_next();
    void scanned(Errc result);
    bool scan_chunk(std::span<const std::byte> chunk, std::uint64_t at);
    bool compare_chunk(std::span<const std::byte> chunk, std::uint64_t at);
    bool note_status(std::span<const std::byte> chunk);
    void scan_done();
    void report_all_mapped();

    // scsi_ranges.cc: UNMAP, WRITE SAME
    void next_descriptor();
    void begin_split(const Extent& extent);
    void fill_pattern();
    void split_more();
    void split_one(Slot& slot);
    void split_answered(Slot& slot, Errc result);
    void split_done();

    Lun* lun_ = nullptr;
    Order order_;
    Step step_ = Step::start;
    bool locked_ = false;
    std::byte* scratch_ = nullptr;
    TimePoint waiting_since_;
    std::uint64_t next_ = 0;        ///< scan, split: the first byte not asked for yet
    std::uint64_t end_ = 0;         ///< scan, split: where it ends
    std::uint32_t busy_slots_ = 0;  ///< split: one bit per slot
    Errc split_error_ = Errc::ok;
    std::size_t descriptor_ = 0;  ///< UNMAP: the next one
    unsigned settles_ = 0;        ///< UNMAP: those of the Lun when it began
    LbaStatusList status_;
    RangeLock::Holder holder_;
    std::array<Slot, slots_max> slots_;
};

using CommandList = boost::intrusive::list<ScsiCommand, boost::intrusive::constant_time_size<false>>;

}  // namespace dst::tgt
