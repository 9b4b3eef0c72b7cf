#pragma once

#include <cstdint>
#include <functional>

#include "block/id.h"
#include "block/request.h"

namespace dst {

/// What a device is. Size zero: not known yet (a netnode that was never reached and that no journal remembers).
struct Geometry {
    std::uint64_t size_bytes = 0;
    std::uint32_t logical_block_bytes = 512;   ///< every extent is a multiple of it; a power of two, 512..65536
    std::uint32_t physical_block_bytes = 512;  ///< a power of two, at least logical_block_bytes
    bool can_unmap = false;                    ///< unmap frees space; without it unmap still zeroes
    bool fast_zeroes = false;                  ///< write_zeroes does not write the bytes out
    bool operator==(const Geometry&) const = default;
};

/// A vertex of a storage tree: linear, mirror, local disk, netnode client, simulated disk. Everything runs on one
/// Loop's thread. A device is up when it takes requests; one submitted while it is down completes with
/// `disconnected` (or is held, where the class says so). submit() never completes a request from inside.
class BlockDevice {
public:
    /// Hears of changes; never called from inside submit().
    class Observer {
    public:
        virtual ~Observer() = default;
        /// Takes requests from now on; geometry and incarnation are valid and may differ from before.
        virtual void on_up(BlockDevice& device) = 0;
        /// Takes none any more. Unanswered requests complete with an error of their own, before or after.
        virtual void on_down(BlockDevice& device, const Error& why) = 0;
    };

    BlockDevice() = default;
    virtual ~BlockDevice() = default;
    BlockDevice(const BlockDevice&) = delete;
    BlockDevice& operator=(const BlockDevice&) = delete;

    virtual const Geometry& geometry() const = 0;
    virtual bool up() const = 0;
    /// Meaningful while up. It never changes while up: a node whose incarnation changes goes down first.
    virtual Incarnation incarnation() const = 0;

    /// Checks and carries out. Every request ends in bounded time, whatever happens below.
    virtual void submit(Request& request) = 0;

    /// Ends what is in flight, early (M12): every request completes with `disconnected` or its true result as soon as
    /// nothing may touch its memory any more, which must be soon even when what is below hangs; then the device goes
    /// down, and may come up again by itself. For a member that holds its mirror up. A device whose requests always
    /// end soon need not do anything.
    virtual void cut(const Error& why) { static_cast<void>(why); }

    /// Takes back what is in flight: completes every request with `cancelled` or its true result as soon as no socket
    /// or ring touches its memory, then calls `closed`, never from inside. No submit() afterwards. A device may be
    /// destroyed when `closed` was called, or when it was never opened.
    virtual void close(std::function<void()> closed) = 0;

    /// One observer, or null. The parent in the tree, or whoever opened the root.
    void set_observer(Observer* observer) noexcept { observer_ = observer; }

protected:
    void notify_up() {
        if (observer_ != nullptr) observer_->on_up(*this);
    }
    void notify_down(const Error& why) {
        if (observer_ != nullptr) observer_->on_down(*this, why);
    }

private:
    Observer* observer_ = nullptr;
};

/// ok, or why `request` can never be taken by a device of this geometry: beyond the end (invalid_argument), not a
/// multiple of the block, payload and extent of different sizes, an empty extent that must not be empty.
Errc check_request(const Request& request, const Geometry& geometry) noexcept;

/// The bytes that a checksum request over `extent` answers.
std::uint64_t checksum_result_bytes(const Extent& extent, std::uint32_t piece_bytes) noexcept;

}  // namespace dst
