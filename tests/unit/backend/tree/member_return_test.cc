#include "tree/member_return.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dst {
namespace {

using ::testing::HasSubstr;

Id id(std::uint8_t number) {
    Id made;
    made.bytes[0] = number;
    return made;
}

/// Generation 3 of a line 1, 2, 3; the second member left when it knew generation 2.
struct Returns : ::testing::Test {
    Returns() {
        mine.storage = id(100);
        mine.mirror = id(101);
        mine.generation = 3;
        mine.generation_id = id(3);
        mine.lineage = {id(2), id(1)};
        mine.revision = 9;
        mine.logical_block_bytes = 512;
        mine.members.resize(2);
        mine.members[0].number = 1;
        RecordMember& away = mine.members[1];
        away.number = 2;
        away.name = "/b";
        away.state = MemberState::dirty;
        away.revision = 5;
        away.last_generation = id(2);
        away.leaves = {{"/2", id(50), 1 << 20, 512, 512}};
        found = mine;
        found.generation = 2;
        found.generation_id = id(2);
        found.lineage = {id(1)};
        found.revision = 5;
        Label label;
        label.medium = id(50);
        label.storage = id(100);
        label.place = "/2";
        label.size_bytes = 1 << 20;
        label.logical_block_bytes = 512;
        label.promised = {4, id(200)};
        label.served = {4, id(200)};
        leaf = {"/b", "/2", LabelState::valid, label, {}, {}, 1 << 20, {}};
        leaf.geometry.size_bytes = 1 << 20;
        leaf.geometry.logical_block_bytes = 512;
    }

    ReturnKind kind() const { return judge_return(mine, mine.members[1], found).kind; }
    std::string why() const { return judge_return(mine, mine.members[1], found).why; }
    LeafReturn leaf_kind() const { return judge_leaf(mine, mine.members[1], leaf).kind; }
    std::string leaf_why() const { return judge_leaf(mine, mine.members[1], leaf).why; }

    Record mine;
    Record found;
    ReturningLeaf leaf;
};

TEST_F(Returns, M7AsItLeftItIsOwedWhatItsMapSays) { EXPECT_EQ(kind(), ReturnKind::known); }

TEST_F(Returns, M7WithANewerGenerationThanItWasKnownToHaveTheMapCountsToo) {
    mine.members[1].last_generation = id(1);
    EXPECT_EQ(kind(), ReturnKind::known);
}

TEST_F(Returns, M7WithoutARecordItIsOwedEverything) {
    EXPECT_EQ(judge_return(mine, mine.members[1], std::nullopt).kind, ReturnKind::everything);
}

TEST_F(Returns, M7OlderThanItAcknowledgedItIsOwedEverything) {
    found.revision = 4;
    EXPECT_EQ(kind(), ReturnKind::everything);
}

TEST_F(Returns, M7OfAnEarlierGenerationOfTheLineItIsOwedEverything) {
    found.generation_id = id(1);
    EXPECT_EQ(kind(), ReturnKind::everything);
}

TEST_F(Returns, M7NeverInSyncItIsOwedEverything) {
    mine.members[1].last_generation = {};
    EXPECT_EQ(kind(), ReturnKind::everything);
}

TEST_F(Returns, M7OfAnotherLineItIsSplitAndBothSidesAreNamed) {
    found.generation = 4;
    found.generation_id = id(9);
    found.lineage = {id(2), id(1)};
    EXPECT_EQ(kind(), ReturnKind::split);
    EXPECT_THAT(why(), HasSubstr("the record on /b says generation 4 (09000000)"));
    EXPECT_THAT(why(), HasSubstr("the members in use says generation 3 (03000000)"));
    EXPECT_THAT(why(),
                HasSubstr("or close the storage (remove the LUN), order 'dstctl resolve FILE --discard MEMBER'"));
}

TEST_F(Returns, M7SplitCountsBeforeTheRevision) {
    found.generation_id = id(9);
    found.revision = 1;
    EXPECT_EQ(kind(), ReturnKind::split);
}

TEST_F(Returns, M7WhatFollowsFromOursIsNotOurs) {
    found.generation = 4;
    found.generation_id = id(9);
    found.lineage = {id(3), id(2), id(1)};
    EXPECT_EQ(kind(), ReturnKind::split);
    EXPECT_THAT(why(), HasSubstr("another head has gone on"));
}

TEST_F(Returns, M7RecordOfAnotherMirrorIsRefused) {
    found.mirror = id(7);
    EXPECT_EQ(kind(), ReturnKind::refused);
    EXPECT_THAT(why(), HasSubstr("another mirror"));
    found.mirror = mine.mirror;
    found.storage = id(7);
    EXPECT_EQ(kind(), ReturnKind::refused);
}

TEST_F(Returns, M7KnownMediumIsTheSame) { EXPECT_EQ(leaf_kind(), LeafReturn::same); }

TEST_F(Returns, M7UnknownMediumOfThisPlaceIsAnother) {
    leaf.label->medium = id(51);
    EXPECT_EQ(leaf_kind(), LeafReturn::other);
}

TEST_F(Returns, M7CopyFromBeforeThePromiseIsAnother) {
    leaf.left_with = {5, id(200)};
    EXPECT_EQ(leaf_kind(), LeafReturn::other);
    leaf.left_with = {4, id(200)};
    EXPECT_EQ(leaf_kind(), LeafReturn::same);
}

TEST_F(Returns, M7MediumOfAnotherStorageOrPlaceIsRefused) {
    leaf.label->place = "/1";
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
    EXPECT_THAT(leaf_why(), HasSubstr("/b carries the label of place /1 instead of /2"));
    leaf.label->storage = id(8);
    leaf.label->storage_name = "vol8";
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
    EXPECT_THAT(leaf_why(), HasSubstr("of the storage 'vol8'"));
}

TEST_F(Returns, M7DamagedOrUnreadableLabelIsRefused) {
    leaf.label.reset();
    leaf.label_state = LabelState::damaged;
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
    leaf.label_state = LabelState::unreadable;
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
}

TEST_F(Returns, M7MediumOfALivingHeadIsRefused) {
    leaf.live = LiveHead{{7, id(201)}, "tgtd[7] on alpha"};
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
    EXPECT_THAT(leaf_why(), HasSubstr("in use by another head, tgtd[7] on alpha (epoch 7)"));
}

TEST_F(Returns, M7OtherSizeOrLargerBlocksAreRefused) {
    leaf.geometry.size_bytes = 2 << 20;
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
    leaf.geometry.size_bytes = 1 << 20;
    leaf.geometry.logical_block_bytes = 4096;
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
    EXPECT_THAT(leaf_why(), HasSubstr("blocks of 4096"));
}

TEST_F(Returns, M7BlankHasNoLabelNothingKnownAndTheSizeThatIsRemembered) {
    leaf.label.reset();
    leaf.label_state = LabelState::absent;
    EXPECT_EQ(leaf_kind(), LeafReturn::blank);
    EXPECT_EQ(why_not_blank(leaf, {}), "");
    EXPECT_THAT(why_not_blank(leaf, {LabelState::absent, "ext4 filesystem", false}), HasSubstr("ext4 filesystem"));
    EXPECT_THAT(why_not_blank(leaf, {LabelState::valid, "", false}), HasSubstr("changed"));
    leaf.geometry.size_bytes = 2 << 20;
    EXPECT_THAT(why_not_blank(leaf, {}),
                HasSubstr("is a disk of 2162688 bytes without a label where one of 1114112 bytes belongs"));
    EXPECT_THAT(why_not_blank(leaf, {}), HasSubstr("If it was cut or grown, give it its old size back; else put"));
    leaf.geometry.logical_block_bytes = 4096;
    EXPECT_EQ(leaf_kind(), LeafReturn::refused);
}

}  // namespace
}  // namespace dst
