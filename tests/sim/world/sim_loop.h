#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "block/loop.h"

namespace dst::sim {

/// A Loop on simulated time with one seeded generator: the same seed and the same calls replay exactly. Everything of
/// one simulated world shares one loop, heads and netnodes alike; what happens below them (disks, networks) is
/// scheduled with after(). Time moves only when nothing is left to do at the present moment.
class SimLoop final : public Loop {
public:
    explicit SimLoop(std::uint64_t seed = 1) noexcept;

    TimePoint now() const override { return now_; }
    std::uint64_t random() override;

    /// Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
    /// True `per_mille` times of a thousand.
    bool chance(unsigned per_mille) { return below(1000) < per_mille; }
    /// Uniform in [min, max].
    Duration between(Duration min, Duration max);

    /// Runs `run` when `delay` has passed; equal moments in the order of the calls. Cannot be taken back: `run` must
    /// check that what it touches still is there.
    void after(Duration delay, std::function<void()> run);

    /// One step: what is posted or due now, else the next event or timer, to which time moves. False: nothing is left.
    bool run_one();
    /// Steps until nothing is left or `limit` has passed; true when nothing is left. What repeats itself with a timer
    /// (a ping, a reconnect) is never idle: it uses up the limit.
    bool run_until_idle(Duration limit = std::chrono::hours(1));
    /// Runs everything that falls into the next `span`; time is `span` later afterwards.
    void run_for(Duration span);
    /// Steps until `condition` holds, or until `limit` has passed, to which time then moves; true when it holds.
    bool run_until(const std::function<bool()>& condition, Duration limit = std::chrono::hours(1));

    /// Steps made so far: equal in two runs that are the same.
    std::uint64_t steps() const noexcept { return steps_; }

private:
    void wake() override {}
    std::optional<TimePoint> next_moment() const;

    TimePoint now_{1};
    std::uint64_t generator_;
    std::uint64_t sequence_ = 0;
    std::uint64_t steps_ = 0;
    std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace dst::sim
