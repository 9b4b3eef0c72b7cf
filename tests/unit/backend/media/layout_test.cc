#include "media/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "media/record.h"
#include "support/samples.h"

namespace dst {
namespace {

constexpr std::uint64_t tib = 1ull << 40;

std::vector<Extent> all_places(const MirrorLayout& layout) {
    std::vector<Extent> places{{0, layout.data_bytes}};
    for (unsigned copy = 0; copy < 2; ++copy) {
        places.push_back(layout.record_copy(copy));
        for (unsigned map = 0; map < mirror_members_max; ++map) {
            for (std::uint64_t slot = 0; slot < layout.map_slots; ++slot)
                places.push_back(layout.map_slot(map, slot, copy));
        }
    }
    std::sort(places.begin(), places.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
    return places;
}

class MirrorLayouts : public testing::TestWithParam<std::pair<std::uint64_t, std::uint64_t>> {};

TEST_P(MirrorLayouts, FillTheMemberWithoutGapsOrOverlaps) {
    const auto [member_bytes, region_bytes] = GetParam();
    const MirrorLayout layout = mirror_layout(member_bytes, region_bytes);
    std::uint64_t at = 0;
    for (const Extent& place : all_places(layout)) {
        EXPECT_EQ(place.offset, at);
        at = place.end();
    }
    EXPECT_EQ(at, member_bytes / 4096 * 4096);
}

TEST_P(MirrorLayouts, HaveABitForEveryByteOfData) {
    const auto [member_bytes, region_bytes] = GetParam();
    const MirrorLayout layout = mirror_layout(member_bytes, region_bytes);
    EXPECT_GE(layout.regions * region_bytes, layout.data_bytes);
    EXPECT_LT((layout.regions - 1) * region_bytes, layout.data_bytes);
    EXPECT_GE(layout.map_slots * map_slot_regions, layout.regions);
}

INSTANTIATE_TEST_SUITE_P(Sizes, MirrorLayouts,
                         testing::Values(std::pair(mib, 65536ull), std::pair(mib + 4095, 65536ull),
                                         std::pair(10 * 1024 * mib, mib), std::pair(10 * 1024 * mib + 512, 65536ull),
                                         std::pair(map_slot_regions* mib, mib),
                                         std::pair(map_slot_regions* mib + 4096, mib), std::pair(16 * tib, 16 * mib)));

TEST(MirrorLayout, OfATinyMemberHasNoRoom) {
    EXPECT_EQ(mirror_layout(0, mib).data_bytes, 0u);
    EXPECT_EQ(mirror_layout(2 * record_copy_bytes + 16 * map_slot_bytes, mib).data_bytes, 0u);
    EXPECT_EQ(mirror_layout(2 * record_copy_bytes + 17 * map_slot_bytes, mib).data_bytes, map_slot_bytes);
}

TEST(MirrorLayout, OfALargeMemberTakesLittle) {
    const MirrorLayout layout = mirror_layout(16 * tib, 16 * mib);
    EXPECT_LT(layout.member_bytes - layout.data_bytes, 4 * mib);
}

TEST(DefaultRegionSize, IsOneMebibyteForSmallMembers) {
    EXPECT_EQ(default_region_bytes(0), mib);
    EXPECT_EQ(default_region_bytes(100 * 1024 * mib), mib);
}

TEST(DefaultRegionSize, GrowsSoThatMapsStaySmall) {
    for (const std::uint64_t member_bytes : {tib, 16 * tib, 100 * tib}) {
        const std::uint64_t region_bytes = default_region_bytes(member_bytes);
        EXPECT_TRUE(std::has_single_bit(region_bytes));
        EXPECT_LE(mirror_layout(member_bytes, region_bytes).map_slots, 9u);
    }
}

TEST(DefaultRegionSize, IsDoubledWhenAMemberHasAsManyAsTheLimit) {
    constexpr std::uint64_t regions_max = 1u << 18;
    EXPECT_EQ(default_region_bytes(regions_max * mib - 1), mib);
    EXPECT_EQ(default_region_bytes(regions_max * mib), 2 * mib);
    EXPECT_EQ(default_region_bytes(regions_max * 512 * mib), 1024 * mib);
}

TEST(DefaultRegionSize, EndsAtOneGibibyte) { EXPECT_EQ(default_region_bytes(~0ull), 1024 * mib); }

}  // namespace
}  // namespace dst
