// Members that hold requests: flushes, and those that are not in use, for they have left or are targets of a resync.
#include <gtest/gtest.h>

#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Writes of two regions, so that they need no intent bit any more.
void write_once(MirrorWorld& world) {
    for (std::uint64_t offset : {0u, 1u << 20}) {
        EXPECT_EQ(write(world.loop, *world.mirror, offset, filled(4096, 1)), Errc::ok);
    }
}

TEST(MirrorHang, M12WhatAMemberHoldsThatLeftForAnErrorDoesNotHoldUpRequestsMuchLongerThanMemberTimeout) {
    MirrorWorld world;
    write_once(world);
    world.device(1).hold();
    TestRequest failed = write_of(0, 7);
    failed.submit(*world.mirror);
    TestRequest held = write_of(1u << 20, 7);
    held.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(1).answer(Errc::io_error);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(failed.done);
    EXPECT_FALSE(held.done);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
    EXPECT_FALSE(world.mirror->wants_back(1)) << "what it holds would overwrite what is copied";
    world.loop.run_for(seconds(7));
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(seconds(3));
    EXPECT_EQ(world.device(1).cuts, 1u);
    ASSERT_TRUE(held.done);
    EXPECT_EQ(held.result(), Errc::ok);
}

TEST(MirrorHang, M12ARecordThatAMemberHoldsThatLeftDoesNotKeepItFromComingBack) {
    MirrorWorld world(3);
    write_once(world);
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest failed = write_of(0, 7);
    failed.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == 1; }));
    world.device(1).hold();
    TestRequest other = write_of(1u << 20, 7);
    other.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.device(1).held(), 2u) << "a write and the record";
    world.device(1).answer(Errc::io_error);
    world.loop.run_for(milliseconds(10));
    ASSERT_FALSE(world.in_sync(1));
    EXPECT_FALSE(world.mirror->wants_back(1));
    world.loop.run_for(seconds(10));
    world.device(1).go_up();
    EXPECT_TRUE(failed.done && other.done);
    EXPECT_TRUE(world.mirror->wants_back(1));
}

TEST(MirrorHang, M12MemberThatHoldsItsRecordIsCutAndTheOthersGoOn) {
    MirrorWorld world(3);
    write_once(world);
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == 1; }));
    world.device(1).hold();
    world.loop.run_for(seconds(7));
    ASSERT_EQ(world.device(1).held(), 1u) << "its record";
    EXPECT_FALSE(request.done);
    EXPECT_EQ(world.device(1).cuts, 0u);
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(2)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(find_member(world.record_on(0), 2)->state, MemberState::dirty);
}

/// Flushes may take longer than other requests, and no longer than that.
TEST(MirrorHang, M12MemberThatHoldsAFlushIsCutAfterTwentySeconds) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request(Operation::flush, {});
    request.submit(*world.mirror);
    world.loop.run_for(seconds(19));
    EXPECT_FALSE(request.done);
    EXPECT_EQ(world.device(1).cuts, 0u);
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(3)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_FALSE(world.in_sync(1));
    EXPECT_TRUE(world.in_sync(0));
}

/// Member 1 is taken back and holds the first pieces of its resync.
void mark_and_hold(MirrorWorld& world, bool everything) {
    world.device(1).hold();
    world.admit(1, everything);
    world.loop.run_for(milliseconds(10));
    while (world.device(1).held() > 0 && world.device(1).held_request(0).operation != Operation::checksum) {
        world.device(1).answer();  // its map is read, it is marked
        world.loop.run_for(milliseconds(1));
    }
}

/// A start without member 1, which is owed everything when it comes back. Of what its resync asks it at first it
/// answers all but one checksum.
Extent hold_one_piece(MirrorWorld& world) {
    const Record record = world.mirror->record();
    world.mirror->stop();
    world.loop.run_for(milliseconds(10));
    world.mirror->stand(record, 1);
    world.mirror->serve(2, [](const Result<void>& serving) { EXPECT_TRUE(serving); });
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(1); }, seconds(1)));
    mark_and_hold(world, true);
    world.device(1).hold_no_more();
    while (world.device(1).held() > 1) world.device(1).answer();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.device(1).held_request(0).operation, Operation::checksum);
    return world.device(1).held_request(0).extent;
}

TEST(MirrorHang, M8APieceThatATargetHoldsMakesItsWriterWaitForASecondAtMost) {
    MirrorWorld world;
    const Extent piece = hold_one_piece(world);
    TestRequest request = write_of(piece.offset, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(900));
    EXPECT_FALSE(request.done);
    EXPECT_EQ(world.device(1).cuts, 0u);
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(world.events.count("resync-stopped"), 1u);
}

TEST(MirrorHang, M8ATargetThatHoldsOnePieceForMemberTimeoutIsDropped) {
    MirrorWorld world;
    static_cast<void>(hold_one_piece(world));
    world.loop.run_for(seconds(7));
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(seconds(2));
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(world.events.count("resync-stopped"), 1u);
    world.device(1).go_up();
    EXPECT_TRUE(world.mirror->wants_back(1));
}

TEST(MirrorHang, M8ATargetThatHoldsItsRecordIsDropped) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    ASSERT_GE(world.device(1).held_request(0).extent.offset, world.mirror->geometry().size_bytes);
    world.loop.run_for(seconds(7));
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(seconds(2));
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(world.events.count("resync-stopped"), 1u);
    world.device(1).go_up();
    EXPECT_TRUE(world.mirror->wants_back(1));
}

/// One of its own, and one before idle regions are cleared.
TEST(MirrorHang, M8ATargetMayHoldFlushesForTwentySeconds) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::flush));
    world.loop.run_for(seconds(19));
    EXPECT_EQ(world.device(1).held(), 2u);
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(seconds(2));
    EXPECT_EQ(world.device(1).cuts, 1u);
    EXPECT_EQ(world.events.count("resync-stopped"), 1u);
}

TEST(MirrorHang, M8AWriterOfAnotherPieceDoesNotDropTheTarget) {
    MirrorWorld world;
    const Extent piece = hold_one_piece(world);
    EXPECT_EQ(write(world.loop, *world.mirror, piece.offset == 0 ? 1u << 20 : 0, filled(4096, 7)), Errc::ok);
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(1).cuts, 0u);
}

/// Member 1 was in use at the start, left, and is brought up to date where it may differ. It holds all that it is sent,
/// and a write elsewhere.
void hold_target(MirrorWorld& world, TestRequest& request) {
    write_once(world);
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 2)), Errc::ok);
    mark_and_hold(world, false);
    world.device(1).log.clear();
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_FALSE(request.done);
    ASSERT_EQ(world.device(1).log.size(), 1u);
}

TEST(MirrorHang, M14ATargetThatIsBackAtOnceIsNotSentAgainWhatItDidNotAnswer) {
    MirrorWorld world;
    TestRequest request = write_of(2u << 20, 7);
    hold_target(world, request);
    world.device(1).go_down();
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.device(1).log.size(), 1u);
    EXPECT_TRUE(world.mirror->wants_back(1));
}

TEST(MirrorHang, M14NobodyWaitsForATargetThatMayBeBackAtOnce) {
    MirrorWorld world;
    TestRequest request = write_of(2u << 20, 7);
    hold_target(world, request);
    while (world.device(1).held() > 0) world.device(1).answer(Errc::disconnected);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
}

/// Whoever is above waits for something else: a resync that is broken off each time would never end.
TEST(MirrorHang, CuttingTheMirrorSparesATargetThatHoldsNothingUp) {
    MirrorWorld world;
    static_cast<void>(hold_one_piece(world));
    world.mirror->cut({Errc::timed_out, "requests hang below"});
    EXPECT_EQ(world.device(0).cuts, 1u);
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(milliseconds(10));
}

TEST(MirrorHang, CuttingTheMirrorCutsATargetThatHoldsAWrite) {
    MirrorWorld world;
    TestRequest request = write_of(2u << 20, 7);
    hold_target(world, request);
    world.loop.run_for(milliseconds(1010));
    ASSERT_EQ(world.device(1).cuts, 0u);
    world.mirror->cut({Errc::timed_out, "requests hang below"});
    EXPECT_EQ(world.device(1).cuts, 1u);
    world.loop.run_for(milliseconds(10));
}

}  // namespace
}  // namespace dst
