#include "tree/piece_map.h"

#include <algorithm>
#include <bit>

#include "block/assert.h"

namespace dst {
namespace {

/// Bits that come and go together: 4 KiB of memory, 4 GiB of a device in pieces of 128 KiB.
constexpr std::uint64_t part_pieces = 1u << 15;

/// Calls `use(part, run within it)` for each part that a run touches; ends when that says false.
template <typename Use>
void for_each_part(const RegionRun& pieces, Use use) {
    for (std::uint64_t piece = pieces.first; piece < pieces.end();) {
        const std::uint64_t first = piece % part_pieces;
        const std::uint64_t count = std::min(part_pieces - first, pieces.end() - piece);
        if (!use(piece / part_pieces, RegionRun{first, count})) return;
        piece += count;
    }
}

}  // namespace

PieceMap::PieceMap(std::uint64_t size_bytes, std::uint64_t piece_bytes)
    : size_bytes_(size_bytes),
      piece_bytes_(piece_bytes),
      pieces_((size_bytes + piece_bytes - 1) / piece_bytes),
      parts_((pieces_ + part_pieces - 1) / part_pieces) {
    DST_ASSERT(std::has_single_bit(piece_bytes));
}

RegionRun PieceMap::pieces_of(const Extent& extent) const noexcept {
    const std::uint64_t end = std::min(extent.end(), size_bytes_);
    if (extent.empty() || extent.offset >= end) return {};
    const std::uint64_t first = extent.offset / piece_bytes_;
    return {first, (end - 1) / piece_bytes_ + 1 - first};
}

Extent PieceMap::extent_of(const RegionRun& pieces) const noexcept {
    const std::uint64_t offset = pieces.first * piece_bytes_;
    return {offset, std::min(pieces.count * piece_bytes_, size_bytes_ - offset)};
}

bool PieceMap::test_any(const RegionRun& pieces) const noexcept {
    if (count_ == 0) return false;
    bool found = false;
    for_each_part(pieces, [&](std::uint64_t part, const RegionRun& run) {
        found = parts_[part] && parts_[part]->test_any(run);
        return !found;
    });
    return found;
}

void PieceMap::set(const RegionRun& pieces) {
    for_each_part(pieces, [&](std::uint64_t part, const RegionRun& run) {
        std::unique_ptr<RegionMap>& map = parts_[part];
        if (!map) map = std::make_unique<RegionMap>(part_pieces, piece_bytes_);
        count_ -= map->count();
        map->set(run);
        count_ += map->count();
        return true;
    });
}

bool PieceMap::clear(const RegionRun& pieces) noexcept {
    const std::uint64_t before = count_;
    for_each_part(pieces, [&](std::uint64_t part, const RegionRun& run) {
        std::unique_ptr<RegionMap>& map = parts_[part];
        if (!map) return true;
        count_ -= map->count();
        map->clear(run);
        count_ += map->count();
        if (!map->any()) map.reset();
        return true;
    });
    return count_ != before;
}

std::optional<RegionRun> PieceMap::next_run(std::uint64_t from) const noexcept {
    if (count_ == 0) return std::nullopt;
    for (std::uint64_t part = from / part_pieces; part < parts_.size(); ++part) {
        const std::uint64_t first = part * part_pieces;
        if (!parts_[part]) continue;
        const auto run = parts_[part]->next_run(from > first ? from - first : 0);
        if (run) return RegionRun{first + run->first, run->count};
    }
    return std::nullopt;
}

}  // namespace dst
