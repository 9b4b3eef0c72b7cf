#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "block/block_device.h"
#include "block/loop.h"
#include "block/range_lock.h"
#include "tgt/scsi_command.h"

namespace dst::tgt {

/// A logical unit over a storage's root: carries out SCSI commands, each under a range lock, so that the atomic ones
/// are atomic against every other command of the unit (M11). Everything on the storage's thread.
class Lun {
public:
    struct Config {
        std::uint64_t blocks = 0;
        std::uint32_t block_bytes = 512;
        bool write_cache = true;  ///< false: every change is written with FUA
        /// A command that waits longer for an overlapping one is answered BUSY, before the initiator's own timer.
        Duration lock_wait_max = std::chrono::seconds(20);
        /// How often what was not flushed may have been lost; outlives the Lun. nullptr: nobody counts.
        const std::atomic<std::uint32_t>* losses = nullptr;
    };
    /// Called once per command, never from inside submit(); the command is the caller's again.
    using Done = std::function<void(ScsiCommand&)>;

    Lun(Loop& loop, BlockDevice& root, const Config& config, Done done);
    ~Lun();
    Lun(const Lun&) = delete;
    Lun& operator=(const Lun&) = delete;

    void submit(ScsiCommand& command);

    /// Submits nothing more to the root; commands that wait are answered, the others when the root has answered them.
    /// Then calls `drained`, never from inside. Comes before the root's close().
    void close(std::function<void()> drained);

    std::size_t in_flight() const noexcept { return in_flight_; }

    /// Working memory for commands that look at data: at most so many pieces of so many bytes per LUN.
    static constexpr std::size_t scratch_bytes = 256 * 1024;
    static constexpr std::size_t scratch_count_max = 8;

private:
    friend class ScsiCommand;

    struct AlignedDelete {
        void operator()(std::byte* memory) const noexcept;
    };

    LunShape shape(const ScsiCommand& command) const noexcept;
    bool lost_since(const ScsiCommand& command) const noexcept;
    /// To the root; while closing the request is answered `cancelled` instead.
    void submit_request(Request& request);
    void wait_for_lock(ScsiCommand& command);
    void granted(ScsiCommand& command);
    void give_up_waiting();
    /// Calls on_scratch() now or later.
    void take_scratch(ScsiCommand& command);
    void give_scratch(std::byte* memory);
    /// Answers from the loop; for commands that need no I/O.
    void finish_later(ScsiCommand& command);
    void finish(ScsiCommand& command);

    Loop& loop_;
    BlockDevice& root_;
    Config config_;
    Done done_;
    RangeLock lock_;
    CommandList waiting_for_lock_;  ///< oldest first
    CommandList waiting_for_scratch_;
    CommandList finished_;
    Timer wait_timer_;
    Task finish_task_;
    std::vector<std::unique_ptr<std::byte, AlignedDelete>> scratch_all_;
    std::vector<std::byte*> scratch_free_;
    std::size_t in_flight_ = 0;
    unsigned settles_ = 0;  ///< that have begun
    bool closing_ = false;
    std::function<void()> drained_;
};

}  // namespace dst::tgt
