#include "start/forced_choice.h"

#include <gtest/gtest.h>

#include "tree/member_return.h"

namespace dst {
namespace {

Id id(std::uint8_t number) {
    Id made;
    made.bytes[0] = number;
    return made;
}

/// A line 1, 2, which went on as 3 on the first member without the second, and as 4 on the second without the first.
struct ForcedChoice : ::testing::Test {
    ForcedChoice() {
        common.generation = 2;
        common.generation_id = id(2);
        common.lineage = {id(1)};
        common.revision = 9;
        common.members.resize(2);
        common.members[0].number = 1;
        common.members[0].name = "/a";
        common.members[1].number = 2;
        common.members[1].name = "/b";
        mine = one_side(3, common.members[1].number);
        theirs = one_side(4, common.members[0].number);
        views.resize(2);
        views[0] = {"/a", 1, true, {}, mine, {}, {}, false};
        views[1] = {"/b", 2, true, {}, theirs, {}, {}, false};
    }

    Record one_side(std::uint8_t generation, std::uint32_t left) const {
        Record record = common;
        record.generation = 3;
        record.generation_id = id(generation);
        record.lineage = {id(2), id(1)};
        record.revision = 10;
        find_member(record, left)->state = MemberState::dirty;
        find_member(record, left)->last_generation = id(2);
        return record;
    }

    static Record after_many_changes(Record record) {
        for (std::uint8_t i = 0; i < 100; ++i) {
            record.generation_id = id(static_cast<std::uint8_t>(100 + i));
            record.lineage.insert(record.lineage.begin(), id(static_cast<std::uint8_t>(99 + i)));
            bound_lineage(record);
        }
        return record;
    }
    static ReturnKind judged(const Record& record, const Record& found) {
        return judge_return(record, *find_member(record, 2), found).kind;
    }

    Record common;
    Record mine;
    Record theirs;
    std::vector<MemberView> views;
    std::optional<Record> journal;
};

TEST_F(ForcedChoice, M7WhatWasDiscardedIsNoSplitLater) {
    const std::optional<Discard> discard = discard_side(journal, false, views, 2);
    ASSERT_TRUE(discard);
    StartChoice choice = choose_record(journal, false, views);
    ASSERT_EQ(choice.verdict, Verdict::use);
    resolve_choice(choice, *discard);
    choice.record.generation_id = id(99);
    EXPECT_EQ(judged(choice.record, theirs), ReturnKind::everything);
    EXPECT_EQ(judged(after_many_changes(choice.record), theirs), ReturnKind::everything);
    EXPECT_EQ(judged(after_many_changes(choice.record), common), ReturnKind::everything);
}

TEST_F(ForcedChoice, M7WhatWasLeftOutIsNoSplitLater) {
    views[0].record = common;
    views[1].reachable = false;
    views[1].record.reset();
    std::optional<StartChoice> choice = force_choice(journal, false, views);
    ASSERT_TRUE(choice);
    choice->record.generation_id = id(99);
    EXPECT_EQ(judged(after_many_changes(choice->record), common), ReturnKind::everything);
    EXPECT_EQ(judged(after_many_changes(choice->record), theirs), ReturnKind::split) << "it went on without the other";
}

}  // namespace
}  // namespace dst
