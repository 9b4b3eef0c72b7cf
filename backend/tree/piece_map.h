#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "media/region_map.h"

namespace dst {

/// One bit per piece of a device, in memory only. Takes memory where bits are set: of 16 TiB in pieces of 128 KiB 32
/// KiB at rest, 16 MiB when all are. All operations cost the words they touch, next_run() those it passes.
class PieceMap {
public:
    /// No pieces.
    PieceMap() = default;
    /// All bits clear. `piece_bytes` is a power of two; the last piece may reach beyond the device.
    PieceMap(std::uint64_t size_bytes, std::uint64_t piece_bytes);

    /// The pieces that `extent` touches, cut at the end of the map; count 0 for an empty extent.
    RegionRun pieces_of(const Extent& extent) const noexcept;
    /// The bytes of a run, cut at the end of the device.
    Extent extent_of(const RegionRun& pieces) const noexcept;

    bool any() const noexcept { return count_ != 0; }
    bool test_any(const RegionRun& pieces) const noexcept;
    void set(const RegionRun& pieces);
    /// True when a bit changed.
    bool clear(const RegionRun& pieces) noexcept;
    /// The first set bit at or after `from` and set ones that follow it, not necessarily all. None: no such bit.
    std::optional<RegionRun> next_run(std::uint64_t from) const noexcept;

private:
    std::uint64_t size_bytes_ = 0;
    std::uint64_t piece_bytes_ = 1;
    std::uint64_t pieces_ = 0;
    std::uint64_t count_ = 0;                        ///< set bits
    std::vector<std::unique_ptr<RegionMap>> parts_;  ///< of part_pieces bits; null: all are clear
};

}  // namespace dst
