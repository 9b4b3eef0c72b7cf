#include "ctl/inspection_text.h"

#include <gmock/gmock.h>

#include "media/layout.h"
#include "support/inspected.h"

namespace dst::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const Inspection& found, bool verbose = false) {
    PlainTerminal plain;
    return inspection_text(found, plain.terminal(), verbose);
}

Inspection medium_with(const MemoryLeaf& leaf, const Label& label = sample_label()) {
    MemoryLeaf copy = leaf;
    MediumInspection found{.name = "/dev/sdb", .size_bytes = leaf_bytes, .label_state = LabelState::valid};
    found.label = label;
    found.label_copies = {{{CopyState::good, 9}, {CopyState::good, 9}}};
    found.take(inspect_mirrors(copy, leaf_bytes, label));
    return {.media = {found}};
}

Inspection filled_medium() {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write_record(leaf_bytes, filled_record());
    return medium_with(leaf);
}

Inspection journal_with(const Journal& journal) {
    JournalInspection found{.path = "/var/lib/dst/vol0.journal", .file = JournalFile::made, .journal = journal};
    found.copies = {{{CopyState::good, 21}, {CopyState::good, 21}}};
    return {.journals = {found}};
}

TEST(InspectionText, TellsLabelRecordAndMaps) {
    const std::string text = text_of(medium_with(mirror_leaf()));
    EXPECT_THAT(text, HasSubstr("  label    storage vol0 02020202020202020202020202020202\n"));
    EXPECT_THAT(text, HasSubstr("place /1 (member 1)  16.0 MiB  blocks of 512\n"));
    EXPECT_THAT(text, HasSubstr("promised epoch 4 of head 03030303  served epoch 4 of head 03030303\n"));
    EXPECT_THAT(text, HasSubstr("  regions of 1.0 MiB  blocks of 512\n"));
    EXPECT_THAT(text, HasSubstr("generation 7 07070707  revision 12  epoch 4 of head 03030303\n"));
    EXPECT_THAT(text, HasSubstr("member 1  /dev/sdb      in sync  revision 12  16.0 MiB\n"));
    EXPECT_THAT(text, HasSubstr("member 2  node:1/disk0  dirty    revision 12  16.0 MiB  last generation 08080808\n"));
    EXPECT_THAT(text, HasSubstr("  intent   2 of 16 regions may differ\n"));
    EXPECT_THAT(text, HasSubstr("  owed     3 of 16 regions owed to member 2\n"));
}

TEST(InspectionText, TellsIdsAndListsOfARecordOnlyWhenAsked) {
    const std::string text = text_of(filled_medium(), true);
    EXPECT_THAT(text, HasSubstr("           medium 06060606060606060606060606060606  next member 3\n"));
    EXPECT_THAT(text, HasSubstr("           storage 02020202020202020202020202020202\n"));
    EXPECT_THAT(text, HasSubstr("           earlier generation 76767676767676767676767676767676\n"
                                "           earlier generation 75757575757575757575757575757575\n"));
    EXPECT_THAT(text, HasSubstr("forced  ordered 76767676767676767676767676767676\n"));
    EXPECT_THAT(text, HasSubstr("             incarnation 99999999999999999999999999999999\n"));
    EXPECT_THAT(text,
                HasSubstr("             may have generation 76767676767676767676767676767676 of an order, known to "
                          "epoch 3 of head 44444444444444444444444444444444 up to revision 11\n"));
    EXPECT_THAT(text,
                HasSubstr("             may have generation 74747474747474747474747474747474, known to this epoch "
                          "up to revision 10\n"));
    EXPECT_THAT(text, HasSubstr("             leaf /2  medium 09090909090909090909090909090909  16.0 MiB (16777216 "
                                "bytes)  blocks of 512 (physical 4096)\n"));
    const std::string brief = text_of(filled_medium());
    for (const char* word : {"next member", "earlier", "incarnation", "may have", "leaf", "slot"}) {
        EXPECT_THAT(brief, Not(HasSubstr(word)));
    }
}

TEST(InspectionText, TellsSlotsAndCopiesOnlyWhenAsked) {
    const std::string text = text_of(filled_medium(), true);
    EXPECT_THAT(text, HasSubstr("  copies   both: sequence 9\n"));
    EXPECT_THAT(text, HasSubstr("  copies   copy 0: sequence 3, copy 1: sequence 4\n"));
    EXPECT_THAT(text, HasSubstr("  owed     3 of 16 regions owed to member 2\n"
                                "             slot 0  3 set  revision 12  copy 0: sequence 1, copy 1: sequence 2\n"));
}

TEST(InspectionText, TellsCopiesOfWhichOneIsNotGood) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes + 200, Bytes(1, std::byte{0xff}));
    EXPECT_THAT(text_of(medium_with(leaf)), HasSubstr("  copies   copy 0: sequence 3, copy 1: damaged\n"));
}

TEST(InspectionText, TellsWhatIsOwedWithoutACopyOfTheMapThatCounts) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, sample_record(leaf_bytes));
    EXPECT_THAT(text_of(medium_with(leaf)),
                HasSubstr("  intent   everything may differ (no copy of the map that counts)\n"
                          "  owed     everything to member 2 (no copy of the map that counts)\n"));
}

TEST(InspectionText, SaysNotThatNoCopyIsGoodWhenTheOlderOneIs) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 1).offset + 200, Bytes(1, std::byte{0xff}));
    EXPECT_THAT(
        text_of(medium_with(leaf), true),
        HasSubstr("  intent   everything may differ (no copy of the map that counts)\n"
                  "           a bad copy in 1 of 1 map slots, which the next start writes anew; watch the disk\n"
                  "             slot 0  16 set  copy 0: sequence 1, copy 1: damaged\n"));
}

TEST(InspectionText, OwesEverythingToAMemberOfWhichNobodyKnowsWhatItLacks) {
    MemoryLeaf leaf = mirror_leaf();
    Record record = sample_record(leaf_bytes);
    record.members[1].last_generation = {};
    leaf.write_record(leaf_bytes, record);
    EXPECT_THAT(text_of(medium_with(leaf)),
                HasSubstr("  owed     everything to member 2 (nobody knows what it lacks)\n"));
}

TEST(InspectionText, OwesNothingToAMemberInSyncWhoseMapIsNotRead) {
    Record record = sample_record(leaf_bytes);
    record.members[1].state = MemberState::in_sync;
    record.members[1].last_generation = {};
    for (MemoryLeaf leaf : {mirror_leaf(), MemoryLeaf()}) {
        leaf.write_record(leaf_bytes, record);
        EXPECT_THAT(text_of(medium_with(leaf)), HasSubstr("  owed     nothing to member 2, which is in sync\n"));
    }
}

TEST(InspectionText, TellsAMapThatIsNobodysOnlyWhenAsked) {
    MemoryLeaf leaf = mirror_leaf();
    Record record = sample_record(leaf_bytes);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    leaf.write_map(2, record, {record.mirror, MapKind::owed, 3}, map);
    EXPECT_THAT(text_of(medium_with(leaf)), Not(HasSubstr("member 3")));
    EXPECT_THAT(text_of(medium_with(leaf), true), HasSubstr("  stale    0 of 16 regions once owed to member 3\n"));
}

TEST(InspectionText, TellsWhichRegionsAreSetWhenAsked) {
    EXPECT_THAT(text_of(medium_with(mirror_leaf())), Not(HasSubstr("each")));
    EXPECT_THAT(text_of(medium_with(mirror_leaf()), true), HasSubstr("             regions 4..5, 8  1.0 MiB each\n"));
}

TEST(InspectionText, TellsTheFirstOfManyRunsOfRegions) {
    Inspection found = filled_medium();
    MapInspection& intent = found.media[0].mirrors[0].maps[0];
    intent.set.clear();
    for (std::uint64_t i = 0; i < 70; ++i) intent.set.push_back({2 * i, 1});
    EXPECT_THAT(text_of(found, true), HasSubstr(", 126 and 6 more runs (--json has all)  1.0 MiB each\n"));
}

TEST(InspectionText, TellsSlotsWithoutACopyThatCounts) {
    Inspection found = filled_medium();
    MapInspection& intent = found.media[0].mirrors[0].maps[0];
    intent.slots.push_back({.set_regions = 4, .copies = {{{CopyState::torn}, {CopyState::foreign}}}});
    EXPECT_THAT(text_of(found),
                HasSubstr("  intent   6 of 16 regions may differ  (1 of 2 map slots without a copy that counts, "
                          "all of which counts as set)\n"));
    EXPECT_THAT(text_of(found, true), HasSubstr("             slot 1  4 set  copy 0: torn, copy 1: not of DST\n"));
}

TEST(InspectionText, TellsWhoseASlotInTheWrongPlaceIs) {
    MemoryLeaf leaf = mirror_leaf();
    Record record = sample_record(leaf_bytes);
    leaf.write_map(1, record, {record.mirror, MapKind::owed, 3}, RegionMap(16, region_bytes));
    EXPECT_THAT(
        text_of(medium_with(leaf), true),
        HasSubstr("             slot 0  16 set  of another map: owed of mirror 05050505050505050505050505050505 "
                  "member 3 slot 0 of 16 regions of 1.0 MiB revision 12  copy 0: "));
}

TEST(InspectionText, TellsOfAMediumThatNoMemberHas) {
    Label label = sample_label();
    label.medium = make_id(0x7e);
    EXPECT_THAT(text_of(medium_with(mirror_leaf(), label)),
                HasSubstr("  maps     not found: no member of the record has this medium\n"));
}

TEST(InspectionText, TellsWhatIsWrongWithALabel) {
    Inspection found;
    found.media = {{.name = "/a", .size_bytes = mib, .label_state = LabelState::damaged, .label_fault = "checksum"}};
    EXPECT_EQ(text_of(found), "/a  1.0 MiB\n  label    damaged: checksum\n");
}

TEST(InspectionText, TellsARecordThatIsGoneAndWhatComesOfIt) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.rot(record_at(0) + 200);
    leaf.write(record_at(1), Bytes(record_copy_bytes));
    EXPECT_THAT(text_of(medium_with(leaf)),
                HasSubstr("  mirror   no record that counts, though one belongs here: copy 0: damaged, copy 1: empty\n"
                          "           the member counts as one that lacks everything, and is filled anew from one in "
                          "sync; look at the disk\n"));
}

TEST(InspectionText, NamesTheVersionOfARecordThatDoesNotCount) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(record_at(0), of_version(*encode_record(sample_record(leaf_bytes), 9), 2));
    EXPECT_THAT(text_of(medium_with(leaf)),
                HasSubstr(": copy 0: format version 2 sequence 9, copy 1: sequence 4\n           the record has format "
                          "version 2, this program knows version 1: use the DST that wrote it\n"));
}

TEST(InspectionText, TellsARecordOfAnotherStorage) {
    Label label = sample_label();
    label.storage = make_id(0x77);
    EXPECT_THAT(text_of(medium_with(mirror_leaf(), label)),
                HasSubstr("  mirror   the record is of another storage, 02020202020202020202020202020202: copy 0: "
                          "sequence 3, copy 1: sequence 4\n           the medium is not used"));
}

TEST(InspectionText, TellsWhereTheRecordOfALinearIs) {
    Label label = sample_label();
    label.place = "/1.0";
    EXPECT_THAT(text_of(medium_with(MemoryLeaf(), label)),
                HasSubstr("  mirror   no record here: the last part of the"));
    EXPECT_THAT(text_of(medium_with(mirror_leaf(), label)), Not(HasSubstr("no record")));
    label.place = ".0";
    EXPECT_THAT(text_of(medium_with(MemoryLeaf(), label)), Not(HasSubstr("no record")));
}

TEST(InspectionText, TellsThatTheRecordOfANestedLinearIsElsewhere) {
    Label label = sample_label();
    label.place = "/1.0/1";
    Inspection found = medium_with(mirror_leaf(), label);
    EXPECT_THAT(text_of(found), HasSubstr("  mirror   no record here: the last part of the linear has it; "));
    found.media[0].ends_elsewhere = true;
    EXPECT_THAT(text_of(found), HasSubstr("  mirror   the record of the one above is on another part of the linear\n"));
}

TEST(InspectionText, TellsThatWhatAStorageAboveKeepsMayBeOld) {
    Inspection found = medium_with(mirror_leaf());
    found.media[0].above = {{.name = "tree vol0", .kind = MediumKind::tree, .may_be_old = true}};
    EXPECT_THAT(text_of(found),
                HasSubstr("\n\ntree vol0, a medium of the storage above, on /dev/sdb\n"
                          "  old?     a mirror below has /dev/sdb as a member that is not in sync\n  label    none\n"));
}

TEST(InspectionText, NamesTheVersionOfARecordAboveThatDoesNotCount) {
    MediumInspection tree{.name = "tree vol0", .kind = MediumKind::tree, .label_state = LabelState::valid};
    tree.label = sample_label();
    tree.lost_record = LostRecord{{}, {Errc::not_supported, "use the DST that wrote it"}};
    EXPECT_THAT(text_of({.media = {{.name = "/a", .above = {tree}}}}),
                HasSubstr("\n           use the DST that wrote it\n"));
    tree.lost_record->why.code = Errc::corrupt;
    EXPECT_THAT(text_of({.media = {{.name = "/a", .above = {tree}}}}),
                HasSubstr("\n           so it lies on this medium; "));
}

TEST(InspectionText, TellsThatARecordHasOneBadCopy) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.rot(record_at(1) + 200);
    EXPECT_THAT(text_of(medium_with(leaf)),
                HasSubstr("  copies   copy 0: sequence 3, copy 1: damaged\n           the good one counts"));
}

TEST(InspectionText, TellsThatAMapHasABadCopy) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(mirror_layout(leaf_bytes, region_bytes).map_slot(1, 0, 0).offset, Bytes(map_sector_bytes, std::byte{1}));
    EXPECT_THAT(
        text_of(medium_with(leaf)),
        HasSubstr("  owed     3 of 16 regions owed to member 2\n           a bad copy in 1 of 1 map slots, which "
                  "the next start writes anew; watch the disk\n"));
}

TEST(InspectionText, TellsWhatIsFoundWithoutALabel) {
    MemoryLeaf leaf = mirror_leaf();
    MediumInspection found{.name = "/a", .label_state = LabelState::damaged};
    found.label_fault = "both copies of the label are damaged";
    found.take(inspect_mirrors(leaf, leaf_bytes, {}));
    EXPECT_THAT(
        text_of({.media = {found}}),
        AllOf(HasSubstr("  label    damaged: both copies of the label are damaged\n           the medium is not "
                        "used without its label; "),
              HasSubstr("           what follows was found without it\n  mirror   0505"),
              HasSubstr("           storage 02020202020202020202020202020202\n"),
              HasSubstr("  intent   2 of 16 regions may differ\n  owed     3 of 16")));
    found.mirrors[0].member = 0;
    found.mirrors[0].maps.pop_back();
    EXPECT_THAT(text_of({.media = {found}}), HasSubstr("  owed     not shown: only the label told which member"));
}

TEST(InspectionText, TellsAJournal) {
    const std::string text = text_of(journal_with(filled_journal()));
    EXPECT_THAT(text, HasSubstr("journal /var/lib/dst/vol0.journal\n  storage  vol0 02020202"));
    EXPECT_THAT(text, HasSubstr("  epoch    established 4 of head 03030303  tried 5  sequence 21\n"));
    EXPECT_THAT(text, HasSubstr("epoch 4 of head 03030303  forced  ordered 76767676"));
    EXPECT_THAT(text,
                HasSubstr("  served   mirror 04040404040404040404040404040404  what an order made: generation 070"));
    EXPECT_THAT(text, HasSubstr("  leaf     /2  medium 09090909  16.0 MiB  blocks of 512 (physical 4096)\n"));
}

TEST(InspectionText, TellsWhatAJournalIsThatDoesNotCount) {
    JournalInspection found{.path = "/j", .file = JournalFile::made, .error = Error{Errc::corrupt, "x"}};
    found.copies = {{{CopyState::damaged}, {CopyState::empty}}};
    EXPECT_THAT(
        text_of({.journals = {found}}),
        AllOf(HasSubstr("journal /j\n  state    no copy counts: the storage starts when all members in sync are"),
              HasSubstr("  copies   copy 0: damaged, copy 1: empty\n")));
    found.error = Error{Errc::not_supported, "use the DST that wrote it"};
    EXPECT_THAT(text_of({.journals = {found}}), HasSubstr("  state    use the DST that wrote it\n"));
    found.error = Error{Errc::not_found, "x"};
    EXPECT_THAT(text_of({.journals = {found}}), HasSubstr("  state    made and never written: "));
    found.file = JournalFile::headless;
    EXPECT_THAT(text_of({.journals = {found}}), HasSubstr("  state    both slot headers are gone: "));
    found.file = JournalFile::unmade;
    EXPECT_THAT(text_of({.journals = {found}}), HasSubstr("  state    empty, since its making was interrupted: "));
    found.file = JournalFile::foreign;
    EXPECT_THAT(text_of({.journals = {found}}), HasSubstr("  state    not a journal: "));
    found.file.reset();
    EXPECT_EQ(text_of({.journals = {found}}), "");
}

TEST(InspectionText, TellsWhatAnOrderGivesUp) {
    EXPECT_THAT(text_of(journal_with(filled_journal())),
                HasSubstr("  order    to give up one side of a split, which the next start carries out\n"
                          "           gives up member 2 (node:1/disk0) of mirror 05050505\n"
                          "           gives up member 1 of mirror 50505050\n"));
}

TEST(InspectionText, TellsThatTheOrderInACopiedJournalIsNotFollowed) {
    Journal journal = filled_journal();
    journal.order = StartOrder::accept_data_loss;
    Inspection found = journal_with(journal);
    found.journals[0].copied = true;
    EXPECT_THAT(text_of(found), AllOf(HasSubstr("  order    to start with loss of data, which is not followed: this "
                                                "journal is a copy\n"),
                                      Not(HasSubstr("carries out"))));
}

TEST(InspectionText, TellsWhereAJournalWasMadeWhenAskedOrWhenItIsACopy) {
    const std::string made = "  machine  " + to_string(make_id(0xaa)) + "  file 0000000000001267\n";
    Inspection found = journal_with(filled_journal());
    EXPECT_THAT(text_of(found), Not(HasSubstr("machine")));
    EXPECT_THAT(text_of(found, true), HasSubstr(made));
    found.journals[0].copied = true;
    EXPECT_THAT(text_of(found), AllOf(HasSubstr(made), HasSubstr("it decides nothing\n")));
}

TEST(InspectionText, TellsAnIncarnationAndWhatItsMarkMeans) {
    IncarnationInspection found{.path = "/run/dst/incarnations/file-8:1-4711"};
    found.kept = KeptIncarnation{make_id(0x79), make_id(0xbb), false, 16 * mib};
    EXPECT_THAT(text_of({.incarnations = {found}}),
                AllOf(HasSubstr("incarnation /run/dst/incarnations/file-8:1-4711\n"
                                "  of       the file with inode 4711 on device 8:1\n"
                                "  number   bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb  of boot and medium 7979"),
                      HasSubstr("  size     16.0 MiB at the last opening\n  mark     not set: the next opening")));
    found.kept->mark = true;
    EXPECT_THAT(text_of({.incarnations = {found}}), HasSubstr("  mark     set: a flush runs just now, or one failed"));
    found.kept.reset();
    found.error = Error{Errc::not_found, "the file was emptied"};
    EXPECT_THAT(text_of({.incarnations = {found}}),
                HasSubstr("  number   none, the file was emptied: the next opening draws a new number"));
    found.medium = "/srv/a.img";
    EXPECT_THAT(text_of({.incarnations = {found}}),
                HasSubstr("  of       /srv/a.img, the file with inode 4711 on device 8:1\n"));
    found.medium.clear();
    found.path = "/run/dst/incarnations/block-8:16";
    EXPECT_THAT(text_of({.incarnations = {found}}), HasSubstr("  of       the block device 8:16\n"));
}

TEST(InspectionText, TellsOfAMirrorOfWhichNothingIsKnown) {
    Journal journal = filled_journal();
    journal.records = {Record{}};
    EXPECT_THAT(text_of(journal_with(journal)), HasSubstr("  mirror   one of which nothing is known here\n"));
}

TEST(InspectionText, LeavesNoGapForWhatCouldNotBeLookedAt) {
    Inspection found = journal_with(filled_journal());
    found.media = {{.name = "/a", .size_bytes = mib}, {.name = "/b", .error = Error{Errc::not_found, "x"}}};
    EXPECT_THAT(text_of(found), HasSubstr("/a  1.0 MiB\n  label    none\n\njournal /var"));
}

}  // namespace
}  // namespace dst::ctl
