// Several members of one mirror are lost at about the same time.
#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The record that one leaves with takes another one along that came back changed as well, and is away again.
TEST(MirrorSeveral, M14MembersThatAreBackChangedLeaveOnceEach) {
    MirrorWorld world(3);
    for (int i : {0, 1, 2}) world.device(i).go_down();
    for (int i : {1, 2}) {
        world.device(i).change_incarnation();
        world.device(i).go_up();
    }
    world.device(2).go_down();
    world.loop.run_for(seconds(2));
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(world.in_sync(0));
    for (int i : {1, 2}) EXPECT_EQ(world.mirror->child_status(i).state, VertexState::dirty);
    EXPECT_EQ(world.events.count("member-dropped"), 2u);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
}

/// Both behind one switch: the first one's record counts on the second one, which may be back until just before the
/// journal has that record.
TEST(MirrorSeveral, M2ARecordDoesNotWaitForOneThatIsGivenUpWhileTheJournalIsWritten) {
    MirrorWorld world(3);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 6)), Errc::ok);
    world.device(2).hold();
    world.hold_journal = true;
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(1));
    world.device(2).go_down();
    world.loop.run_for(milliseconds(10));
    world.device(1).go_down();
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    ASSERT_EQ(find_member(world.kept.back(), 2)->state, MemberState::in_sync);
    world.loop.run_for(milliseconds(100));
    world.release_journal();
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, milliseconds(100)));
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(find_member(world.record_on(0), 2)->state, MemberState::dirty);
    EXPECT_EQ(find_member(world.record_on(0), 3)->state, MemberState::dirty);
}

TEST(MirrorSeveral, M10ARecordDoesNotWaitForOneThatIsBackChangedWhenTheOthersAreGone) {
    MirrorWorld world(3);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 6)), Errc::ok);
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == 1; }));
    world.device(1).hold();
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.device(1).held(), 1u) << "its record; the other one has it";
    for (int i : {0, 1}) world.device(i).go_down();
    world.loop.run_for(milliseconds(10));
    world.device(1).release();
    world.device(1).change_incarnation();
    world.device(1).go_up();
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(2)));
    EXPECT_EQ(request.result(), Errc::disconnected);
    world.device(0).go_up();
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(2)));
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
    EXPECT_FALSE(world.in_sync(1));
}

TEST(MirrorSeveral, M5AStartDoesNotWaitForOneThatIsLostWhileTheJournalIsWritten) {
    MirrorWorld world(3);
    const Record record = world.mirror->record();
    world.mirror->stop();
    world.loop.run_for(milliseconds(10));
    world.mirror->stand(record, 3);
    world.hold_journal = true;
    bool served = false;
    world.mirror->serve(4, [&](const Result<void>& serving) { served = serving.has_value(); });
    world.loop.run_for(milliseconds(10));
    world.device(1).go_down();
    world.loop.run_for(seconds(2));
    world.release_journal();
    EXPECT_TRUE(world.loop.run_until([&] { return served; }, milliseconds(100)));
    EXPECT_TRUE(world.in_sync(0));
    EXPECT_FALSE(world.in_sync(1));
}

/// The disk that the journal lies on, for example.
TEST(MirrorJournal, M2WritesAreAnsweredAlthoughItHangs) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    world.hold_journal = true;
    TestRequest first = write_of(0, 7);
    first.submit(*world.mirror);
    world.loop.run_for(seconds(9));
    EXPECT_FALSE(first.done);
    world.loop.run_for(seconds(2));
    ASSERT_TRUE(first.done);
    EXPECT_EQ(first.result(), Errc::disconnected);
    EXPECT_EQ(world.events.count("journal-stalls"), 1u);
    EXPECT_EQ(write(world.loop, *world.mirror, 8192, filled(4096, 8)), Errc::disconnected);
    EXPECT_NE(world.device(0).bytes(8192, 4096), filled(4096, 8)) << "what is sent again and again is not written";
    TestRequest read(Operation::read, {16384, 4096});
    read.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(read.done);
    EXPECT_EQ(read.result(), Errc::ok);
    world.release_journal();
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 9)), Errc::ok);
    EXPECT_EQ(world.record_on(0).generation, 2u);
}

/// What the members' record and the journal say of the caches of all that are left is what a start goes by.
struct MirrorAllChanged : testing::Test {
    void come_back() {
        for (int i : {0, 1}) world.device(i).go_down();
        for (int i : {0, 1}) {
            world.device(i).change_incarnation();
            world.device(i).go_up();
        }
        world.loop.run_for(milliseconds(10));
        EXPECT_EQ(world.events.count("last-member-changed"), 2u);
    }
    MirrorWorld world;
};

TEST_F(MirrorAllChanged, M14NothingIsAnsweredBeforeTheJournalHasTheirRecord) {
    world.fail_journal = true;
    come_back();
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(world.events.count("mirror-record-failed"), 1u);
    world.fail_journal = false;
    EXPECT_TRUE(world.loop.run_until([this] { return world.mirror->up(); }, seconds(10)));
    const Record record = world.record_on(0);
    for (int i : {0, 1}) EXPECT_EQ(find_member(record, i + 1)->incarnation, world.device(i).incarnation());
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::in_sync);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
}

TEST_F(MirrorAllChanged, M14NothingIsWrittenBeforeTheRecordThatTheyRefused) {
    for (int i : {0, 1}) world.device(i).fail(Operation::write, Errc::medium_error);
    come_back();
    EXPECT_TRUE(world.mirror->up()) << "reads go on";
    EXPECT_EQ(world.events.count("mirror-record-failed"), 1u);
    world.hold_journal = true;
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(100));
    EXPECT_FALSE(request.done);
    for (int i : {0, 1}) EXPECT_NE(world.device(i).bytes(0, 4096), filled(4096, 7));
    world.release_journal();
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::ok);
    const int used = world.in_sync(0) ? 0 : 1;
    EXPECT_EQ(find_member(world.record_on(used), used + 1)->incarnation, world.device(used).incarnation());
}

/// One alone is the only one whatever became of its cache.
TEST_F(MirrorAllChanged, M10TheOnlyOneAnswersThoughTheJournalFails) {
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.fail_journal = true;
    world.device(0).go_down();
    world.device(0).change_incarnation();
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(world.mirror->up());
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
}

}  // namespace
}  // namespace dst
