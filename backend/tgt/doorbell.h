#pragma once

#include <atomic>
#include <cstdint>

#include "block/error.h"

namespace dst::tgt {

/// An eventfd that wakes the consumer of a ring, only when it sleeps. The consumer empties the ring, says sleep(),
/// looks into the ring once more, and only then waits for fd(); the producer pushes and then calls ring().
class Doorbell {
public:
    Doorbell() = default;
    ~Doorbell();
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;

    /// Once, before anything else. out_of_resources and the like.
    Result<void> open();

    /// Readable after a ring. Stays this object's.
    int fd() const noexcept { return fd_; }

    /// Producer.
    void ring() noexcept {
        if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false, std::memory_order_seq_cst)) signal();
    }

    /// Consumer: from now on a ring makes fd() readable.
    void sleep() noexcept { asleep_.store(true, std::memory_order_seq_cst); }
    /// Consumer: it looks into the ring by itself; nobody rings.
    void wake() noexcept { asleep_.store(false, std::memory_order_relaxed); }
    /// Consumer, awake, whose poll is level-triggered: takes the readiness away.
    void answer() noexcept;
    /// Makes fd() readable whether the consumer sleeps or not. Any thread.
    void signal() noexcept;

    /// How often it was signalled. Any thread.
    std::uint64_t rings() const noexcept { return rings_.load(std::memory_order_relaxed); }

private:
    int fd_ = -1;
    std::atomic<std::uint64_t> rings_{0};
    std::atomic<bool> asleep_{true};
};

}  // namespace dst::tgt
