// M7: a member that is in sync, and comes up after the start.
#include <gtest/gtest.h>

#include <optional>

#include "support/maps.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The second member is there after the start, with another incarnation, and nothing was changed.
struct MirrorLate : testing::Test {
    explicit MirrorLate(std::size_t members = 2) : world(members) {}
    void come_late() {
        world.device(1).go_down();
        world.start_without(1);
        world.device(1).change_incarnation();
        world.device(1).go_up();
        world.device(1).log.clear();
        world.kept.clear();
        ASSERT_TRUE(world.mirror->missed_nothing(1));
    }
    void begin_to_take_in() {
        world.mirror->take_in(1, {leaf}, [this](const Result<void>& result) { taken = result; });
    }
    /// It holds its first write, or the one after so many.
    void take_in_held(std::size_t after = 0) {
        world.device(1).hold();
        begin_to_take_in();
        for (std::size_t i = 0; i < after; ++i) {
            ASSERT_TRUE(world.loop.run_until([&] { return world.device(1).held() != 0; }, seconds(1)));
            world.device(1).answer();
        }
        ASSERT_TRUE(world.loop.run_until([&] { return world.device(1).held() != 0; }, seconds(1)));
    }
    void finish() {
        world.device(1).release();
        ASSERT_TRUE(world.loop.run_until([&] { return taken.has_value(); }, seconds(1)));
    }
    void expect_taken() {
        ASSERT_TRUE(taken && *taken);
        EXPECT_FALSE(world.mirror->missed_nothing(1)) << "it is in use";
    }
    void expect_not_taken(Errc code = Errc::changed) {
        ASSERT_TRUE(taken && !*taken);
        EXPECT_EQ(taken->error().code, code);
        EXPECT_EQ(world.events.count("member-taken-in"), 0u);
        EXPECT_TRUE(world.kept.empty());
    }
    std::size_t requests() { return world.device(1).log.size(); }

    std::optional<Result<void>> taken;  ///< outlives the mirror, whose end may be what answers
    MirrorWorld world;
    const RecordLeaf leaf{".", {{7}}, 8u << 20, 512, 4096};
};

TEST_F(MirrorLate, M7IsUsedAndTheJournalKnowsOfIt) {
    come_late();
    begin_to_take_in();
    finish();
    expect_taken();
    EXPECT_TRUE(world.in_sync(1));
    world.loop.run_for(milliseconds(10));
    // Once before it is used, and once with the record that its members have.
    ASSERT_EQ(world.kept.size(), 2u);
    for (const Record& record : {world.kept.front(), world.kept.back(), world.record_on(0), world.record_on(1)}) {
        EXPECT_EQ(find_member(record, 2)->incarnation, world.device(1).incarnation());
        EXPECT_EQ(find_member(record, 2)->leaves, std::vector{leaf});
    }
    EXPECT_EQ(world.record_on(0).revision, world.kept.back().revision);
    EXPECT_EQ(world.record_on(1).revision, world.kept.back().revision);
    EXPECT_EQ(world.record_on(0).generation, world.kept.front().generation) << "nobody left";
    for (const RecordMember& member : world.acknowledged.members) {
        EXPECT_EQ(member.revision, world.kept.back().revision) << member.name << ": older copies are told by that";
    }
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    EXPECT_EQ(world.device(1).bytes(0, 4096), filled(4096, 3));
    EXPECT_EQ(world.events.count("member-dropped"), 0u);
}

/// Else a start from the members would take it for one that has lost something, when the other one has.
TEST_F(MirrorLate, M2NothingIsAcknowledgedBeforeTheMembersKnowItsIncarnation) {
    come_late();
    take_in_held();
    world.hold_journal = true;
    finish();
    expect_taken();
    TestRequest request = write_of(0, 8);
    request.submit(*world.mirror);
    TestRequest flush(Operation::flush, {});
    flush.submit(*world.mirror);
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(request.done);
    EXPECT_FALSE(flush.done);
    EXPECT_NE(world.device(0).bytes(0, 4096), filled(4096, 8)) << "it might be read, and be gone after the next start";
    world.release_journal();
    ASSERT_TRUE(world.loop.run_until([&] { return request.done && flush.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(find_member(world.record_on(0), 2)->incarnation, world.device(1).incarnation());
    EXPECT_EQ(world.events.count("member-dropped"), 0u);
}

TEST_F(MirrorLate, M2TheNextWriteAsksForTheRecordAgain) {
    come_late();
    take_in_held();
    world.fail_journal = true;
    finish();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::io_error);
    world.fail_journal = false;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 4)), Errc::ok);
    EXPECT_EQ(find_member(world.record_on(0), 2)->incarnation, world.device(1).incarnation());
    EXPECT_TRUE(world.in_sync(1));
}

/// Whoever starts from a member adds more than this head can have added in one generation (went_on()).
TEST_F(MirrorLate, M5NoGenerationIsRaisedByMoreThanAStartAdds) {
    come_late();
    take_in_held();
    world.fail_journal = true;
    finish();
    world.loop.run_for(milliseconds(10));
    const Record stands = world.record_on(0);
    for (unsigned i = 0; i < 3 * revision_step; ++i) {
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::io_error);
    }
    ASSERT_GT(world.kept.size(), 3 * revision_step);
    for (const Record& record : world.kept) {
        if (record.generation_id != stands.generation_id) continue;
        EXPECT_LT(record.revision, stands.revision + revision_step);
    }
    world.fail_journal = false;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 4)), Errc::ok);
    EXPECT_TRUE(on_lineage(world.record_on(0), stands.generation_id));
    EXPECT_TRUE(world.in_sync(1));
}

/// The next record is made from what the journal knows now.
TEST_F(MirrorLate, M2TheNextRecordKnowsItsMedia) {
    come_late();
    begin_to_take_in();
    finish();
    world.device(0).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    EXPECT_EQ(find_member(world.record_on(1), 2)->leaves, std::vector{leaf});
}

TEST_F(MirrorLate, WhatItWasRefusedForBeforeIsNotToldWhenItFails) {
    come_late();
    world.mirror->set_refused(1, "another medium lay in its place");
    begin_to_take_in();
    finish();
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
}

/// The other one has missed nothing meanwhile, and has time to come back from then on.
TEST_F(MirrorLate, M14IsTheFirstThatIsThere) {
    come_late();
    world.device(0).go_down();
    world.loop.run_for(milliseconds(100));
    EXPECT_FALSE(world.mirror->up());
    const int ups = world.ups;
    begin_to_take_in();
    finish();
    world.loop.run_for(milliseconds(1));
    EXPECT_EQ(world.ups, ups + 1);
    TestRequest request = write_of(0, 8);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(3));
    world.device(0).go_up();
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(world.events.count("member-dropped"), 0u);
    EXPECT_EQ(world.device(0).bytes(0, 4096), filled(4096, 8));
}

TEST_F(MirrorLate, M7IsAllThatIsLeftBeforeItHasSaidThatItIsUp) {
    come_late();
    world.device(1).go_down();
    world.device(1).come_up_untold();
    begin_to_take_in();
    finish();
    world.device(0).go_down();
    world.loop.run_for(milliseconds(1));
    EXPECT_TRUE(world.mirror->up());
    TestRequest back(Operation::read, {0, 4096});
    EXPECT_EQ(run(world.loop, *world.mirror, back), Errc::ok);
}

TEST_F(MirrorLate, M7IsNotUsedWhenItDoesNotTakeItsRecord) {
    come_late();
    world.device(1).fail(Operation::write, Errc::medium_error);
    begin_to_take_in();
    finish();
    expect_not_taken(Errc::medium_error);
}

/// The third one has left, and the start owes it everything: the second one, when it is the last, must know.
struct MirrorLateOfThree : MirrorLate {
    MirrorLateOfThree() : MirrorLate(3) {
        world.device(2).fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, region, filled(4096, 2)), Errc::ok);
        world.loop.run_for(seconds(20));
        come_late();
        EXPECT_TRUE(owed_on(world, 0, 3).test(0));
        EXPECT_FALSE(owed_on(world, 1, 3).test(0));
    }
};

TEST_F(MirrorLateOfThree, M7HasTheMapOfTheOneThatLeft) {
    begin_to_take_in();
    finish();
    expect_taken();
    EXPECT_TRUE(owed_on(world, 1, 3).test(0));
}

/// Two are late: a record for the first one would leave the second one out.
TEST(MirrorLateTwo, M7TheSecondOneIsTakenInAsWell) {
    MirrorWorld world(3);
    const Record record = world.mirror->record();
    world.device(1).go_down();
    world.device(2).go_down();
    world.start_without_all_but_the_first();
    for (const std::size_t index : {1, 2}) {
        world.device(index).change_incarnation();
        world.device(index).go_up();
    }
    for (const std::size_t index : {1, 2}) {
        std::optional<Result<void>> taken;
        world.mirror->take_in(index, {}, [&](const Result<void>& result) { taken = result; });
        ASSERT_TRUE(world.loop.run_until([&] { return taken.has_value(); }, seconds(1)));
        EXPECT_TRUE(*taken) << index;
        world.loop.run_for(seconds(1));
    }
    EXPECT_EQ(world.events.count("member-dropped"), 0u);
    for (const std::uint32_t number : {2u, 3u}) {
        const Incarnation its = world.device(number - 1).incarnation();
        EXPECT_EQ(find_member(world.record_on(0), number)->incarnation, its);
    }
}

TEST_F(MirrorLateOfThree, M7IsNotUsedWhenItDoesNotTakeTheMap) {
    take_in_held(2);
    world.device(1).fail(Operation::write, Errc::medium_error);
    finish();
    expect_not_taken(Errc::medium_error);
}

TEST_F(MirrorLate, M2IsNotUsedWhenSomethingIsSentToTheOthersMeanwhile) {
    come_late();
    take_in_held();
    world.device(0).hold();
    TestRequest request = write_of(0, 8);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(1));
    finish();
    expect_not_taken();
    world.device(0).release();
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_TRUE(world.mirror->wants_back(1));
}

TEST_F(MirrorLate, M2NothingIsWrittenToOneThatHasMissedSomething) {
    come_late();
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    EXPECT_FALSE(world.mirror->missed_nothing(1));
    world.kept.clear();
    begin_to_take_in();
    finish();
    expect_not_taken();
    EXPECT_EQ(requests(), 0u);
}

TEST_F(MirrorLate, M2HasMissedTheRecordThatTheJournalDoesNotTake) {
    come_late();
    world.fail_journal = true;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::io_error);
    EXPECT_FALSE(world.mirror->missed_nothing(1));
}

TEST_F(MirrorLate, M7IsTakenInOnceAtATime) {
    come_late();
    take_in_held();
    EXPECT_FALSE(world.mirror->missed_nothing(1));
    begin_to_take_in();
    world.loop.run_for(milliseconds(1));
    expect_not_taken();
    taken.reset();
    finish();
    expect_taken();
}

TEST_F(MirrorLate, M7IsNotUsedByAMirrorThatWasStopped) {
    come_late();
    take_in_held(1);
    const std::size_t before = requests();
    world.mirror->stop();
    finish();
    expect_not_taken();
    EXPECT_EQ(requests(), before);
    world.start_again();
}

TEST_F(MirrorLate, M7IsNotTakenInByAMirrorThatIsAboutToEnd) {
    come_late();
    world.mirror->settle([](const Result<void>&) {});
    EXPECT_FALSE(world.mirror->missed_nothing(1));
}

/// What it holds is answered then.
TEST_F(MirrorLate, MirrorClosesWhileItHoldsItsRecord) {
    come_late();
    take_in_held();
}

TEST_F(MirrorLate, M12IsCutWhenItHoldsItsRecordLongAfterItHasLeft) {
    world.loop.run_for(seconds(60));
    come_late();
    take_in_held();
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(1).cuts, 0u);
    EXPECT_TRUE(world.loop.run_until([&] { return world.device(1).cuts != 0; }, seconds(10)));
    finish();
}

TEST_F(MirrorLate, M2LeavesAtOnceWhenItCannotBeUsed) {
    come_late();
    world.mirror->leave_out(1, "another medium lies in its place");
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(1); }, seconds(1)));
    world.mirror->leave_out(1, "it is out already");
    EXPECT_EQ(world.events.count("member-dropped"), 1u);
}

TEST_F(MirrorLate, M2DoesNotLeaveWhileNoOtherIsThere) {
    come_late();
    world.device(0).go_down();
    world.mirror->leave_out(1, "another medium lies in its place");
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.events.count("member-dropped"), 0u);
}

}  // namespace
}  // namespace dst
