#pragma once

#include <chrono>
#include <cstdint>

namespace dst {

using Duration = std::chrono::nanoseconds;

/// A moment of a Loop's own monotonic time; the zero point has no meaning.
struct TimePoint {
    std::int64_t ns = 0;

    auto operator<=>(const TimePoint&) const = default;
};

constexpr TimePoint operator+(TimePoint at, Duration by) noexcept { return {at.ns + by.count()}; }
constexpr Duration operator-(TimePoint later, TimePoint earlier) noexcept { return Duration(later.ns - earlier.ns); }

}  // namespace dst
