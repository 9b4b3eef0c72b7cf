#pragma once

#include "block/time.h"

namespace dst {

/// When a thread that has nothing to do looks again and again for a moment instead of sleeping. To wake a thread on a
/// processor that has gone idle costs tens of microseconds on a virtual machine, more than the work of a small request;
/// looking costs processor time that nobody else wanted, since the thread yields between two looks.
///
/// It begins when the last sleep was short, so that a loop with little to do does not look at all. It rests when the
/// processor came back late: whoever computes without end would have been pushed aside for a thread that wakes, not for
/// one that yields. Pure: time comes from the caller, who is one thread.
class SpinPolicy {
public:
    /// The longest look, and the longest sleep that would have been worth one.
    static constexpr Duration limit = std::chrono::microseconds(300);
    /// A yield that took longer is one too many.
    static constexpr Duration crowded = std::chrono::milliseconds(1);
    /// Waits that are slept through then; doubled each time, up to the second.
    static constexpr unsigned rest_min = 64;
    static constexpr unsigned rest_max = 4096;
    /// Looks without such a yield after which the next rest is a short one again.
    static constexpr unsigned forgets = 10'000;

    /// Where there is only one processor nothing is to be gained.
    explicit SpinPolicy(unsigned cores) noexcept : able_(cores > 1) {}

    /// A wait begins. True: look; false: sleep.
    bool begin(TimePoint now) noexcept;
    /// Between two looks the processor was given away for `time`.
    void yielded(Duration time) noexcept;
    /// After a look that found nothing: whether to go on.
    bool go_on(TimePoint now) const noexcept { return now < until_; }
    /// The wait is over, with something found or without.
    void end(bool found) noexcept;
    /// A sleep has ended after `time`.
    void slept(Duration time) noexcept { pays_ = time < limit; }

private:
    bool able_;
    bool pays_ = false;
    bool late_ = false;
    unsigned rest_ = 0;  ///< waits that are still slept through
    unsigned next_rest_ = rest_min;
    unsigned in_time_ = 0;
    TimePoint until_;
};

/// Processors that this process may run on.
unsigned cores() noexcept;

}  // namespace dst
