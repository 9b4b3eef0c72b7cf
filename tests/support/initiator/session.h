#pragma once

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace initiator {

/// How one command ended.
struct Outcome {
    int status = 0;  ///< SAM-5 status; SCSI_STATUS_CANCELLED and above are libiscsi's own
    int sense_key = 0;
    int ascq = 0;
    bool good() const { return status == SCSI_STATUS_GOOD; }
    /// BUSY, unit attention, or NOT READY becoming ready: an initiator sends the command again.
    bool send_again() const;
    /// No answer came: the session ended or the command timed out. It may have been carried out.
    bool lost() const { return status >= SCSI_STATUS_CANCELLED; }
    std::string text() const;
};

using Done = std::function<void(const Outcome&)>;

/// One logged-in iSCSI session to one LUN. Single thread; progress happens in poll().
class Session {
public:
    /// Logs in and reads the capacity. Throws std::runtime_error with a reason.
    explicit Session(const std::string& url, unsigned request_timeout_s);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    std::uint64_t size_bytes() const { return blocks_ * block_bytes_; }
    std::uint32_t block_bytes() const { return block_bytes_; }

    /// Offsets and sizes are multiples of the block. The data stays the caller's until `done`, which is called from
    /// poll(), or from the destructor.
    void read(std::uint64_t offset, std::span<std::byte> into, Done done);
    void write(std::uint64_t offset, std::span<const std::byte> from, bool fua, Done done);
    void flush(Done done);
    void unmap(std::uint64_t offset, std::uint64_t length, Done done);
    /// WRITE SAME: `block` is one block of the LUN.
    void write_same(std::uint64_t offset, std::uint64_t length, std::span<const std::byte> block, Done done);

    /// MODE SELECT, of 6 or of 10 bytes, of the caching page, bit WCE (SBC-3 6.5.5); waits for the answer. Nothing may
    /// be in flight. Throws std::runtime_error when there is no such page, or no answer.
    Outcome set_write_cache(bool on, bool six);
    /// Bit WCE as it is.
    bool write_cache();

    /// Waits up to `timeout_ms` for something and handles it. Throws std::runtime_error when the connection is lost.
    void poll(int timeout_ms);
    unsigned in_flight() const { return in_flight_; }
    /// No orderly logout when this ends.
    void give_up() { broken_ = true; }

private:
    struct Command;
    static void completed(iscsi_context*, int status, void* data, void* pointer);
    void watch(scsi_task* task, Done done, std::span<std::byte> into);
    scsi_task* caching_page(scsi_mode_page*& page);
    void log_in(const std::string& url, unsigned request_timeout_s);

    iscsi_context* context_ = nullptr;
    int lun_ = 0;
    std::uint64_t blocks_ = 0;
    std::uint32_t block_bytes_ = 512;
    unsigned in_flight_ = 0;
    bool broken_ = false;
};

}  // namespace initiator
