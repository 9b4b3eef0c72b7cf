#include <gtest/gtest.h>

#include "media/envelope.h"
#include "media/region_map.h"
#include "support/samples.h"

namespace dst {
namespace {

using test::id_of;
using test::sample_map;

const MapIdentity intent{id_of(0x55), MapKind::intent, 0};

Bytes encoded(const RegionMap& map, const MapIdentity& identity, std::uint64_t sequence, std::uint64_t slot = 0) {
    Bytes copy(map_slot_bytes);
    encode_map_slot(slot_of_map(map, identity, slot), {sequence, 12}, copy);
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
    const MapSlotChoice choice =
        choose_map_slot(encoded(sample_map(), intent, 5), encoded(fresh(), intent, 4), intent, 0, map);
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
        EXPECT_TRUE(choose_map_slot(copy, copy, intent, slot, read).good);
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

/// What an interrupted write leaves: for each bit of `sectors` one of `after`, else of `before`.
Bytes torn(Bytes before, const Bytes& after, unsigned sectors) {
    for (unsigned sector = 0; sector < map_slot_bytes / map_sector_bytes; ++sector) {
        const auto begin = static_cast<std::ptrdiff_t>(sector * map_sector_bytes);
        if ((sectors >> sector & 1) == 0) continue;
        std::copy_n(after.begin() + begin, map_sector_bytes, before.begin() + begin);
    }
    return before;
}

TEST(MapSlot, TornByAWriteThatWasInterruptedTheOtherCopyCounts) {
    RegionMap before_it = fresh();
    before_it.set(70);
    const Bytes before = encoded(before_it, intent, 4);
    const Bytes after = encoded(fresh(), intent, 6);
    const Bytes other = encoded(sample_map(), intent, 5);
    for (unsigned sectors = 0; sectors < 255; ++sectors) {
        RegionMap map = fresh();
        const Bytes copy = torn(before, after, sectors);
        const MapSlotChoice choice = choose_map_slot(copy, other, intent, 0, map);
        ASSERT_TRUE(choice.good) << sectors;
        ASSERT_TRUE(map.same_bits(sample_map())) << sectors;
        ASSERT_EQ(choice.next, (MapSlotPlace{0, sectors == 0 ? 6u : 7u, sectors == 0 ? 0u : 1u})) << sectors;
        ASSERT_TRUE(choose_map_slot(other, copy, intent, 0, map).good) << sectors;
        ASSERT_EQ(is_torn_map_slot(copy), sectors != 0) << sectors;
    }
}

TEST(MapSlot, TheNewestCopyThatRotsReadsAsAllOnes) {
    const Bytes older = encoded(sample_map(), intent, 5);
    for (std::size_t byte = 0; byte < map_slot_bytes; byte += 7) {
        Bytes newest = encoded(fresh(), intent, 6);
        newest[byte] ^= std::byte{0x10};
        RegionMap map = fresh();
        const MapSlotChoice choice = choose_map_slot(newest, older, intent, 0, map);
        ASSERT_FALSE(choice.good) << byte;
        ASSERT_EQ(map.count(), 100u) << byte;
        ASSERT_EQ(choice.next, (MapSlotPlace{0, 7, 1})) << byte;
        ASSERT_FALSE(choose_map_slot(older, newest, intent, 0, map).good) << byte;
        ASSERT_FALSE(find_map_slot(newest, older)) << byte;
    }
}

TEST(MapSlot, ACopyOfWhichNothingIsLeftMayHaveBeenTheNewest) {
    const Bytes other = encoded(sample_map(), intent, 5);
    for (const Bytes& gone : {Bytes{}, Bytes(map_slot_bytes), Bytes(map_slot_bytes, std::byte{0xff})}) {
        RegionMap map = fresh();
        const MapSlotChoice choice = choose_map_slot(gone, other, intent, 0, map);
        EXPECT_FALSE(choice.good);
        EXPECT_EQ(map.count(), 100u);
        EXPECT_EQ(choice.next, (MapSlotPlace{0, 6, 1}));
    }
}

TEST(MapSlot, TheOlderCopyMayRot) {
    const Bytes newest = encoded(sample_map(), intent, 6);
    for (std::size_t byte = 0; byte < map_slot_bytes; byte += 7) {
        Bytes older = encoded(fresh(), intent, 5);
        older[byte] ^= std::byte{0x10};
        RegionMap map = fresh();
        const MapSlotChoice choice = choose_map_slot(older, newest, intent, 0, map);
        ASSERT_TRUE(choice.good) << byte;
        ASSERT_TRUE(map.same_bits(sample_map())) << byte;
        ASSERT_EQ(choice.next, (MapSlotPlace{0, 7, 1})) << byte;
    }
}

TEST(MapSlot, TornAndRottenReadsAsAllOnes) {
    Bytes copy = torn(encoded(fresh(), intent, 4), encoded(fresh(), intent, 6), 0x0f);
    copy[4000] ^= std::byte{1};
    EXPECT_FALSE(is_torn_map_slot(copy));
    EXPECT_FALSE(is_torn_map_slot({}));
    RegionMap map = fresh();
    EXPECT_FALSE(choose_map_slot(copy, encoded(sample_map(), intent, 5), intent, 0, map).good);
}

TEST(MapSlot, TwoWritesMixedUnderOneSequenceAreNotGood) {
    RegionMap near(20000, mib);
    RegionMap far(20000, mib);
    near.set(3);
    far.set(19000);
    const Bytes mixed = torn(encoded(near, intent, 6), encoded(far, intent, 6), 0xf0);
    EXPECT_FALSE(choose_map_slot(mixed, encoded(near, intent, 5), intent, 0, near).good);
}

TEST(MapSlot, ACopyThatIsCutShortIsNotGoodHoweverItIsSealed) {
    Bytes copy = encoded(sample_map(), intent, 5);
    copy.resize(map_slot_bytes - 31);
    seal(copy, map_magic, 5);
    EXPECT_FALSE(decode_map_slot_header(copy));
    RegionMap map = fresh();
    EXPECT_FALSE(choose_map_slot(copy, copy, intent, 0, map).good);
    EXPECT_EQ(map.count(), map.regions());
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
    EXPECT_FALSE(
        choose_map_slot(encoded(fresh(), GetParam().identity, 5), encoded(fresh(), intent, 4), intent, 0, map).good);
    EXPECT_EQ(map.count(), 100u);
}

INSTANTIATE_TEST_SUITE_P(All, ForeignMapSlot,
                         testing::Values(Foreign{"other_mirror", {id_of(0x56), MapKind::intent, 0}},
                                         Foreign{"other_kind", {id_of(0x55), MapKind::owed, 0}},
                                         Foreign{"other_member", {id_of(0x55), MapKind::intent, 1}}),
                         [](const auto& instance) { return instance.param.what; });

TEST(MapSlot, OfAnotherShapeReadsAsAllOnes) {
    const Bytes copy = encoded(sample_map(), intent, 5);
    RegionMap more_regions(101, mib);
    EXPECT_FALSE(choose_map_slot(copy, copy, intent, 0, more_regions).good);
    RegionMap other_size(100, 2 * mib);
    EXPECT_FALSE(choose_map_slot(copy, copy, intent, 0, other_size).good);
    RegionMap two_slots(map_slot_regions + 1, mib);
    const Bytes first = encoded(two_slots, intent, 5, 0);
    EXPECT_FALSE(choose_map_slot(first, first, intent, 1, two_slots).good);
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
    MapSlotPlace place{1, 7, 1};
    place.advance();
    EXPECT_EQ(place, (MapSlotPlace{0, 8, 0}));
    place.advance();
    EXPECT_EQ(place, (MapSlotPlace{1, 9, 0}));
}

}  // namespace
}  // namespace dst
