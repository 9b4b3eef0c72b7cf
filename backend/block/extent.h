#pragma once

#include <cstdint>

namespace dst {

/// A range of a device, in bytes. An empty extent overlaps nothing.
struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    constexpr std::uint64_t end() const noexcept { return offset + length; }
    constexpr bool empty() const noexcept { return length == 0; }
    constexpr bool overlaps(const Extent& other) const noexcept {
        return !empty() && !other.empty() && offset < other.end() && other.offset < end();
    }
    constexpr bool contains(const Extent& other) const noexcept {
        return offset <= other.offset && other.end() <= end();
    }
    /// True when the extent lies in [0, size_bytes) without overflow.
    constexpr bool fits(std::uint64_t size_bytes) const noexcept {
        return offset <= size_bytes && length <= size_bytes - offset;
    }
    bool operator==(const Extent&) const = default;
};

}  // namespace dst
