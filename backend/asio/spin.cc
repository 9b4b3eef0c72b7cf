#include "asio/spin.h"

#include <sched.h>

#include <algorithm>

namespace dst {

bool SpinPolicy::begin(TimePoint now) noexcept {
    if (!able_ || !pays_) return false;
    if (rest_ > 0) {
        --rest_;
        return false;
    }
    until_ = now + limit;
    late_ = false;
    return true;
}

void SpinPolicy::yielded(Duration time) noexcept {
    if (time >= crowded) late_ = true;
}

void SpinPolicy::end(bool found) noexcept {
    if (!found) pays_ = false;
    if (late_) {
        rest_ = next_rest_;
        next_rest_ = std::min(2 * next_rest_, rest_max);
        in_time_ = 0;
    } else if (++in_time_ == forgets) {
        next_rest_ = rest_min;
    }
}

unsigned cores() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<unsigned>(CPU_COUNT(&set));
}

}  // namespace dst
