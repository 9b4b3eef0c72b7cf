#include "ctl/inspection_text.h"

#include <gmock/gmock.h>

#include "support/inspected.h"

namespace dst::ctl {
namespace {

using testing::HasSubstr;

std::string text_of(const Inspection& found) {
    PlainTerminal plain;
    return inspection_text(found, plain.terminal());
}

Inspection medium_with(const MemoryLeaf& leaf, const Label& label = sample_label()) {
    MemoryLeaf copy = leaf;
    MediumInspection found{.name = "/dev/sdb", .size_bytes = leaf_bytes, .label_state = LabelState::valid};
    found.label = label;
    found.mirrors = inspect_mirrors(copy, leaf_bytes, label);
    return {.media = {found}};
}

Inspection journal_with(const Journal& journal) {
    return {.journals = {{.path = "/var/lib/dst/vol0.journal", .journal = journal}}};
}

TEST(InspectionText, TellsLabelRecordAndMaps) {
    const std::string text = text_of(medium_with(mirror_leaf()));
    EXPECT_THAT(text, HasSubstr("  label    storage vol0 02020202020202020202020202020202\n"));
    EXPECT_THAT(text, HasSubstr("place /1 (member 1)  16.0 MiB  blocks of 512\n"));
    EXPECT_THAT(text, HasSubstr("promised epoch 4 of head 03030303  served epoch 4 of head 03030303\n"));
    EXPECT_THAT(text, HasSubstr("generation 7 07070707  revision 12  epoch 4 of head 03030303\n"));
    EXPECT_THAT(text, HasSubstr("member 2  node:1/disk0  dirty  revision 12  last generation 08080808\n"));
    EXPECT_THAT(text, HasSubstr("  intent   2 of 16 regions may differ\n"));
    EXPECT_THAT(text, HasSubstr("  owed     3 of 16 regions owed to member 2\n"));
}

TEST(InspectionText, TellsWhatIsWrongWithALabel) {
    Inspection found;
    found.media = {{.name = "/a", .size_bytes = mib, .label_state = LabelState::damaged, .label_fault = "checksum"}};
    EXPECT_EQ(text_of(found), "/a  1.0 MiB\n  label    damaged: checksum\n");
}

TEST(InspectionText, TellsAJournal) {
    const std::string text = text_of(journal_with(filled_journal()));
    EXPECT_THAT(text, HasSubstr("journal /var/lib/dst/vol0.journal\n  storage  vol0 02020202"));
    EXPECT_THAT(text, HasSubstr("  epoch    established 4 of head 03030303  tried 5  sequence 21\n"));
    EXPECT_THAT(text, HasSubstr("epoch 4 of head 03030303  forced  ordered 76767676"));
    EXPECT_THAT(text,
                HasSubstr("  served   mirror 04040404040404040404040404040404  what an order made: generation 070"));
}

}  // namespace
}  // namespace dst::ctl
