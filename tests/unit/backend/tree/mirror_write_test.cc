#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(MirrorWrite, M1AcknowledgesWhenAllMembersHaveIt) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(request.done);
    world.device(1).release();
    world.loop.run_for(milliseconds(1));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.device(0).bytes(0, 4096), filled(4096, 7));
    EXPECT_EQ(world.device(1).bytes(0, 4096), filled(4096, 7));
}

TEST(MirrorWrite, M2WaitsForTheJournalBeforeAcknowledging) {
    MirrorWorld world;
    world.hold_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(request.done);
    ASSERT_EQ(world.kept.size(), 1u);
    world.release_journal();
    world.loop.run_for(seconds(1));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
}

TEST(MirrorWrite, M2WaitsForTheRecordBeforeAcknowledging) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_until([&] { return world.kept.size() == 1; });
    world.device(0).hold();
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(request.done);
    ASSERT_EQ(world.device(0).held(), 1u);
    EXPECT_TRUE(world.device(0).held_request(0).fua);
    world.device(0).release();
    world.loop.run_for(seconds(1));
    EXPECT_TRUE(request.done);
}

TEST(MirrorWrite, M2RecordSaysWhoIsDirtyAndDescends) {
    MirrorWorld world;
    const Record before = world.mirror->record();
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    const Record after = world.record_on(0);
    EXPECT_EQ(after.generation, before.generation + 1);
    EXPECT_GT(after.revision, before.revision);
    EXPECT_EQ(compare_descent(after, before), Descent::newer);
    EXPECT_EQ(find_member(after, 1)->state, MemberState::in_sync);
    EXPECT_EQ(find_member(after, 2)->state, MemberState::dirty);
    EXPECT_EQ(find_member(after, 2)->last_generation, before.generation_id);
    EXPECT_EQ(find_member(after, 2)->revision, before.revision);
    EXPECT_EQ(world.kept.back(), after);
    EXPECT_EQ(world.record_on(1).generation, before.generation);
}

TEST(MirrorWrite, M2NothingIsSentToADroppedMember) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(1).log.clear();
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
    EXPECT_EQ(flush(world.loop, *world.mirror), Errc::ok);
    EXPECT_TRUE(world.device(1).log.empty());
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
    EXPECT_NE(world.mirror->child_status(1).reason, "");
}

TEST(MirrorWrite, M2SecondFailureSupersedesTheRecord) {
    MirrorWorld world(3);
    world.hold_journal = true;
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(1).fail(Operation::write, Errc::io_error, 5);
    world.release_journal();
    world.loop.run_for(seconds(1));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    const Record after = world.record_on(0);
    EXPECT_EQ(find_member(after, 1)->state, MemberState::in_sync);
    EXPECT_EQ(find_member(after, 2)->state, MemberState::dirty);
    EXPECT_EQ(find_member(after, 3)->state, MemberState::dirty);
}

TEST(MirrorWrite, M2ARecordThatIsOvertakenWhileItsLastMemberIsAwayForAMomentGoesOn) {
    MirrorWorld world(3);
    world.hold_journal = true;
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    // The record is on its way to both others when one fails it, which asks for another record, and one is lost.
    world.device(0).hold();
    world.device(1).hold();
    world.release_journal();
    world.loop.run_for(milliseconds(10));
    world.device(1).answer(Errc::medium_error);
    world.loop.run_for(milliseconds(10));
    world.device(0).go_down();
    world.loop.run_for(milliseconds(10));
    world.device(0).release();
    world.device(1).release();
    world.device(0).go_up();
    world.loop.run_for(seconds(5));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    const Record after = world.record_on(0);
    EXPECT_EQ(find_member(after, 1)->state, MemberState::in_sync);
    EXPECT_EQ(find_member(after, 2)->state, MemberState::dirty);
    EXPECT_EQ(find_member(after, 3)->state, MemberState::dirty);
}

TEST(MirrorWrite, M2FailedFlushDropsTheMemberAndIsNotRetried) {
    MirrorWorld world;
    world.device(1).fail(Operation::flush, Errc::io_error);
    EXPECT_EQ(flush(world.loop, *world.mirror), Errc::ok);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
    EXPECT_EQ(world.device(1).log.size(), 1u);
}

TEST(MirrorWrite, M2SameErrorOnAllMembersIsReturnedAndNobodyIsDropped) {
    MirrorWorld world;
    world.device(0).fail(Operation::write, Errc::no_space);
    world.device(1).fail(Operation::write, Errc::no_space);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::no_space);
    EXPECT_FALSE(world.mirror->degraded());
    EXPECT_TRUE(world.kept.empty());
}

TEST(MirrorWrite, M2JournalThatFailsFailsTheWrite) {
    MirrorWorld world;
    world.fail_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::io_error);
    world.fail_journal = false;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
    EXPECT_EQ(find_member(world.record_on(0), 2)->state, MemberState::dirty);
}

/// Nobody writes any more, and what failed is to come back all the same.
TEST(MirrorWrite, M2RecordThatCouldNotBeMadeDurableIsTriedAgain) {
    MirrorWorld world;
    world.fail_journal = true;
    world.device(1).fail(Operation::flush, Errc::medium_error);
    EXPECT_EQ(flush(world.loop, *world.mirror), Errc::io_error);
    world.loop.run_for(seconds(30));
    EXPECT_LT(world.events.count("mirror-record-failed"), 6u) << "less and less often";
    EXPECT_FALSE(world.mirror->wants_back(1));
    world.fail_journal = false;
    world.loop.run_for(seconds(31));
    EXPECT_EQ(find_member(world.record_on(0), 2)->state, MemberState::dirty);
    EXPECT_TRUE(world.mirror->wants_back(1));
}

/// A journal on a network file system may say so; no member is lost by that.
TEST(MirrorWrite, M10LastMemberIsUsedAgainWhenTheJournalIs) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.journal_error = Errc::timed_out;
    world.fail_journal = true;
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    world.fail_journal = false;
    world.loop.run_for(seconds(5));
    EXPECT_TRUE(world.mirror->up());
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
}

/// In different pieces: it is no loss of members, for which what is above would wait.
TEST(MirrorWrite, M13DiscardThatEachMemberRefusedInPartFails) {
    MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, 96u << 20);
    // The intent bits are set before.
    TestRequest first(Operation::unmap, {0, 96u << 20});
    ASSERT_EQ(run(world.loop, *world.mirror, first), Errc::ok);
    for (const std::size_t device : {0u, 1u}) world.device(device).hold();
    TestRequest request(Operation::unmap, {0, 96u << 20});
    request.submit(*world.mirror);
    const std::vector<std::pair<Errc, Errc>> answers = {
        {Errc::medium_error, Errc::ok}, {Errc::ok, Errc::medium_error}, {Errc::ok, Errc::ok}};
    for (const auto& [one, other] : answers) {
        world.loop.run_for(milliseconds(1));
        ASSERT_EQ(world.device(0).held(), 1u);
        world.device(0).answer(one);
        world.device(1).answer(other);
    }
    for (const std::size_t device : {0u, 1u}) world.device(device).hold_no_more();
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(10)));
    EXPECT_EQ(request.result(), Errc::medium_error);
}

TEST(MirrorWrite, M6FencedMemberIsReportedAndNobodyIsDropped) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::fenced);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::fenced);
    world.loop.run_for(milliseconds(1));
    EXPECT_EQ(world.fenced_by, "d1");
    EXPECT_FALSE(world.mirror->degraded());
}

/// The journal was about to have it, or a member is awaited that is back then.
TEST(MirrorWrite, M6NorIsOneWrittenThatWasUnderWay) {
    for (const bool away : {false, true}) {
        MirrorWorld world(3);
        const Record before = world.record_on(2);
        world.hold_journal = !away;
        world.device(1).fail(Operation::write, Errc::medium_error);
        if (away) world.device(0).go_down();
        if (away) world.device(2).go_down();
        TestRequest request = write_of(0, 7);
        request.submit(*world.mirror);
        world.loop.run_for(milliseconds(100));
        world.is_overtaken = true;
        if (away) world.device(0).go_up();
        if (away) world.device(2).go_up();
        world.release_journal();
        world.loop.run_for(seconds(60));
        EXPECT_EQ(world.record_on(2), before) << away;
        ASSERT_TRUE(request.done) << away;
        EXPECT_EQ(request.result(), Errc::fenced) << away;
    }
}

TEST(MirrorWrite, M6NoRecordFollowsWhenTheHeadWasOvertaken) {
    MirrorWorld world(3);
    const Record before = world.record_on(2);
    world.device(1).fail(Operation::write, Errc::fenced);
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::fenced);
    world.fail_journal = true;
    world.journal_error = Errc::fenced;
    world.device(0).go_down();
    world.loop.run_for(seconds(60));
    EXPECT_EQ(world.record_on(2), before);
    EXPECT_EQ(world.events.count("mirror-record-failed"), 0u);
    TestRequest request = write_of(0, 8);
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::fenced);
}

TEST(MirrorWrite, M6AMemberThatRefusesToComeBackAsFencedTellsTheKeeper) {
    MirrorWorld world;
    world.device(1).stay_down({Errc::fenced, "a newer head has taken over"});
    world.loop.run_for(milliseconds(1));
    EXPECT_EQ(world.fenced_by, "d1");
}

TEST(MirrorWrite, M11OverlappingWritesGoOneAfterTheOther) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest first = write_of(0, 1);
    first.submit(*world.mirror);
    TestRequest second = write_of(0, 2);
    second.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.device(0).log.size(), 1u);
    world.device(1).release();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(first.done && second.done);
    EXPECT_EQ(world.device(0).bytes(0, 4096), filled(4096, 2));
    EXPECT_EQ(world.device(1).bytes(0, 4096), filled(4096, 2));
}

TEST(MirrorWrite, M13LargeDiscardsAreSplit) {
    MirrorWorld world;
    TestRequest request(Operation::unmap, {0, 4u << 20});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    EXPECT_EQ(std::count_if(world.device(0).log.begin(), world.device(0).log.end(),
                            [](const auto& done) { return done.first == Operation::unmap; }),
              1);
}

/// It may still be queued on the way that was lost.
TEST(MirrorWrite, M14WhatWasLostOnTheWayIsSentAgainOnlyWhenTheMemberHasBeenDown) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 6)), Errc::ok);
    world.device(1).log.clear();
    world.device(1).fail(Operation::write, Errc::disconnected);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(world.device(1).log.size(), 1u);
    EXPECT_FALSE(request.done);
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.device(1).log.size(), 2u);
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_TRUE(world.in_sync(1));
}

/// The last piece is shorter than the others.
TEST(MirrorWrite, M13NothingBehindALargeDiscardIsTouched) {
    constexpr std::uint64_t end = 40u << 20;
    for (const Operation operation : {Operation::unmap, Operation::write_zeroes}) {
        MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, 96u << 20);
        for (const auto& device : world.devices) device->put(end - 4096, filled(8192, 7));
        TestRequest request(operation, {4096, end - 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
        for (const auto& device : world.devices) {
            EXPECT_EQ(device->bytes(end - 4096, 4096), filled(4096, 0));
            EXPECT_EQ(device->bytes(end, 4096), filled(4096, 7));
        }
    }
}

}  // namespace
}  // namespace dst
