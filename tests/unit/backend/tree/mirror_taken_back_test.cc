// M10: which member that failed, and that no record has left out, is in use again when no other one is there.
#include <gtest/gtest.h>

#include <utility>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The journal takes no record without the last member, which failed.
void fail_the_last(MirrorWorld& world) {
    const std::size_t last = world.devices.size() - 1;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.fail_journal = true;
    world.device(last).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 4096, filled(4096, 8)), Errc::io_error);
}

TEST(MirrorTakenBack, ItIsToldAndItsStatusSaysWhyItIsOutOnlyBefore) {
    MirrorWorld world;
    fail_the_last(world);
    EXPECT_NE(world.mirror->child_status(1).reason, "");
    EXPECT_NE(world.mirror->child_status(1).left_for, "");
    world.device(0).go_down();
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-taken-back") == 1; }, seconds(40)));
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::in_sync);
    EXPECT_EQ(world.mirror->child_status(1).reason, "");
    EXPECT_EQ(world.mirror->child_status(1).left_for, "");
}

/// Nobody writes, and nothing is to be made equal: the one that is away leaves by itself.
TEST(MirrorTakenBack, M2ARecordSaysSoAtOnce) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.loop.run_for(seconds(20));
    world.fail_journal = true;
    world.device(1).fail(Operation::flush, Errc::medium_error);
    EXPECT_EQ(flush(world.loop, *world.mirror), Errc::io_error);
    world.device(0).go_down();
    world.fail_journal = false;
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-taken-back") == 1; }, seconds(40)));
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(0); }, seconds(10)));
    EXPECT_EQ(find_member(world.kept.back(), 2)->state, MemberState::in_sync);
}

/// The journal answers so late that the last one in use is away for good by then.
TEST(MirrorTakenBack, M10WhenTheJournalFailsAfterTheOthersHaveGone) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.hold_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(4096, 8);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    world.device(0).go_down();
    world.loop.run_for(seconds(20));
    EXPECT_EQ(world.events.count("member-taken-back"), 0u) << "the journal may have its record by now";
    world.hold_journal = false;
    std::exchange(world.pending_keep, nullptr)(Error{Errc::no_space, "the journal's filesystem is full"});
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(40)));
    EXPECT_EQ(world.events.count("member-taken-back"), 1u);
}

/// What it acknowledged before may be lost on it by now.
TEST(MirrorTakenBack, M10NotOneThatWasAwayAndCameBackChanged) {
    MirrorWorld world;
    fail_the_last(world);
    world.device(1).go_down();
    world.device(1).change_incarnation();
    world.device(1).go_up();
    world.device(0).go_down();
    world.loop.run_for(seconds(40));
    EXPECT_EQ(world.events.count("member-taken-back"), 0u);
    EXPECT_FALSE(world.mirror->up());
    world.device(0).go_up();
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(10)));
}

/// Nobody starts from it: whatever record it may have counts for nothing.
TEST(MirrorTakenBack, M10ThoughAMemberThatHasLeftMayHaveAnyRecord) {
    MirrorWorld world(3);
    world.device(1).fail(Operation::write, Errc::medium_error);
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 6)), Errc::ok);
    ASSERT_FALSE(world.in_sync(1));
    fail_the_last(world);
    world.device(0).go_down();
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-taken-back") == 1; }, seconds(40)));
}

/// The first and the third one have a record without the last one, and have failed since; the second one never got it.
TEST(MirrorTakenBack, M10NotBeforeOneThatFailedLaterAndMayHaveARecordWithoutIt) {
    MirrorWorld world(4);
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.hold_journal = true;
    world.device(3).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(4096, 8);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    world.device(1).go_down();
    world.device(0).hold();
    world.release_journal();
    world.loop.run_for(milliseconds(1));
    ASSERT_EQ(world.device(0).held(), 1u) << "its record is under way";
    world.fail_journal = true;
    world.device(0).hold_no_more();
    world.device(0).answer(Errc::medium_error);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(request.done);
    world.device(1).go_up();
    world.device(2).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 8192, filled(4096, 9)), Errc::io_error);
    world.device(1).go_down();
    world.loop.run_for(seconds(40));
    EXPECT_EQ(world.events.count("member-dropped"), 3u);
    EXPECT_EQ(world.events.count("member-taken-back"), 0u);
    EXPECT_FALSE(world.mirror->up());
    world.fail_journal = false;
    world.device(1).go_up();
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(3); }, seconds(70)));
    EXPECT_TRUE(world.mirror->up());
}

}  // namespace
}  // namespace dst
