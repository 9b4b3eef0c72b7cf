// M8: a member that an order gave up has its mark as resyncing before the others' record says that it has.
#include <gtest/gtest.h>

#include "support/resync.h"
#include "tree/member_return.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Member 2 of the record, device 1, was given up, with `had` on it.
struct MirrorGivenUp : testing::Test {
    MirrorGivenUp() {
        had = world.record_on(1);
        world.start_and_give_up(1);
        world.kept.clear();
    }
    void admit() { world.mirror->admit(1, {true, {}, may_have_of(had)}); }
    static RecordMember member(const Record& record) { return *find_member(record, 2); }
    /// As another head leaves it on member 2 that starts from it alone.
    Record gone_on() const {
        Record record = had;
        record.revision += 16;
        record.epoch = {9, Id{{9}}};
        return record;
    }
    ReturnKind judged(const Record& found) {
        const Record mine = world.record_on(0);
        return judge_return(mine, member(mine), found).kind;
    }
    MirrorWorld world;
    Record had;
};

TEST_F(MirrorGivenUp, M8OthersDoNotNameItsGenerationBeforeItHasItsMark) {
    const RecordMember before = member(world.record_on(0));
    admit();
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    for (const Record& mark : {world.kept.back(), world.record_on(0)}) {
        EXPECT_EQ(member(mark).state, MemberState::resyncing);
        EXPECT_TRUE(member(mark).last_generation.is_nil());
        EXPECT_EQ(member(mark).revision, before.revision);
        EXPECT_EQ(member(mark).may_have, before.may_have);
    }
    EXPECT_EQ(world.kept.size(), 1u);
    EXPECT_EQ(judged(gone_on()), ReturnKind::split);
    EXPECT_EQ(judged(had), ReturnKind::everything);
    world.device(1).release();
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
}

TEST_F(MirrorGivenUp, M8SecondRecordNamesItWhenItHasItsMark) {
    admit();
    ASSERT_TRUE(hold_before(world, 1, Operation::checksum)) << "what follows on the mark";
    world.device(1).hold_no_more();
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.kept.size(), 2u);
    const Record mark = world.record_on(1);
    ASSERT_EQ(mark, world.kept.front());
    const Record named = world.record_on(0);
    EXPECT_EQ(named, world.kept.back());
    EXPECT_EQ(named.revision, mark.revision + 1);
    EXPECT_EQ(named.generation_id, mark.generation_id);
    EXPECT_EQ(member(named).state, MemberState::resyncing);
    EXPECT_EQ(member(named).last_generation, mark.generation_id);
    EXPECT_EQ(member(named).revision, mark.revision);
    EXPECT_EQ(judged(mark), ReturnKind::known);
    EXPECT_EQ(judged(had), ReturnKind::everything) << "a copy from before the mark";
    world.device(1).release();
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
}

TEST_F(MirrorGivenUp, M8OneThatIsLostBeforeItHasItsMarkIsStillKnownByWhatItHad) {
    admit();
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    world.device(1).go_down();
    world.device(1).hold_no_more();
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-stopped") == 1; }, seconds(30)));
    // Another one of this mirror leaves nothing behind that says more.
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    EXPECT_EQ(judged(gone_on()), ReturnKind::split);
    EXPECT_EQ(judged(had), ReturnKind::everything);
    world.device(1).go_up();
    admit();
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
}

/// The answer is lost.
TEST_F(MirrorGivenUp, M8OneThatHasItsMarkAndIsNotKnownToIsNoSplit) {
    admit();
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    // Both copies, one after the other.
    world.device(1).answer();
    ASSERT_TRUE(world.loop.run_until([&] { return world.device(1).held() == 1; }, seconds(1)));
    world.device(1).hold_no_more();
    const Record mark = world.record_on(1);
    ASSERT_EQ(mark, world.kept.back());
    world.device(1).go_down();
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-stopped") == 1; }, seconds(30)));
    EXPECT_EQ(judged(mark), ReturnKind::everything);
}

TEST(MirrorGivenUpNot, M8MarkOfOneThatLeftNamesItAtOnceAndNoSecondRecordFollows) {
    MirrorWorld world;
    drop(world);
    world.kept.clear();
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::checksum));
    world.device(1).hold_no_more();
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.kept.size(), 1u);
    const Record& mark = world.kept.front();
    EXPECT_EQ(find_member(mark, 2)->state, MemberState::resyncing);
    EXPECT_EQ(find_member(mark, 2)->last_generation, mark.generation_id);
    EXPECT_EQ(find_member(mark, 2)->revision, mark.revision);
    world.device(1).release();
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
}

/// An order was about to make what it has, when it was in sync: it left by itself then.
TEST(MirrorOrdered, M8WhatAnOrderWasAboutToMakeIsNamedSoUntilItHasItsMark) {
    MirrorWorld world;
    const Record had = world.record_on(1);
    world.start_and_give_up(1, true);
    world.mirror->admit(1, {true, {}, may_have_of(had)});
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    const RecordMember marked = *find_member(world.record_on(0), 2);
    ASSERT_EQ(marked.state, MemberState::resyncing);
    ASSERT_FALSE(marked.may_have.empty());
    EXPECT_TRUE(marked.may_have.front().ordered);
    Record gone_on = had;
    gone_on.revision += 16;
    gone_on.epoch = {9, Id{{9}}};
    EXPECT_EQ(judge_return(world.record_on(0), marked, gone_on).kind, ReturnKind::split);
}

}  // namespace
}  // namespace dst
