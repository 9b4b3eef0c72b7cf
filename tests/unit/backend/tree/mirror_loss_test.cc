#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(MirrorLoss, M10LastMemberIsNeverDropped) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 9)), Errc::ok);
}

TEST(MirrorLoss, M10LossOfAllMembersIsReportedUpwardAtOnce) {
    MirrorWorld world;
    world.device(0).go_down();
    world.device(1).go_down();
    world.loop.run_for(milliseconds(1));
    EXPECT_EQ(world.downs, 1);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::disconnected);
    world.device(0).go_up();
    world.loop.run_for(milliseconds(1));
    EXPECT_EQ(world.ups, 2);
}

TEST(MirrorLoss, OneThatIsAwayIsToldOnceWhateverFailsMeanwhile) {
    MirrorWorld world;
    for (const std::size_t times : {1u, 2u}) {
        world.device(1).go_down();
        world.device(1).stay_down({Errc::disconnected, "connection refused"});
        world.loop.run_for(milliseconds(1));
        EXPECT_EQ(world.events.count("member-away"), times);
        world.device(1).go_up();
        world.loop.run_for(milliseconds(1));
        EXPECT_EQ(world.events.count("member-back"), times);
    }
}

TEST(MirrorLoss, M12HungMemberIsCutAndItsRequestEndsBeforeTheAcknowledgement) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(7));
    EXPECT_FALSE(request.done);
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(seconds(4));
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(world.device(1).held(), 0u);
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
}

TEST(MirrorLoss, HungOnAllMembersDropsNobody) {
    MirrorWorld world;
    world.device(0).hold();
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(30));
    EXPECT_FALSE(request.done);
    EXPECT_FALSE(world.mirror->degraded());
    world.device(0).release();
    world.device(1).release();
    world.loop.run_for(seconds(1));
    EXPECT_EQ(request.result(), Errc::ok);
}

TEST(MirrorLoss, M12MembersThatHungTogetherNeedNotComeBackTogether) {
    MirrorWorld world;
    world.device(0).hold();
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(15));
    world.device(0).release();
    world.loop.run_for(seconds(7));
    EXPECT_FALSE(request.done);
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.device(1).release();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_FALSE(world.mirror->degraded());
    EXPECT_TRUE(world.kept.empty());
}

TEST(MirrorLoss, M12MemberThatHangsOnIsDroppedWhenAnotherAnswersAgainForLong) {
    MirrorWorld world;
    world.device(0).hold();
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(15));
    world.device(0).release();
    world.loop.run_for(seconds(11));
    EXPECT_EQ(world.device(1).cuts, 1u);
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
}

TEST(MirrorLoss, M12AnotherThatAnsweredBeforeItHungTooDoesNotCount) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest first = write_of(0, 7);
    first.submit(*world.mirror);
    world.loop.run_for(seconds(1));
    world.device(0).hold();
    TestRequest second = write_of(8192, 8);
    second.submit(*world.mirror);
    world.loop.run_for(seconds(30));
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.device(0).release();
    world.device(1).release();
    world.loop.run_for(seconds(1));
    EXPECT_EQ(first.result(), Errc::ok);
    EXPECT_EQ(second.result(), Errc::ok);
    EXPECT_FALSE(world.mirror->degraded());
}

TEST(MirrorLoss, M14MemberThatIsBackAtOnceGetsTheRequestAgain) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.device(1).go_down();
    world.loop.run_for(milliseconds(500));
    EXPECT_FALSE(request.done);
    world.device(1).release();
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_FALSE(world.mirror->degraded());
    EXPECT_EQ(world.device(1).bytes(0, 4096), filled(4096, 7));
}

TEST(MirrorLoss, M14MemberThatIsGoneHoldsNobodyUpForASecond) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.device(1).go_down();
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, milliseconds(900)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_TRUE(world.mirror->degraded());
}

TEST(MirrorLoss, M12MemberThatHangsHoldsNobodyUpMuchLongerThanMemberTimeout) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    EXPECT_FALSE(world.loop.run_until([&] { return request.done; }, milliseconds(7900)));
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::ok);
}

TEST(MirrorLoss, M14MemberThatIsBackChangedIsDropped) {
    MirrorWorld world;
    world.device(1).go_down();
    world.device(1).change_incarnation();
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
    EXPECT_EQ(world.mirror->record().generation, 2u);
}

// A linear's parts are up before it can say so, and others have heard of the parts: they may ask the mirror then.
TEST(MirrorLoss, M14MemberIsNotReadBeforeItSaysThatItIsBack) {
    MirrorWorld world;
    world.device(1).go_down();
    world.device(1).change_incarnation();
    world.device(1).put(0, filled(4096, 6));
    world.device(1).come_up_untold();
    for (int i = 0; i < 4; ++i) {
        TestRequest request(Operation::read, {0, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
        EXPECT_EQ(request.bytes, filled(4096, 0));
    }
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
}

TEST(MirrorLoss, M14MirrorIsNotUpBeforeAMemberSaysThatItIsBack) {
    MirrorWorld world;
    for (int i : {0, 1}) world.device(i).go_down();
    world.device(0).change_incarnation();
    world.device(0).come_up_untold();
    EXPECT_FALSE(world.mirror->up());
    world.device(0).go_up();
    EXPECT_FALSE(world.mirror->up());
}

TEST(MirrorLoss, M10AMemberThatHasNotSaidThatItIsBackMayHaveAll) {
    MirrorWorld world;
    for (int i : {0, 1}) world.device(i).go_down();
    world.device(0).change_incarnation();
    world.device(1).come_up_untold();
    world.device(0).go_up();
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.last_changed, 0);
    EXPECT_EQ(world.mirror->child_status(0).state, VertexState::dirty);
    EXPECT_TRUE(world.in_sync(1));
}

TEST(MirrorLoss, M14MemberThatStaysAwayIsDroppedByTheFirstWrite) {
    MirrorWorld world;
    world.device(1).go_down();
    world.loop.run_for(seconds(5));
    EXPECT_TRUE(world.kept.empty());
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    EXPECT_EQ(world.kept.size(), 1u);
}

TEST(MirrorLoss, M14MembersThatWereLostTogetherNeedNotComeBackTogether) {
    MirrorWorld world;
    world.device(0).go_down();
    world.device(1).go_down();
    world.loop.run_for(seconds(30));
    world.device(0).go_up();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(7));
    EXPECT_FALSE(request.done);
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_FALSE(world.mirror->degraded());
}

TEST(MirrorLoss, M14MemberThatStaysAwayIsDroppedWhenAnotherIsBackForLong) {
    MirrorWorld world;
    world.device(0).go_down();
    world.device(1).go_down();
    world.loop.run_for(seconds(30));
    world.device(0).go_up();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(seconds(9));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
}

TEST(MirrorLoss, M14MemberIsNotLeftBehindWhileTheOtherIsSilent) {
    MirrorWorld world;
    world.device(0).hold();
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    TestRequest other = write_of(8192, 8);
    world.loop.run_for(seconds(5));
    world.device(1).go_down();
    other.submit(*world.mirror);
    world.loop.run_for(seconds(10));
    world.device(1).go_up();
    world.loop.run_for(seconds(1));
    world.device(0).release();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(other.result(), Errc::ok);
    EXPECT_FALSE(world.mirror->degraded());
}

TEST(MirrorLoss, M10RequestsDoNotWaitForARecordWhenAllMembersAreGone) {
    MirrorWorld world(3);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    for (const auto& device : world.devices) device->hold();
    TestRequest request(Operation::write, {0, 512}, filled(512, 2));
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(1));
    world.device(0).answer();
    world.device(1).answer();
    for (const auto& device : world.devices) device->go_down();
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(10)));
    EXPECT_EQ(request.result(), Errc::disconnected);
}

TEST(MirrorLoss, M10WriteOnlyInALostCacheIsNotAcknowledgedByTheLastMember) {
    MirrorWorld world;
    world.hold_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.device(0).go_up();
    world.release_journal();
    world.loop.run_for(seconds(5));
    ASSERT_TRUE(request.done);
    EXPECT_NE(request.result(), Errc::ok);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
}

// The one that has the write is away as well when those that lack it are judged.
TEST(MirrorLoss, M2TheLastOneThatIsThereStaysAlthoughItLacksAWrite) {
    MirrorWorld world(3);
    world.device(0).hold();
    world.device(1).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(2).go_down();
    world.loop.run_for(milliseconds(10));
    world.device(0).go_down();
    world.loop.run_for(seconds(10));
    ASSERT_TRUE(request.done);
    EXPECT_NE(request.result(), Errc::ok);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
    EXPECT_TRUE(world.in_sync(1));
    EXPECT_EQ(world.record_on(1).generation, 2u);
}

TEST(MirrorLoss, M10LastMemberThatIsBackChangedCarriesOnWithANewMedium) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    const Incarnation before = world.mirror->incarnation();
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(world.mirror->up());
    EXPECT_NE(world.mirror->incarnation(), before);
    EXPECT_EQ(world.events.count("last-member-changed"), 1u);
    EXPECT_EQ(world.last_changed, 1);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
}

/// The last member has a write under way, and one waits behind it, when it comes back as one that may have forgotten;
/// its record is held.
void come_back_changed(MirrorWorld& world, TestRequest& first, TestRequest& second) {
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).hold();
    first.submit(*world.mirror);
    second.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.device(0).go_up();
}

TEST(MirrorLoss, M10LastMemberThatIsBackChangedIsNotGivenUpForTheRecordThatItsReturnAskedFor) {
    MirrorWorld world;
    TestRequest first = write_of(0, 8);
    TestRequest second = write_of(0, 9);
    come_back_changed(world, first, second);
    // The second write begins when the first one has ended, and finds a member that is not used before its record.
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(first.done);
    ASSERT_EQ(world.device(0).held(), 1u);
    EXPECT_FALSE(second.done);
    world.loop.run_for(seconds(2));
    EXPECT_TRUE(second.done) << "it does not wait for that longer";
    EXPECT_EQ(world.events.count("mirror-record-failed"), 0u);
    world.device(0).release();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.events.count("mirror-record-failed"), 0u);
    EXPECT_TRUE(world.mirror->up());
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 9)), Errc::ok);
}

TEST(MirrorLoss, M10WhatCameBeforeTheRecordOfALastMemberThatIsBackChangedGoesToItThen) {
    MirrorWorld world;
    TestRequest first = write_of(0, 8);
    TestRequest second = write_of(0, 9);
    come_back_changed(world, first, second);
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.device(0).held(), 1u) << "its record";
    EXPECT_FALSE(second.done);
    world.device(0).release();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(second.done) << "it does not wait until it is given up";
}

TEST(MirrorLoss, M10LastMemberThatIsBackChangedIsAskedAgainWhenItsRecordWasLostOnTheWay) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.device(0).fail(Operation::write, Errc::disconnected);
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.device(0).cuts, 1u);
    if (!world.device(0).up()) world.device(0).go_up();
    world.loop.run_for(seconds(2));
    EXPECT_TRUE(world.mirror->up());
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
}

TEST(MirrorLoss, M10LastMemberThatGoesAwayAgainBeforeItsRecordCarriesOnWhenItReturns) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.hold_journal = true;
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    world.device(0).go_down();
    world.release_journal();
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.events.count("mirror-record-failed"), 1u);
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(world.mirror->up());
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
}

}  // namespace
}  // namespace dst
