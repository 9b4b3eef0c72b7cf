#include "ctl/inspection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "media/layout.h"
#include "support/inspected.h"

namespace dst::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Member 2's, with 3 of 16 regions set.
MapInspection owed_map() {
    MapInspection map{.kind = MapKind::owed, .member = 2, .regions = 16, .region_bytes = region_bytes};
    map.slots = {{.good = true, .set_regions = 3}};
    return map;
}

TEST(InspectMirrors, FindsRecordAndMaps) {
    MemoryLeaf leaf = mirror_leaf();
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
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
    EXPECT_EQ(intent.bad_slots(), 0u);
    const MapInspection& owed = mirrors[0].maps[1];
    EXPECT_EQ(owed.kind, MapKind::owed);
    EXPECT_EQ(owed.member, 2u);
    EXPECT_EQ(owed.set_regions(), 3u);
    EXPECT_FALSE(owed.stale);
}

TEST(InspectMirrors, TellsTheSequencesOfAllCopies) {
    MemoryLeaf leaf = mirror_leaf();
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
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
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    ASSERT_THAT(mirrors[0].maps, SizeIs(2));
    EXPECT_FALSE(mirrors[0].maps[0].good());
    const MapInspection& owed = mirrors[0].maps[1];
    EXPECT_FALSE(owed.good());
    EXPECT_EQ(owed.member, 2u);
    EXPECT_EQ(owed.set_regions(), owed.regions);
    EXPECT_EQ(owed.bad_slots(), 1u);
}

TEST(InspectMirrors, MapOfAnotherMemberMeansEverything) {
    MemoryLeaf leaf = mirror_leaf();
    Record of_mirror = sample_record(leaf_bytes);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    leaf.write_map(1, of_mirror, {of_mirror.mirror, MapKind::owed, 3}, map);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
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
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_FALSE(mirrors[0].maps.at(0).good());
}

TEST(InspectMirrors, MapsOfALargerMemberHaveTheRegionsThatTheMirrorOffers) {
    MemoryLeaf leaf;
    Record of_mirror = sample_record(leaf_bytes);
    of_mirror.size_bytes = 7 * mib + 4096;
    leaf.write_record(leaf_bytes, of_mirror);
    leaf.write_map(0, of_mirror, {of_mirror.mirror, MapKind::intent, 0}, RegionMap(8, region_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps.at(0).regions, 8u);
    EXPECT_EQ(mirrors[0].maps.at(0).set_regions(), 0u);
}

TEST(InspectMirrors, MapOfAMemberThatWasRemovedIsStale) {
    MemoryLeaf leaf = mirror_leaf();
    Record of_mirror = sample_record(leaf_bytes);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    leaf.write_map(2, of_mirror, {of_mirror.mirror, MapKind::owed, 3}, map);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    ASSERT_THAT(mirrors[0].maps, SizeIs(3));
    EXPECT_TRUE(mirrors[0].maps[2].stale);
    EXPECT_EQ(mirrors[0].maps[2].member, 3u);
}

TEST(InspectMirrors, MediumThatNoMemberHasIsToldFromOneWithoutMaps) {
    MemoryLeaf leaf = mirror_leaf();
    Label of_another = sample_label();
    of_another.medium = make_id(0x7e);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, of_another);
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].member, 0u);
    EXPECT_THAT(mirrors[0].maps, IsEmpty());
}

TEST(InspectMirrors, MapWhoseNewestCopyIsBadCountsAsSet) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 1).offset + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    const MapInspection& intent = mirrors[0].maps.at(0);
    EXPECT_EQ(intent.set_regions(), intent.regions);
    EXPECT_EQ(intent.bad_slots(), 1u);
    EXPECT_EQ(intent.slots.at(0).copies[1].state, CopyState::damaged);
}

TEST(MapMeaning, OfAMemberThatIsNotInSyncIsItsSetRegions) {
    EXPECT_EQ(meaning_of(owed_map(), sample_record(leaf_bytes)), MapMeaning::set_regions);
}

TEST(MapMeaning, OfAMemberInSyncIsNothingWhateverIsSet) {
    Record record = sample_record(leaf_bytes);
    record.members[1].state = MemberState::in_sync;
    record.members[1].last_generation = {};
    EXPECT_EQ(meaning_of(owed_map(), record), MapMeaning::unread);
}

TEST(MapMeaning, OfAMemberOfWhichNobodyKnowsWhatItLacksIsEverything) {
    Record record = sample_record(leaf_bytes);
    record.members[1].last_generation = {};
    EXPECT_EQ(meaning_of(owed_map(), record), MapMeaning::lack_unknown);
}

TEST(MapMeaning, OfAMemberThatKnewAGenerationOffTheLineIsEverything) {
    Record record = sample_record(leaf_bytes);
    record.lineage.clear();
    EXPECT_EQ(meaning_of(owed_map(), record), MapMeaning::lack_unknown);
}

TEST(MapMeaning, OfAnIntentMapIsItsSetRegionsWhateverTheMembersAre) {
    Record record = sample_record(leaf_bytes);
    record.members[1].last_generation = {};
    MapInspection intent = owed_map();
    intent.kind = MapKind::intent;
    intent.member = 0;
    EXPECT_EQ(meaning_of(intent, record), MapMeaning::set_regions);
}

TEST(MapMeaning, OfAStaleMapIsNothing) {
    MapInspection stale = owed_map();
    stale.stale = true;
    EXPECT_EQ(meaning_of(stale, sample_record(leaf_bytes)), MapMeaning::unread);
}

TEST(MapMeaning, OfAMapThatIsNotGoodIsEverything) {
    MapInspection bad = owed_map();
    bad.slots[0].good = false;
    EXPECT_EQ(meaning_of(bad, sample_record(leaf_bytes)), MapMeaning::no_copy);
}

TEST(InspectMirrors, TornCopyOfAMapIsNotCalledDamaged) {
    MemoryLeaf leaf = mirror_leaf();
    const std::uint64_t older = mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 0).offset;
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    Bytes next(map_slot_bytes);
    encode_map_slot(slot_of_map(map, {make_id(5), MapKind::intent, 0}, 0), {3, 12}, next);
    next.resize(map_sector_bytes);
    leaf.write(older, next);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
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
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record.revision, 13u);
    EXPECT_EQ(mirrors[0].bad_copies(), 1u);
    EXPECT_EQ(mirrors[0].copies[1].state, CopyState::damaged);
}

TEST(InspectMirrors, CopyThatWasNeverWrittenIsNotBad) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes, Bytes(record_copy_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].copies[1].state, CopyState::empty);
    EXPECT_EQ(mirrors[0].bad_copies(), 0u);
}

TEST(InspectMirrors, CopyThatWasOverwrittenIsBad) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes, Bytes(record_copy_bytes, std::byte{0x5a}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].copies[1].state, CopyState::foreign);
    EXPECT_EQ(mirrors[0].bad_copies(), 1u);
}

TEST(InspectMirrors, AnotherStoragesRecordIsNotShown) {
    MemoryLeaf leaf = mirror_leaf();
    Label foreign = sample_label();
    foreign.storage = make_id(77);
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, foreign), IsEmpty());
}

TEST(InspectMirrors, LeafWithoutRecordHasNone) {
    MemoryLeaf leaf;
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, sample_label()), IsEmpty());
    EXPECT_THAT(inspect_mirrors(leaf, record_copy_bytes, sample_label()), IsEmpty());
}

TEST(InspectMirrors, MirrorOfMirrorsIsShownInnermostFirst) {
    MemoryLeaf leaf = mirror_leaf();
    std::uint64_t inner_data = sample_record(leaf_bytes).size_bytes;
    Record outer = sample_record(inner_data);
    outer.mirror = make_id(50);
    leaf.write_record(inner_data, outer);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(2));
    EXPECT_EQ(mirrors[0].record.mirror, make_id(5));
    EXPECT_EQ(mirrors[1].record.mirror, make_id(50));
}

TEST(InspectMirrors, LastPartOfALinearHoldsTheMembersMetadata) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, sample_record(3 * leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_TRUE(mirrors[0].maps_here);
}

TEST(InspectMirrors, MapsOnAnotherPartOfALinearAreToldApart) {
    MemoryLeaf leaf(2 * record_copy_bytes + map_slot_bytes);
    std::uint64_t size = leaf.bytes().size();
    leaf.write_record(size, sample_record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, size, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_FALSE(mirrors[0].maps_here);
}

class InspectFile : public testing::Test {
protected:
    InspectFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "dst-inspect-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~InspectFile() override { std::filesystem::remove_all(folder_); }

    std::string write(const Bytes& bytes) const {
        std::string path = folder_ + "/disk.img";
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path;
    }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }

private:
    std::string folder_;
};

TEST_F(InspectFile, ShowsLabelAndMirror) {
    std::string file = write(labelled(mirror_leaf()));
    MediumInspection found = inspect_local_medium(file);
    EXPECT_FALSE(found.error.has_value());
    EXPECT_EQ(found.size_bytes, leaf_bytes + label_area_bytes);
    EXPECT_EQ(found.label_state, LabelState::valid);
    EXPECT_EQ(found.label, sample_label());
    EXPECT_EQ(found.label_fault, "");
    EXPECT_THAT(found.mirrors, SizeIs(1));
}

TEST_F(InspectFile, OneBadLabelCopyIsTold) {
    Bytes medium = labelled(mirror_leaf());
    medium[label_copy(medium.size(), 0).offset + 20] ^= std::byte{1};
    MediumInspection found = inspect_local_medium(write(medium));
    EXPECT_EQ(found.label_state, LabelState::valid);
    EXPECT_THAT(found.label_fault, HasSubstr("one of the two copies"));
    EXPECT_THAT(*found.label_copies,
                ElementsAre(CopyInspection{CopyState::damaged}, CopyInspection{CopyState::good, 9}));
}

TEST_F(InspectFile, BlankMediumHasNoLabel) {
    MediumInspection found = inspect_local_medium(write(Bytes(leaf_bytes)));
    EXPECT_EQ(found.label_state, LabelState::absent);
    EXPECT_THAT(found.mirrors, IsEmpty());
}

TEST_F(InspectFile, TinyAndEmptyFilesHaveNoLabel) {
    EXPECT_EQ(inspect_local_medium(write(Bytes(4096))).label_state, LabelState::absent);
    EXPECT_EQ(inspect_local_medium(write({})).label_state, LabelState::absent);
}

TEST_F(InspectFile, MissingFileAndFolderAreErrors) {
    EXPECT_EQ(inspect_local_medium(path("none")).error->code, Errc::not_found);
    EXPECT_TRUE(inspect_local_medium(path("")).error.has_value());
}

TEST_F(InspectFile, MediumIsNoJournal) {
    EXPECT_FALSE(is_journal_file(write(labelled(mirror_leaf()))));
    EXPECT_FALSE(is_journal_file(path("none")));
}

TEST_F(InspectFile, MissingJournalIsAnError) { EXPECT_TRUE(inspect_journal(path("none")).error.has_value()); }

}  // namespace
}  // namespace dst::ctl
