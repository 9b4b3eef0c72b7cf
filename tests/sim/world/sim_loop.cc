#include "simworld/sim_loop.h"

#include <algorithm>

#include "block/assert.h"

namespace dst::sim {

SimLoop::SimLoop(std::uint64_t seed) noexcept : generator_(seed) {}

// splitmix64: every seed gives a good stream, seeds next to each other included.
std::uint64_t SimLoop::random() {
    generator_ += 0x9e3779b97f4a7c15u;
    std::uint64_t bits = generator_;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

std::uint64_t SimLoop::below(std::uint64_t bound) {
    DST_ASSERT(bound > 0);
    return random() % bound;
}

Duration SimLoop::between(Duration min, Duration max) {
    DST_ASSERT(min <= max);
    return min + Duration(below(static_cast<std::uint64_t>((max - min).count()) + 1));
}

void SimLoop::after(Duration delay, std::function<void()> run) {
    events_.emplace(std::pair(now_ + std::max(delay, Duration::zero()), sequence_++), std::move(run));
}

std::optional<TimePoint> SimLoop::next_moment() const {
    std::optional<TimePoint> moment = next_due();
    if (!events_.empty()) {
        const TimePoint event = events_.begin()->first.first;
        moment = moment ? std::min(*moment, event) : event;
    }
    return moment;
}

bool SimLoop::run_one() {
    if (has_posted()) {
        ++steps_;
        run_ready();
        return true;
    }
    const std::optional<TimePoint> moment = next_moment();
    if (!moment) return false;
    ++steps_;
    now_ = std::max(now_, *moment);
    const std::optional<TimePoint> due = next_due();
    if (due && *due <= now_) {
        run_ready();
        return true;
    }
    const auto first = events_.begin();
    const std::function<void()> run = std::move(first->second);
    events_.erase(first);
    run();
    return true;
}

bool SimLoop::run_until_idle(Duration limit) {
    const TimePoint end = now_ + limit;
    while (now_ <= end) {
        if (!run_one()) return true;
    }
    return false;
}

void SimLoop::run_for(Duration span) {
    const TimePoint end = now_ + span;
    for (;;) {
        if (!has_posted()) {
            const std::optional<TimePoint> moment = next_moment();
            if (!moment || *moment > end) break;
        }
        run_one();
    }
    now_ = std::max(now_, end);
}

bool SimLoop::run_until(const std::function<bool()>& condition, Duration limit) {
    const TimePoint end = now_ + limit;
    while (!condition()) {
        if (!has_posted()) {
            const std::optional<TimePoint> moment = next_moment();
            if (!moment || *moment > end) {
                now_ = std::max(now_, end);
                return condition();
            }
        }
        run_one();
    }
    return true;
}

}  // namespace dst::sim
