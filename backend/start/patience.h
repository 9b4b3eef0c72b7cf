#pragma once

#include <algorithm>

#include "block/time.h"

namespace dst {

/// How long an attempt may take before it is given up. One that takes longer stands before a disk that hangs, or has a
/// slow way to its nodes: each time the next one has twice the time, so that what is only slow comes to its end.
class Patience {
public:
    Duration now() const noexcept { return now_; }
    void was_too_short() noexcept { now_ = std::min(2 * now_, longest); }
    void was_enough() noexcept { now_ = shortest; }

private:
    static constexpr Duration shortest = std::chrono::seconds(15);
    static constexpr Duration longest = std::chrono::minutes(4);
    Duration now_ = shortest;
};

}  // namespace dst
