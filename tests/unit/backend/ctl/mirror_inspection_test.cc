#include <gmock/gmock.h>

#include "ctl/inspection.h"
#include "media/layout.h"
#include "support/inspected.h"

namespace dst::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(InspectMirrors, FindsRecordAndMaps) {
    MemoryLeaf leaf = mirror_leaf();
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record, sample_record(leaf_bytes));
    EXPECT_EQ(mirrors[0].bad_copies(), 0u);
    EXPECT_EQ(mirrors[0].member, 1u);
    EXPECT_TRUE(mirrors[0].maps_here);
    ASSERT_THAT(mirrors[0].maps, SizeIs(2));
    const MapInspection& intent = mirrors[0].maps[0];
    EXPECT_EQ(intent.kind, MapKind::intent);
    EXPECT_EQ(intent.regions, mirror_layout(leaf_bytes, region_bytes).regions);
    EXPECT_EQ(intent.region_bytes, region_bytes);
    EXPECT_EQ(intent.set_regions(), 2u);
    EXPECT_THAT(intent.set, ElementsAre(RegionRun{4, 2}));
    EXPECT_EQ(intent.bad_slots(), 0u);
    const MapInspection& owed = mirrors[0].maps[1];
    EXPECT_EQ(owed.kind, MapKind::owed);
    EXPECT_EQ(owed.member, 2u);
    EXPECT_EQ(owed.set_regions(), 3u);
    EXPECT_THAT(owed.set, ElementsAre(RegionRun{4, 2}, RegionRun{8, 1}));
    EXPECT_FALSE(owed.stale);
}

TEST(InspectMirrors, TellsTheSequencesOfAllCopies) {
    MemoryLeaf leaf = mirror_leaf();
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    const CopyInspection first{CopyState::good, 3};
    const CopyInspection second{CopyState::good, 4};
    EXPECT_THAT(mirrors[0].copies, ElementsAre(first, second));
    const SlotInspection& slot = mirrors[0].maps.at(1).slots.at(0);
    EXPECT_THAT(slot.copies, ElementsAre(CopyInspection{CopyState::good, 1}, CopyInspection{CopyState::good, 2}));
    EXPECT_EQ(slot.header->stamp, (MapStamp{2, 12}));
}

TEST(InspectMirrors, OwedMapWithoutAGoodCopyMeansEverything) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, sample_record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    ASSERT_THAT(mirrors[0].maps, SizeIs(2));
    EXPECT_FALSE(mirrors[0].maps[0].good());
    const MapInspection& owed = mirrors[0].maps[1];
    EXPECT_FALSE(owed.good());
    EXPECT_EQ(owed.member, 2u);
    EXPECT_EQ(owed.set_regions(), owed.regions);
    EXPECT_THAT(owed.set, ElementsAre(RegionRun{0, owed.regions}));
    EXPECT_EQ(owed.bad_slots(), 1u);
}

TEST(InspectMirrors, MakesNoRoomForMapsThatDoNotFitOnTheLeaf) {
    Record record = sample_record(leaf_bytes);
    record.region_bytes = 4096;
    record.size_bytes = std::uint64_t{1} << 61;
    record.members[0].size_bytes = std::uint64_t{1} << 62;
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, record);
    const MirrorsInspection found = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(found.mirrors, SizeIs(1));
    EXPECT_FALSE(found.mirrors[0].maps_here);
}

TEST(InspectMirrors, MapOfAnotherMemberMeansEverything) {
    MemoryLeaf leaf = mirror_leaf();
    Record of_mirror = sample_record(leaf_bytes);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    leaf.write_map(1, of_mirror, {of_mirror.mirror, MapKind::owed, 3}, map);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    const MapInspection& owed = mirrors[0].maps.at(1);
    EXPECT_FALSE(owed.good());
    EXPECT_EQ(owed.member, 2u);
    EXPECT_EQ(owed.slots.at(0).header->identity.member, 3u);
}

TEST(InspectMirrors, MapOfOtherRegionsMeansEverything) {
    MemoryLeaf leaf = mirror_leaf();
    Record of_mirror = sample_record(leaf_bytes);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions - 1, region_bytes);
    leaf.write_map(0, of_mirror, {of_mirror.mirror, MapKind::intent, 0}, map);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_FALSE(mirrors[0].maps.at(0).good());
}

TEST(InspectMirrors, MapsOfALargerMemberHaveTheRegionsThatTheMirrorOffers) {
    MemoryLeaf leaf;
    Record of_mirror = sample_record(leaf_bytes);
    of_mirror.size_bytes = 7 * mib + 4096;
    leaf.write_record(leaf_bytes, of_mirror);
    leaf.write_map(0, of_mirror, {of_mirror.mirror, MapKind::intent, 0}, RegionMap(8, region_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps.at(0).regions, 8u);
    EXPECT_EQ(mirrors[0].maps.at(0).set_regions(), 0u);
}

TEST(InspectMirrors, MapOfAMemberThatWasRemovedIsStale) {
    MemoryLeaf leaf = mirror_leaf();
    Record of_mirror = sample_record(leaf_bytes);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    leaf.write_map(2, of_mirror, {of_mirror.mirror, MapKind::owed, 3}, map);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    ASSERT_THAT(mirrors[0].maps, SizeIs(3));
    EXPECT_TRUE(mirrors[0].maps[2].stale);
    EXPECT_EQ(mirrors[0].maps[2].member, 3u);
}

TEST(InspectMirrors, MediumThatNoMemberHasIsToldFromOneWithoutMaps) {
    MemoryLeaf leaf = mirror_leaf();
    Label of_another = sample_label();
    of_another.medium = make_id(0x7e);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, of_another).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].member, 0u);
    EXPECT_THAT(mirrors[0].maps, IsEmpty());
}

TEST(InspectMirrors, MapWhoseNewestCopyIsBadCountsAsSet) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 1).offset + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    const MapInspection& intent = mirrors[0].maps.at(0);
    EXPECT_EQ(intent.set_regions(), intent.regions);
    EXPECT_EQ(intent.bad_slots(), 1u);
    EXPECT_EQ(intent.slots.at(0).copies[1].state, CopyState::damaged);
}

TEST(InspectMirrors, TornCopyOfAMapIsNotCalledDamaged) {
    MemoryLeaf leaf = mirror_leaf();
    const std::uint64_t older = mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 0).offset;
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    Bytes next(map_slot_bytes);
    encode_map_slot(slot_of_map(map, {make_id(5), MapKind::intent, 0}, 0), {3, 12}, next);
    next.resize(map_sector_bytes);
    leaf.write(older, next);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps.at(0).slots.at(0).copies[0].state, CopyState::torn);
    EXPECT_EQ(mirrors[0].maps.at(0).set_regions(), 2u);
}

TEST(InspectMirrors, NewestCopyCountsAndABadOneIsTold) {
    MemoryLeaf leaf = mirror_leaf();
    Record newer = sample_record(leaf_bytes);
    newer.revision = 13;
    leaf.write_record(leaf_bytes, newer, 8);
    leaf.write(leaf_bytes - record_copy_bytes + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record.revision, 13u);
    EXPECT_EQ(mirrors[0].bad_copies(), 1u);
    EXPECT_EQ(mirrors[0].copies[1].state, CopyState::damaged);
}

TEST(InspectMirrors, CopyThatWasNeverWrittenIsNotBad) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes, Bytes(record_copy_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].copies[1].state, CopyState::empty);
    EXPECT_EQ(mirrors[0].bad_copies(), 0u);
}

TEST(InspectMirrors, CopyThatWasOverwrittenIsBad) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes, Bytes(record_copy_bytes, std::byte{0x5a}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].copies[1].state, CopyState::foreign);
    EXPECT_EQ(mirrors[0].bad_copies(), 1u);
}

TEST(InspectMirrors, AnotherStoragesRecordIsNotShown) {
    MemoryLeaf leaf = mirror_leaf();
    Label foreign = sample_label();
    foreign.storage = make_id(77);
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, foreign).mirrors, IsEmpty());
}

TEST(InspectMirrors, LeafWithoutRecordHasNone) {
    MemoryLeaf leaf;
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors, IsEmpty());
    EXPECT_THAT(inspect_mirrors(leaf, record_copy_bytes, sample_label()).mirrors, IsEmpty());
}

TEST(InspectMirrors, MirrorOfMirrorsIsShownInnermostFirst) {
    MemoryLeaf leaf = mirror_leaf();
    std::uint64_t inner_data = sample_record(leaf_bytes).size_bytes;
    Record outer = sample_record(inner_data);
    outer.mirror = make_id(50);
    leaf.write_record(inner_data, outer);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(2));
    EXPECT_EQ(mirrors[0].record.mirror, make_id(5));
    EXPECT_EQ(mirrors[1].record.mirror, make_id(50));
}

TEST(InspectMirrors, LastPartOfALinearHoldsTheMembersMetadata) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, sample_record(3 * leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_TRUE(mirrors[0].maps_here);
}

TEST(InspectMirrors, MapsOnAnotherPartOfALinearAreToldApart) {
    MemoryLeaf leaf(2 * record_copy_bytes + map_slot_bytes);
    std::uint64_t size = leaf.bytes().size();
    leaf.write_record(size, sample_record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, size, sample_label()).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_FALSE(mirrors[0].maps_here);
}

/// The label of a leaf in that place.
Label label_at(const std::string& place) {
    Label label = sample_label();
    label.place = place;
    return label;
}

TEST(InspectMirrors, RecordThatIsGoneIsToldOfAMember) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.rot(record_at(0) + 200);
    leaf.write(record_at(1), Bytes(record_copy_bytes));
    const MirrorsInspection found = inspect_mirrors(leaf, leaf_bytes, sample_label());
    EXPECT_THAT(found.mirrors, IsEmpty());
    ASSERT_TRUE(found.lost.has_value());
    EXPECT_THAT(found.lost->copies, ElementsAre(CopyInspection{CopyState::damaged}, CopyInspection{CopyState::empty}));
    EXPECT_EQ(found.lost->why.code, Errc::corrupt);
}

TEST(InspectMirrors, RecordThatWasZeroedIsToldOfAMember) {
    MemoryLeaf leaf;
    EXPECT_TRUE(inspect_mirrors(leaf, leaf_bytes, label_at("/1")).lost.has_value());
    EXPECT_TRUE(inspect_mirrors(leaf, leaf_bytes, label_at(".0/1")).lost.has_value());
}

TEST(InspectMirrors, NoRecordIsMissedWhereNoneNeedBe) {
    MemoryLeaf leaf;
    for (const char* place : {"-", ".1", "/2.0"}) {
        EXPECT_FALSE(inspect_mirrors(leaf, leaf_bytes, label_at(place)).lost.has_value()) << place;
    }
    EXPECT_FALSE(inspect_mirrors(leaf, leaf_bytes, {}).lost.has_value());
}

TEST(InspectMirrors, DamagedRecordOnThePartOfALinearIsTold) {
    MemoryLeaf leaf = mirror_leaf();
    for (unsigned copy : {0u, 1u}) leaf.rot(record_at(copy) + 200);
    EXPECT_TRUE(inspect_mirrors(leaf, leaf_bytes, label_at("/2.0")).lost.has_value());
    EXPECT_TRUE(inspect_mirrors(leaf, leaf_bytes, {}).lost.has_value());
    EXPECT_FALSE(inspect_mirrors(leaf, leaf_bytes, label_at(".0")).lost.has_value());
}

TEST(InspectMirrors, RecordThatIsGoneIsToldOfTheOuterMirror) {
    MemoryLeaf leaf = mirror_leaf();
    const MirrorsInspection found = inspect_mirrors(leaf, leaf_bytes, label_at("/2/1"));
    EXPECT_THAT(found.mirrors, SizeIs(1));
    EXPECT_TRUE(found.lost.has_value());
}

TEST(InspectMirrors, NewestCopyOfAnotherVersionMakesTheOtherOneStale) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(record_at(0), of_version(*encode_record(sample_record(leaf_bytes), 9), 2));
    const MirrorsInspection found = inspect_mirrors(leaf, leaf_bytes, sample_label());
    EXPECT_THAT(found.mirrors, IsEmpty());
    ASSERT_TRUE(found.lost.has_value());
    EXPECT_THAT(found.lost->copies,
                ElementsAre(CopyInspection{CopyState::other_version, 9, 2}, CopyInspection{CopyState::good, 4}));
    EXPECT_EQ(found.lost->why.code, Errc::not_supported);
    EXPECT_THAT(found.lost->why.text, HasSubstr("version 2"));
}

TEST(InspectMirrors, OlderCopyOfAnotherVersionIsBadAndTheOtherOneCounts) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(record_at(0), of_version(*encode_record(sample_record(leaf_bytes), 3), 2));
    const MirrorsInspection found = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(found.mirrors, SizeIs(1));
    EXPECT_EQ(found.mirrors[0].bad_copies(), 1u);
}

TEST(InspectMirrors, AnotherStoragesRecordOnAMemberIsTold) {
    MemoryLeaf leaf = mirror_leaf();
    Label foreign = sample_label();
    foreign.storage = make_id(77);
    EXPECT_EQ(inspect_mirrors(leaf, leaf_bytes, foreign).lost.value().storage, make_id(2));
    foreign.place = "/1.0";
    EXPECT_FALSE(inspect_mirrors(leaf, leaf_bytes, foreign).lost.has_value());
}

/// Where the data end that a leaf in `place` has below its mirror of this record.
std::optional<std::uint64_t> data_end_at(const std::string& place, const Record& record) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, record);
    return inspect_mirrors(leaf, leaf_bytes, label_at(place)).data_end;
}

TEST(InspectMirrors, DataEndWhereTheOutermostMirrorsDo) {
    const Record record = sample_record(leaf_bytes);
    EXPECT_EQ(data_end_at("/1", record), record.size_bytes);
    EXPECT_EQ(data_end_at(".0/1", record), record.size_bytes);
    MemoryLeaf blank;
    EXPECT_EQ(inspect_mirrors(blank, leaf_bytes, label_at("-")).data_end, leaf_bytes);
    EXPECT_EQ(inspect_mirrors(blank, leaf_bytes, {}).data_end, leaf_bytes);
}

TEST(InspectMirrors, DataEndIsUnknownWithoutARecordThatTells) {
    const Record record = sample_record(leaf_bytes);
    EXPECT_EQ(data_end_at("/2/1", record), std::nullopt);
    EXPECT_EQ(data_end_at("/1.0/1", record), std::nullopt);
    MemoryLeaf blank;
    EXPECT_EQ(inspect_mirrors(blank, leaf_bytes, label_at("/1")).data_end, std::nullopt);
    EXPECT_EQ(inspect_mirrors(blank, leaf_bytes, label_at("/1.0")).data_end, std::nullopt);
}

TEST(InspectMirrors, DataThatEndOnAnotherPartOfALinearAreToldToDoSo) {
    Record record = sample_record(3 * leaf_bytes);
    EXPECT_EQ(data_end_at("/1.2", record), record.size_bytes - 2 * leaf_bytes);
    record.size_bytes = 2 * leaf_bytes;
    EXPECT_EQ(data_end_at("/1.2", record), std::nullopt);
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, record);
    EXPECT_TRUE(inspect_mirrors(leaf, leaf_bytes, label_at("/1.2")).ends_elsewhere);
}

TEST(InspectMirrors, WithoutALabelOwedMapsTellWhichMemberItIs) {
    MemoryLeaf leaf = mirror_leaf();
    const auto mirrors = inspect_mirrors(leaf, leaf_bytes, {}).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].member, 1u);
    EXPECT_THAT(mirrors[0].maps, SizeIs(2));
}

TEST(InspectMirrors, WithoutALabelTheIntentMapIsFoundOfWhicheverMemberItIs) {
    MemoryLeaf leaf;
    const Record record = sample_record(leaf_bytes);
    leaf.write_record(leaf_bytes, record);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    map.set(3);
    leaf.write_map(0, record, {record.mirror, MapKind::intent, 0}, map);
    const auto mirrors = inspect_mirrors(leaf, leaf_bytes, {}).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].member, 0u);
    ASSERT_THAT(mirrors[0].maps, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps[0].set_regions(), 1u);
}

TEST(InspectMirrors, WithoutALabelALeafOfAnotherSizeHasNoMaps) {
    MemoryLeaf leaf = mirror_leaf();
    Record record = sample_record(leaf_bytes);
    for (RecordMember& member : record.members) member.leaves[0].size_bytes = leaf_bytes / 2;
    leaf.write_record(leaf_bytes, record);
    const auto mirrors = inspect_mirrors(leaf, leaf_bytes, {}).mirrors;
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].member, 0u);
    EXPECT_THAT(mirrors[0].maps, IsEmpty());
}

}  // namespace
}  // namespace dst::ctl
