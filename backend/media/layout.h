#pragma once

#include <cstdint>

#include "block/extent.h"

namespace dst {

/// Members of one mirror at most.
inline constexpr std::uint32_t mirror_members_max = 8;

/// One 4 KiB map slot: a header, the bits of so many regions, and a check at the end of each sector.
inline constexpr std::uint64_t map_slot_bytes = 4096;
inline constexpr std::uint64_t map_slot_header_bytes = 128;
inline constexpr std::uint64_t map_sector_bytes = 512;
inline constexpr std::uint64_t map_sector_check_bytes = 16;
inline constexpr std::uint64_t map_slot_regions =
    (map_slot_bytes - map_slot_header_bytes - map_slot_bytes / map_sector_bytes * map_sector_check_bytes) * 8;

/// Where a mirror keeps its metadata on one member, in the member's own addresses. From the end of the member's device
/// downwards: the record's two copies, the intent map, then one owed map per other member (mirror_members_max - 1).
/// Every map slot exists twice. The mirror's data start at 0.
struct MirrorLayout {
    std::uint64_t data_bytes = 0;  ///< room for data on this member; 0: the member is too small
    std::uint64_t region_bytes = 0;
    std::uint64_t regions = 0;    ///< of the data_bytes
    std::uint64_t map_slots = 0;  ///< per map

    /// Copy 0 or 1 of the record.
    Extent record_copy(unsigned copy) const noexcept;
    /// Map 0 is the intent map, 1.. the owed maps; slot < map_slots; copy 0 or 1.
    Extent map_slot(unsigned map, std::uint64_t slot, unsigned copy) const noexcept;

    std::uint64_t member_bytes = 0;
};

/// The layout of a member of `member_bytes` for regions of `region_bytes`.
MirrorLayout mirror_layout(std::uint64_t member_bytes, std::uint64_t region_bytes) noexcept;

/// The size of regions when the file names none: a power of two, 1 MiB at least, so that a map has few slots.
std::uint64_t default_region_bytes(std::uint64_t member_bytes) noexcept;

}  // namespace dst
