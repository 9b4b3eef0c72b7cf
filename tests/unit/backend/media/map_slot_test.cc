#include <gtest/gtest.h>

#include "media/envelope.h"
#include "media/region_map.h"
#include "support/samples.h"

namespace dst {
namespace {

using test::id_of;
using test::sample_map;

constexpr std::uint64_t mib = 1u << 20;
const MapIdentity intent{id_of(0x55), MapKind::intent, 0};

Bytes encoded(const RegionMap& map, const MapIdentity& identity, std::uint64_t sequence, std::uint64_t slot = 0) {
    Bytes copy(map_slot_bytes);
    encode_map_slot(map, identity, slot, {sequence, 12}, copy);
    return copy;
}

Bytes broken(Bytes copy) {
    copy[1000] ^= std::byte{1};
    return copy;
}

RegionMap fresh() { return {100, mib}; }

TEST(MapSlot, ReadsBackWhatWasWritten) {
    RegionMap map = fresh();
    map.set(50);
    const MapSlotChoice choice = choose_map_slot(encoded(sample_map(), intent, 5), {}, intent, 0, map);
    EXPECT_TRUE(choice.good);
    EXPECT_EQ(choice.revision, 12u);
    EXPECT_TRUE(map.same_bits(sample_map()));
    EXPECT_EQ(map.count(), sample_map().count());
    EXPECT_FALSE(map.slot_dirty(0));
}

TEST(MapSlot, EachSlotCarriesItsOwnRegions) {
    RegionMap map(2 * map_slot_regions + 10, mib);
    map.set(3);
    map.set(map_slot_regions + 4);
    map.set(2 * map_slot_regions + 9);
    RegionMap read(map.regions(), mib);
    for (std::uint64_t slot = 0; slot < map.slots(); ++slot) {
        const Bytes copy = encoded(map, intent, 1, slot);
        EXPECT_EQ(decode_map_slot_header(copy)->set_bits, 1u);
        EXPECT_TRUE(choose_map_slot(copy, {}, intent, slot, read).good);
    }
    EXPECT_TRUE(read.same_bits(map));
}

TEST(MapSlot, NewestCopyCountsAndTheOtherIsWrittenNext) {
    RegionMap older = fresh();
    RegionMap map = fresh();
    const MapSlotChoice choice =
        choose_map_slot(encoded(sample_map(), intent, 6), encoded(older, intent, 5), intent, 0, map);
    EXPECT_TRUE(map.same_bits(sample_map()));
    EXPECT_EQ(choice.next, (MapSlotPlace{1, 7}));
}

TEST(MapSlot, FallsBackToTheOlderCopyWhenTheNewerIsTorn) {
    RegionMap map = fresh();
    const MapSlotChoice choice =
        choose_map_slot(broken(encoded(fresh(), intent, 6)), encoded(sample_map(), intent, 5), intent, 0, map);
    EXPECT_TRUE(choice.good);
    EXPECT_TRUE(map.same_bits(sample_map()));
    EXPECT_EQ(choice.next.copy, 0u);
}

TEST(MapSlot, BothCopiesBadReadAsAllOnes) {
    RegionMap map = fresh();
    const Bytes bad = broken(encoded(fresh(), intent, 6));
    const MapSlotChoice choice = choose_map_slot(bad, bad, intent, 0, map);
    EXPECT_FALSE(choice.good);
    EXPECT_EQ(map.count(), 100u);
    EXPECT_TRUE(map.slot_dirty(0));
}

TEST(MapSlot, NeverWrittenReadsAsAllOnes) {
    RegionMap map = fresh();
    EXPECT_FALSE(choose_map_slot(Bytes(map_slot_bytes), Bytes(map_slot_bytes), intent, 0, map).good);
    EXPECT_EQ(map.count(), 100u);
}

TEST(MapSlot, UnreadableReadsAsAllOnes) {
    RegionMap map = fresh();
    EXPECT_FALSE(choose_map_slot({}, {}, intent, 0, map).good);
    EXPECT_EQ(map.count(), 100u);
}

TEST(MapSlot, AllOnesStayWithinTheSlot) {
    RegionMap map(map_slot_regions + 10, mib);
    choose_map_slot({}, {}, intent, 1, map);
    EXPECT_EQ(map.count(), 10u);
    EXPECT_FALSE(map.test(map_slot_regions - 1));
}

struct Foreign {
    const char* what;
    MapIdentity identity;
};

class ForeignMapSlot : public testing::TestWithParam<Foreign> {};

TEST_P(ForeignMapSlot, ReadsAsAllOnes) {
    RegionMap map = fresh();
    EXPECT_FALSE(choose_map_slot(encoded(fresh(), GetParam().identity, 5), {}, intent, 0, map).good);
    EXPECT_EQ(map.count(), 100u);
}

INSTANTIATE_TEST_SUITE_P(All, ForeignMapSlot,
                         testing::Values(Foreign{"other_mirror", {id_of(0x56), MapKind::intent, 0}},
                                         Foreign{"other_kind", {id_of(0x55), MapKind::owed, 0}},
                                         Foreign{"other_member", {id_of(0x55), MapKind::intent, 1}}),
                         [](const auto& instance) { return instance.param.what; });

TEST(MapSlot, OfAnotherShapeReadsAsAllOnes) {
    RegionMap more_regions(101, mib);
    EXPECT_FALSE(choose_map_slot(encoded(sample_map(), intent, 5), {}, intent, 0, more_regions).good);
    RegionMap other_size(100, 2 * mib);
    EXPECT_FALSE(choose_map_slot(encoded(sample_map(), intent, 5), {}, intent, 0, other_size).good);
    RegionMap two_slots(map_slot_regions + 1, mib);
    EXPECT_FALSE(choose_map_slot(encoded(two_slots, intent, 5, 0), {}, intent, 1, two_slots).good);
}

TEST(MapSlot, AnOlderCopyOfThisMapDoesNotComeBackAfterAnotherMapUsedThePlace) {
    const MapIdentity other{id_of(0x55), MapKind::owed, 3};
    RegionMap map = fresh();
    const MapSlotChoice choice =
        choose_map_slot(encoded(fresh(), intent, 5), encoded(fresh(), other, 6), intent, 0, map);
    EXPECT_FALSE(choice.good);
    EXPECT_EQ(map.count(), 100u);
    EXPECT_EQ(choice.next, (MapSlotPlace{0, 7}));
}

TEST(MapSlot, HeaderTellsWhoseItIs) {
    const Result<MapSlotHeader> header = decode_map_slot_header(encoded(sample_map(), test::sample_map_identity(), 8));
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->identity, test::sample_map_identity());
    EXPECT_EQ(header->stamp, (MapStamp{8, 12}));
    EXPECT_EQ(header->regions, 100u);
    EXPECT_EQ(header->region_bytes, mib);
    EXPECT_EQ(header->set_bits, 5u);
}

TEST(MapSlot, HeaderOfAnUnknownKindIsCorrupt) {
    const Bytes copy = encoded(sample_map(), {id_of(1), static_cast<MapKind>(9), 0}, 8);
    EXPECT_EQ(decode_map_slot_header(copy).error().code, Errc::corrupt);
}

TEST(MapSlotPlace, AlternatesAndCounts) {
    MapSlotPlace place{1, 7};
    place.advance();
    EXPECT_EQ(place, (MapSlotPlace{0, 8}));
}

}  // namespace
}  // namespace dst
