#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "block/buffer.h"

namespace dst {

/// Where in a list of pieces, counted in bytes from its beginning.
struct Place {
    Pieces pieces;
    std::uint64_t offset = 0;
};

/// Copies `bytes` bytes; both places must hold as many.
void copy_between(Place from, Place to, std::uint64_t bytes) noexcept;

/// Aligned memory of a disk's own, in two sizes, bounded and kept for reuse. Allocated when first needed.
class OwnBuffers {
public:
    static constexpr std::size_t alignment = 4096;
    static constexpr std::size_t small_bytes = 8u << 10;
    static constexpr std::size_t large_bytes = 256u << 10;
    static constexpr std::size_t small_max = 256;
    static constexpr std::size_t large_max = 64;

    OwnBuffers() = default;
    ~OwnBuffers();
    OwnBuffers(const OwnBuffers&) = delete;
    OwnBuffers& operator=(const OwnBuffers&) = delete;

    /// Appends buffers to `taken` until they hold `wanted` bytes or the bound is reached; whole buffers. False: none
    /// was to be had. Counted are the bytes of `taken` too.
    bool take(std::size_t wanted, std::vector<Piece>& taken);
    void give_back(std::vector<Piece>& taken) noexcept;

private:
    struct SizeClass {
        std::size_t bytes;
        std::size_t count_max;
        std::size_t count = 0;
        std::vector<std::byte*> idle;
    };
    std::byte* take_one(SizeClass& size_class);

    std::array<SizeClass, 2> classes_{SizeClass{small_bytes, small_max, 0, {}},
                                      SizeClass{large_bytes, large_max, 0, {}}};
};

}  // namespace dst
