// What storages above keep on the media of a tree that is exported to them.
#include <gmock/gmock.h>

#include "ctl/inspection.h"
#include "ctl/inspection_status.h"
#include "ctl/inspection_text.h"
#include "media/layout.h"
#include "support/exported.h"
#include "support/inspected.h"
#include "support/plain_terminal.h"

namespace dst::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string text_about(const MediumInspection& found) {
    PlainTerminal plain;
    return inspection_text({.media = {found}}, plain.terminal(), false);
}

ExitStatus status_with(const MediumInspection& found) { return exit_status_of({.media = {found}}); }

std::string storage_above(const MediumInspection& found) { return found.label ? found.label->storage_name : ""; }

/// Without any fault, as what was just initialised.
void expect_whole(const MediumInspection& found) {
    EXPECT_EQ(found.label_state, LabelState::valid);
    EXPECT_EQ(found.label_fault, "");
    EXPECT_FALSE(found.lost_record.has_value());
    for (const MirrorInspection& mirror : found.mirrors) {
        EXPECT_EQ(mirror.record.storage, found.label->storage);
        EXPECT_EQ(mirror.bad_copies(), 0u);
        EXPECT_NE(mirror.member, 0u);
        EXPECT_TRUE(mirror.maps_here);
        EXPECT_THAT(mirror.maps, SizeIs(mirror.record.members.size()));
        for (const MapInspection& map : mirror.maps) EXPECT_EQ(map.bad_slots(), 0u);
    }
}

/// Both copies, at the end of the data of the mirror on a leaf.
void write_label_above(MemoryLeaf& leaf, const Label& label) {
    const LabelImage image = encode_label(label);
    const std::uint64_t tree_bytes = sample_record(leaf_bytes).size_bytes;
    for (unsigned copy = 0; copy < 2; ++copy) {
        leaf.write(label_copy(tree_bytes, copy).offset, {image.begin(), image.end()});
    }
}

Label label_of_vol1() {
    Label label = sample_label();
    label.storage_name = "vol1";
    label.storage = make_id(0x20);
    label.place = "-";
    label.size_bytes = leaf_size_bytes(sample_record(leaf_bytes).size_bytes);
    return label;
}

MediumInspection inspected_leaf(LeafReader& leaf) {
    MediumInspection found{.label_state = LabelState::valid, .label = sample_label()};
    inspect_leaf(leaf, leaf_bytes, found);
    return found;
}

TEST(InspectLeaf, WhatAMemberInSyncHasOfAStorageAboveIsNotOld) {
    MemoryLeaf leaf = mirror_leaf();
    write_label_above(leaf, label_of_vol1());
    const MediumInspection found = inspected_leaf(leaf);
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].label, label_of_vol1());
    EXPECT_FALSE(found.above[0].may_be_old);
}

TEST(InspectLeaf, WhatAMemberThatIsNotInSyncHasOfAStorageAboveMayBeOld) {
    MemoryLeaf leaf = mirror_leaf();
    Record record = sample_record(leaf_bytes);
    record.members[0].state = MemberState::resyncing;
    leaf.write_record(leaf_bytes, record);
    write_label_above(leaf, label_of_vol1());
    const MediumInspection found = inspected_leaf(leaf);
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_TRUE(found.above[0].may_be_old);
}

TEST(InspectLeaf, LabelOfAnotherVersionAboveIsTold) {
    MemoryLeaf leaf = mirror_leaf();
    write_label_above(leaf, label_of_vol1());
    const std::uint64_t tree_bytes = sample_record(leaf_bytes).size_bytes;
    for (unsigned copy = 0; copy < 2; ++copy) {
        const Extent extent = label_copy(tree_bytes, copy);
        leaf.write(extent.offset, of_version(*leaf.read(extent), 2));
    }
    const MediumInspection found = inspected_leaf(leaf);
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].label_state, LabelState::damaged);
    EXPECT_THAT(found.above[0].label_fault, HasSubstr("version 2"));
}

TEST(InspectLeaf, LabelsInLabelsAreNotFollowedWithoutEnd) {
    MemoryLeaf leaf;
    Label label = label_of_vol1();
    label.size_bytes = leaf_bytes;
    const LabelImage image = encode_label(label);
    for (std::uint64_t at = 0; at < leaf_bytes; at += label_area_bytes) {
        leaf.write(at, {image.begin(), image.end()});
    }
    MediumInspection found{.label_state = LabelState::valid, .label = label};
    inspect_leaf(leaf, leaf_bytes, found);
    EXPECT_THAT(found.above, SizeIs(16));
}

/// A leaf whose data are not read.
class UnreadableData : public LeafReader {
public:
    Result<Bytes> read(const Extent& extent) override {
        if (extent.offset < sample_record(leaf_bytes).size_bytes) return Error{Errc::medium_error, "bad sector"};
        return leaf_.read(extent);
    }

private:
    MemoryLeaf leaf_ = mirror_leaf();
};

TEST(InspectLeaf, DataThatAreNotReadAreNoLabel) {
    UnreadableData leaf;
    const MediumInspection found = inspected_leaf(leaf);
    EXPECT_THAT(found.mirrors, SizeIs(1));
    EXPECT_THAT(found.above, IsEmpty());
}

/// "pool" is a mirror of i0 and i1, exported to "vol", which mirrors it with o1.
class InspectTree : public ExportedTrees {
protected:
    void make_mirrors() {
        const spec::Node pool = exported("pool", mirror({disk("i0"), disk("i1")}));
        initialise("vol", mirror({pool, disk("o1")}));
        pool_bytes = inspected("i0").mirrors.at(0).record.size_bytes;
    }
    void rot_label(unsigned copy) const { rot("i0", label_copy(pool_bytes, copy).offset + 200); }
    void zero_label() const { zero("i0", {leaf_size_bytes(pool_bytes), label_area_bytes}); }
    void zero_record() const {
        zero("i0", {leaf_size_bytes(pool_bytes) - 2 * record_copy_bytes, 2 * record_copy_bytes});
    }

    std::uint64_t pool_bytes = 0;  ///< what the tree is as a medium
};

TEST_F(InspectTree, OuterLabelRecordAndMapsAreFoundOnAnInnerDisk) {
    make_mirrors();
    for (const char* name : {"i0", "i1"}) {
        const MediumInspection found = inspected(name);
        expect_whole(found);
        EXPECT_THAT(found.mirrors, SizeIs(1));
        ASSERT_THAT(found.above, SizeIs(1));
        const MediumInspection& tree = found.above[0];
        expect_whole(tree);
        EXPECT_EQ(tree.name, "tree pool");
        EXPECT_EQ(tree.size_bytes, pool_bytes);
        EXPECT_EQ(storage_above(tree), "vol");
        EXPECT_EQ(tree.label->place, "/1");
        EXPECT_THAT(tree.mirrors, SizeIs(1));
        EXPECT_FALSE(tree.may_be_old);
        EXPECT_EQ(status_with(found), ExitStatus::well);
    }
    EXPECT_THAT(inspected("o1").above, IsEmpty());
}

TEST_F(InspectTree, TextTellsWhichStorageIsWhich) {
    make_mirrors();
    const std::string text = text_about(inspected("i0"));
    const std::string title = "\n\ntree pool, a medium of storage vol, on " + path("i0") + "  ";
    const std::size_t above = text.find(title);
    ASSERT_NE(above, std::string::npos) << text;
    const std::string inner = text.substr(0, above);
    const std::string outer = text.substr(above);
    EXPECT_THAT(inner, HasSubstr("  label    storage pool "));
    EXPECT_THAT(inner, HasSubstr("  intent   "));
    EXPECT_THAT(inner, Not(HasSubstr("storage vol")));
    EXPECT_THAT(outer, HasSubstr("  label    storage vol "));
    EXPECT_THAT(outer, HasSubstr("  intent   "));
}

TEST_F(InspectTree, DataThatAreNoLabelAreNone) {
    initialise("pool", mirror({disk("i0"), disk("i1")}));
    const std::uint64_t end = inspected("i0").mirrors.at(0).record.size_bytes;
    rot("i0", label_copy(end, 0).offset);
    const MediumInspection found = inspected("i0");
    EXPECT_THAT(found.above, IsEmpty());
    EXPECT_EQ(status_with(found), ExitStatus::well);
}

TEST_F(InspectTree, OuterLabelWithOneBadCopyIsTold) {
    make_mirrors();
    rot_label(0);
    const MediumInspection found = inspected("i0");
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_THAT(found.above[0].label_fault, HasSubstr("one of the two copies"));
    EXPECT_EQ(storage_above(found.above[0]), "vol");
    EXPECT_EQ(status_with(found), ExitStatus::attention);
}

TEST_F(InspectTree, OuterLabelThatIsDamagedIsToldAndWhatLiesBelowItFound) {
    make_mirrors();
    for (unsigned copy : {0u, 1u}) rot_label(copy);
    const MediumInspection found = inspected("i0");
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].label_state, LabelState::damaged);
    ASSERT_THAT(found.above[0].mirrors, SizeIs(1));
    EXPECT_THAT(found.above[0].mirrors[0].maps, Not(IsEmpty()));
    EXPECT_EQ(status_with(found), ExitStatus::attention);
    EXPECT_THAT(text_about(found), HasSubstr("  label    damaged: both copies of the label are damaged\n"
                                             "           so it lies on this medium; "));
}

TEST_F(InspectTree, OuterRecordIsFoundThoughItsLabelIsGone) {
    make_mirrors();
    zero_label();
    const MediumInspection found = inspected("i0");
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].label_state, LabelState::absent);
    EXPECT_THAT(found.above[0].mirrors, SizeIs(1));
    EXPECT_EQ(status_with(found), ExitStatus::attention);
}

TEST_F(InspectTree, NothingIsLeftOfAStorageAboveWhoseLabelAndRecordAreGone) {
    make_mirrors();
    zero_label();
    zero_record();
    EXPECT_THAT(inspected("i0").above, IsEmpty());
    EXPECT_EQ(status_with(inspected("i0")), ExitStatus::well);
}

TEST_F(InspectTree, OuterRecordThatIsGoneIsTold) {
    make_mirrors();
    zero_record();
    const MediumInspection found = inspected("i0");
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_TRUE(found.above[0].lost_record.has_value());
    EXPECT_EQ(status_with(found), ExitStatus::attention);
    EXPECT_THAT(text_about(found), HasSubstr("  mirror   no record that counts, though one belongs here: both: empty\n"
                                             "           so it lies on this medium; "));
}

TEST_F(InspectTree, StorageAboveIsFoundThoughTheInnerLabelIsGone) {
    make_mirrors();
    zero("i0", {leaf_size_bytes(16u << 20), label_area_bytes});
    const MediumInspection found = inspected("i0");
    EXPECT_FALSE(found.label.has_value());
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].name, "tree");
    expect_whole(found.above[0]);
}

TEST_F(InspectTree, TreeThatIsALeafHasTheOuterLabelAtItsEnd) {
    initialise("vol", exported("pool", disk("i0")));
    const MediumInspection found = inspected("i0");
    expect_whole(found);
    ASSERT_THAT(found.above, SizeIs(1));
    expect_whole(found.above[0]);
    EXPECT_EQ(found.above[0].size_bytes, leaf_size_bytes(16u << 20));
    EXPECT_EQ(found.above[0].label->place, "-");
    EXPECT_THAT(found.above[0].mirrors, IsEmpty());
}

TEST_F(InspectTree, TreeThatIsALinearHasTheOuterLabelOnItsLastPart) {
    initialise("vol", mirror({exported("pool", linear({disk("i0"), disk("i1")})), disk("o1")}));
    EXPECT_THAT(inspected("i0").above, IsEmpty());
    const MediumInspection found = inspected("i1");
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].size_bytes, 2 * leaf_size_bytes(16u << 20));
    EXPECT_THAT(found.above[0].mirrors, SizeIs(1));
    expect_whole(found.above[0]);
}

TEST_F(InspectTree, TreeThatIsALinearOfMirrorsHasTheOuterLabelBelowTheRecordOfTheLastOne) {
    initialise("vol", exported("pool", linear({mirror({disk("i0"), disk("i1")}), mirror({disk("i2"), disk("i3")})})));
    EXPECT_THAT(inspected("i0").above, IsEmpty());
    for (const char* name : {"i2", "i3"}) {
        const MediumInspection found = inspected(name);
        EXPECT_THAT(found.mirrors, SizeIs(1));
        ASSERT_THAT(found.above, SizeIs(1)) << name;
        expect_whole(found.above[0]);
    }
}

TEST_F(InspectTree, TreeOfMirrorsOfMirrorsHasTheOuterLabelBelowAllRecords) {
    const spec::Node inner = mirror({mirror({disk("i0"), disk("i1")}), disk("i2")});
    initialise("vol", mirror({exported("pool", inner), disk("o1")}));
    const MediumInspection nested = inspected("i0");
    EXPECT_THAT(nested.mirrors, SizeIs(2));
    const MediumInspection plain = inspected("i2");
    EXPECT_THAT(plain.mirrors, SizeIs(1));
    for (const MediumInspection& found : {nested, plain}) {
        ASSERT_THAT(found.above, SizeIs(1));
        expect_whole(found.above[0]);
        EXPECT_THAT(found.above[0].mirrors, SizeIs(1));
    }
}

TEST_F(InspectTree, MirrorWhoseMemberIsALinearHasTheOuterLabelOnThePartWhereItsDataEnd) {
    const spec::Node parts = linear({disk("i0"), disk("i1")});
    initialise("vol", mirror({exported("pool", mirror({parts, disk("i2", 24u << 20)})), disk("o1")}));
    EXPECT_THAT(inspected("i0").above, IsEmpty());
    for (const char* name : {"i1", "i2"}) {
        const MediumInspection found = inspected(name);
        ASSERT_THAT(found.above, SizeIs(1)) << name;
        expect_whole(found.above[0]);
    }
}

TEST_F(InspectTree, DataOfAMirrorThatEndOnAnotherPartOfALinearHaveNothingAboveHere) {
    const spec::Node parts = linear({disk("i0"), disk("i1")});
    initialise("vol", exported("pool", mirror({parts, disk("i2", 12u << 20)})));
    EXPECT_THAT(inspected("i1").mirrors, SizeIs(1));
    EXPECT_THAT(inspected("i1").above, IsEmpty());
    EXPECT_THAT(inspected("i2").above, SizeIs(1));
}

TEST_F(InspectTree, RecordOfAnOuterLinearIsToldToBeOnItsLastPart) {
    const spec::Node first = linear({exported("pool", mirror({disk("i0"), disk("i1")})), disk("o1")});
    const spec::Node second = linear({disk("o2"), exported("well", mirror({disk("i2"), disk("i3")}))});
    initialise("vol", mirror({first, second}));
    const MediumInspection found = inspected("i0");
    ASSERT_THAT(found.above, SizeIs(1));
    EXPECT_EQ(found.above[0].label->place, "/1.0");
    EXPECT_THAT(found.above[0].mirrors, IsEmpty());
    EXPECT_EQ(status_with(found), ExitStatus::well);
    EXPECT_THAT(text_about(found), HasSubstr("  mirror   no record here: the last part of the linear has it"));
    const MediumInspection last = inspected("i2");
    ASSERT_THAT(last.above, SizeIs(1));
    EXPECT_EQ(last.above[0].label->place, "/2.1");
    EXPECT_THAT(last.above[0].mirrors, SizeIs(1));
    expect_whole(last.above[0]);
}

TEST_F(InspectTree, TreesAreFollowedAsDeepAsTheyGo) {
    const spec::Node pool = exported("pool", mirror({disk("i0"), disk("i1")}));
    const spec::Node middle = exported("middle", mirror({pool, disk("m1")}));
    initialise("vol", mirror({middle, disk("o1")}));
    const MediumInspection found = inspected("i0");
    ASSERT_THAT(found.above, SizeIs(2));
    EXPECT_THAT((std::vector{found.above[0].name, found.above[1].name}), ElementsAre("tree pool", "tree middle"));
    EXPECT_THAT((std::vector{storage_above(found.above[0]), storage_above(found.above[1])}),
                ElementsAre("middle", "vol"));
    for (const MediumInspection& tree : found.above) {
        expect_whole(tree);
        EXPECT_THAT(tree.mirrors, SizeIs(1));
    }
    const MediumInspection from_the_middle = inspected("m1");
    ASSERT_THAT(from_the_middle.above, SizeIs(1));
    EXPECT_EQ(storage_above(from_the_middle.above[0]), "vol");
    EXPECT_EQ(status_with(found), ExitStatus::well);
}

}  // namespace
}  // namespace dst::ctl
