#include "ctl/inspection.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "media/layout.h"
#include "support/inspected.h"
#include "support/inspected_file.h"

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

TEST_F(InspectFile, MirrorsAreFoundWithoutALabel) {
    Bytes medium = labelled(mirror_leaf());
    for (unsigned copy : {0u, 1u}) medium[label_copy(medium.size(), copy).offset + 20] ^= std::byte{1};
    const MediumInspection found = inspect_local_medium(write(medium));
    EXPECT_EQ(found.label_state, LabelState::damaged);
    ASSERT_THAT(found.mirrors, SizeIs(1));
    EXPECT_EQ(found.mirrors[0].record, sample_record(leaf_bytes));
    EXPECT_THAT(found.mirrors[0].maps, SizeIs(2));
}

TEST_F(InspectFile, RecordThatIsGoneIsTold) {
    EXPECT_TRUE(inspect_local_medium(write(labelled(MemoryLeaf()))).lost_record.has_value());
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

}  // namespace
}  // namespace dst::ctl
