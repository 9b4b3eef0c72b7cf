#pragma once

#include "block/time.h"

namespace dst {

/// Whether a thread that is woken lets whoever computes on its processor go on until that one waits or has had its time
/// (SCHED_BATCH, sched(7)), instead of pushing it aside at once. With many requests in flight and all processors busy
/// more has come together then, and is done with fewer system calls; with one request at a time it would only be late.
/// Told apart by how long the thread works between two waits. Pure: times come from the caller, who is one thread.
class BatchPolicy {
public:
    /// On a mean above the first, and again not below the second: a small request alone takes 5 to 10 us.
    static constexpr Duration begins = std::chrono::microseconds(20);
    static constexpr Duration ends = std::chrono::microseconds(12);
    /// So many waits until the mean has followed by two thirds.
    static constexpr int memory = 32;
    /// No turn counts for more: it was interrupted.
    static constexpr Duration turn_max = 4 * begins;

    /// The thread has worked for `time` since its last wait. Answers whether it is patient from now on.
    bool worked(Duration time) noexcept;

private:
    Duration mean_{};
    bool patient_ = false;
};

/// The policy of the calling thread, as a BatchPolicy wants it. Whoever gave it another one has a reason: it stays, and
/// so it does when that comes later. It is the usual one again at the end.
class BatchThread {
public:
    BatchThread() noexcept;
    ~BatchThread() { set(false); }
    BatchThread(const BatchThread&) = delete;
    BatchThread& operator=(const BatchThread&) = delete;

    void set(bool batch) noexcept;

    /// Threads inherit the policy. True in one that is a batch job just now: those that it starts call
    /// leave_inherited().
    static bool is_batch() noexcept;
    static void leave_inherited() noexcept;

private:
    bool able_;
};

}  // namespace dst
