#include "media/layout.h"

#include <bit>

#include "block/assert.h"
#include "media/record.h"

namespace dst {
namespace {

constexpr std::uint64_t maps = mirror_members_max;  // the intent map and one owed map per other member
constexpr std::uint64_t copies_of_each = 2;
constexpr std::uint64_t records_bytes = copies_of_each * record_copy_bytes;

// So that setting intent bits all over a mirror touches few slots.
constexpr std::uint64_t default_regions_max = 1u << 18;
constexpr std::uint64_t default_region_bytes_min = 1u << 20;
constexpr std::uint64_t default_region_bytes_max = 1u << 30;

constexpr std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) noexcept {
    return value / by + (value % by != 0 ? 1 : 0);
}

}  // namespace

Extent MirrorLayout::record_copy(unsigned copy) const noexcept {
    DST_ASSERT(copy < copies_of_each && data_bytes != 0);
    return {member_bytes - records_bytes + copy * record_copy_bytes, record_copy_bytes};
}

Extent MirrorLayout::map_slot(unsigned map, std::uint64_t slot, unsigned copy) const noexcept {
    DST_ASSERT(map < maps && slot < map_slots && copy < copies_of_each && data_bytes != 0);
    const std::uint64_t below_record = member_bytes - records_bytes;
    const std::uint64_t map_start = below_record - (map + 1) * copies_of_each * map_slots * map_slot_bytes;
    return {map_start + (copy * map_slots + slot) * map_slot_bytes, map_slot_bytes};
}

MirrorLayout mirror_layout(std::uint64_t member_bytes, std::uint64_t region_bytes) noexcept {
    DST_ASSERT(std::has_single_bit(region_bytes) && region_bytes >= map_slot_bytes);
    MirrorLayout layout;
    layout.member_bytes = member_bytes / map_slot_bytes * map_slot_bytes;
    layout.region_bytes = region_bytes;
    // Slots for the whole member rather than for what is left of it: a few bits more than needed, and no circle.
    const std::uint64_t slots = divided_up(divided_up(layout.member_bytes, region_bytes), map_slot_regions);
    const std::uint64_t metadata_bytes = records_bytes + maps * copies_of_each * slots * map_slot_bytes;
    if (layout.member_bytes <= metadata_bytes) return layout;
    layout.data_bytes = layout.member_bytes - metadata_bytes;
    layout.regions = divided_up(layout.data_bytes, region_bytes);
    layout.map_slots = slots;
    return layout;
}

std::uint64_t default_region_bytes(std::uint64_t member_bytes) noexcept {
    std::uint64_t region_bytes = default_region_bytes_min;
    while (region_bytes < default_region_bytes_max && member_bytes / region_bytes >= default_regions_max) {
        region_bytes *= 2;
    }
    return region_bytes;
}

}  // namespace dst
