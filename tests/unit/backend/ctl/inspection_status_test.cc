#include "ctl/inspection_status.h"

#include <gtest/gtest.h>

#include "media/layout.h"
#include "support/inspected.h"

namespace dst::ctl {
namespace {

/// Of a labelled member with both members in sync.
MemoryLeaf well_leaf() {
    MemoryLeaf leaf = mirror_leaf();
    Record record = sample_record(leaf_bytes);
    record.members[1].state = MemberState::in_sync;
    record.members[1].last_generation = {};
    leaf.write_record(leaf_bytes, record);
    return leaf;
}

ExitStatus status_of(const MemoryLeaf& leaf) {
    MemoryLeaf copy = leaf;
    MediumInspection found{.label_state = LabelState::valid, .label = sample_label()};
    found.take(inspect_mirrors(copy, leaf_bytes, found.label));
    return exit_status_of({.media = {found}});
}

/// Of the first slot.
std::uint64_t map_at(unsigned place, unsigned copy) {
    return mirror_layout(leaf_bytes, region_bytes).map_slot(place, 0, copy).offset;
}

TEST(InspectionStatus, OfAMemberWithAllCopiesIsWell) {
    EXPECT_EQ(status_of(well_leaf()), ExitStatus::well);
    EXPECT_EQ(status_of(mirror_leaf()), ExitStatus::well);
}

TEST(InspectionStatus, OfALostRecordIsAttention) { EXPECT_EQ(status_of(MemoryLeaf()), ExitStatus::attention); }

TEST(InspectionStatus, OfOneBadCopyOfARecordIsAttention) {
    MemoryLeaf leaf = well_leaf();
    leaf.rot(record_at(0) + 200);
    EXPECT_EQ(status_of(leaf), ExitStatus::attention);
}

TEST(InspectionStatus, OfACopyOfARecordThatWasNeverWrittenIsWell) {
    MemoryLeaf leaf = well_leaf();
    leaf.write(record_at(1), Bytes(record_copy_bytes));
    EXPECT_EQ(status_of(leaf), ExitStatus::well);
}

TEST(InspectionStatus, OfABadCopyOfAMapIsAttention) {
    for (unsigned place : {0u, 1u}) {
        for (unsigned copy : {0u, 1u}) {
            MemoryLeaf leaf = well_leaf();
            leaf.rot(map_at(place, copy) + 200);
            EXPECT_EQ(status_of(leaf), ExitStatus::attention) << place << copy;
        }
    }
}

TEST(InspectionStatus, OfAnIntentMapOfWhichNoCopyCountsIsAttention) {
    MemoryLeaf leaf = well_leaf();
    for (unsigned copy : {0u, 1u}) leaf.write(map_at(0, copy), Bytes(map_slot_bytes));
    EXPECT_EQ(status_of(leaf), ExitStatus::attention);
}

TEST(InspectionStatus, OfAnOwedMapThatWasNeverWrittenIsWell) {
    MemoryLeaf leaf = mirror_leaf();
    for (unsigned copy : {0u, 1u}) leaf.write(map_at(1, copy), Bytes(map_slot_bytes));
    EXPECT_EQ(status_of(leaf), ExitStatus::well);
}

TEST(InspectionStatus, OfTheMapsOfAMemberThatIsBeingFilledIsWell) {
    MemoryLeaf leaf;
    Record record = sample_record(leaf_bytes);
    record.members[0].state = MemberState::resyncing;
    leaf.write_record(leaf_bytes, record);
    leaf.write(map_at(0, 0), Bytes(map_slot_bytes, std::byte{0x5a}));
    EXPECT_EQ(status_of(leaf), ExitStatus::well);
}

TEST(InspectionStatus, OfAMissingLabelIsAttentionAndOfAMissingMediumOther) {
    EXPECT_EQ(exit_status_of({.media = {{.label_state = LabelState::absent}}}), ExitStatus::attention);
    EXPECT_EQ(exit_status_of({.media = {{.error = Error{Errc::not_found, "x"}}}}), ExitStatus::other);
}

TEST(InspectionStatus, OfAFaultInAStorageAboveIsAttentionUnlessItMayBeOld) {
    MediumInspection tree{.kind = MediumKind::tree, .label_state = LabelState::damaged};
    MediumInspection found{.label_state = LabelState::valid, .label = sample_label(), .above = {tree}};
    EXPECT_EQ(exit_status_of({.media = {found}}), ExitStatus::attention);
    found.above[0].may_be_old = true;
    EXPECT_EQ(exit_status_of({.media = {found}}), ExitStatus::well);
}

TEST(InspectionStatus, OfAJournalIsWellWhenBothCopiesAre) {
    JournalInspection journal{.file = JournalFile::made, .journal = filled_journal()};
    journal.copies = {{{CopyState::good, 21}, {CopyState::empty}}};
    EXPECT_EQ(exit_status_of({.journals = {journal}}), ExitStatus::well);
    journal.copies[1].state = CopyState::damaged;
    EXPECT_EQ(exit_status_of({.journals = {journal}}), ExitStatus::attention);
}

}  // namespace
}  // namespace dst::ctl
