// M10, M7: an older copy of its medium in the place of the last member in sync, while a head serves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct MirrorOlderLast : testing::Test {
    MirrorOlderLast() {
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        copy = all();
        // The record without the other one is written since.
        world.device(1).fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
        EXPECT_FALSE(world.in_sync(1));
        world.device(1).go_down();
        newest = all();
    }
    Bytes all() { return world.device(0).bytes(0, world.device(0).geometry().size_bytes); }
    void replace(const Bytes& bytes) {
        world.device(0).go_down();
        world.device(0).put(0, bytes);
        world.device(0).change_incarnation();
        world.device(0).go_up();
    }
    Bytes read_all() {
        TestRequest request(Operation::read, {0, 4096});
        request.submit(*world.mirror);
        EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(5)));
        return request.bytes;
    }
    MirrorWorld world;
    Bytes copy;
    Bytes newest;
};

TEST_F(MirrorOlderLast, IsNotUsedAndNotWrittenTo) {
    replace(copy);
    world.loop.run_for(seconds(10));
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(world.events.count("last-member-older"), 1u);
    EXPECT_EQ(world.events.count("last-member-changed"), 0u);
    EXPECT_THAT(world.mirror->child_status(0).reason, HasSubstr("an older copy of its medium is in its place"));
    EXPECT_EQ(all(), copy);
    replace(newest);
    world.loop.run_for(seconds(1));
    EXPECT_TRUE(world.mirror->up());
    EXPECT_EQ(world.events.count("last-member-changed"), 1u);
    EXPECT_EQ(read_all(), filled(4096, 8));
}

/// Whoever has the older copy open sees another medium under its name only when it is opened anew.
TEST_F(MirrorOlderLast, IsCutNowAndThenSoThatTheNewestIsSeenUnderItsName) {
    replace(copy);
    for (unsigned looks = 0; looks < 3; ++looks) {
        const unsigned cuts = world.device(0).cuts;
        ASSERT_TRUE(world.loop.run_until([&] { return world.device(0).cuts > cuts; }, seconds(30)));
        world.loop.run_for(milliseconds(1));
        world.device(0).go_up();
        world.loop.run_for(seconds(1));
    }
    EXPECT_EQ(world.events.count("last-member-older"), 1u);
    EXPECT_EQ(world.events.count("member-away"), 1u) << "when the medium was changed";
    replace(newest);
    world.loop.run_for(seconds(1));
    EXPECT_TRUE(world.mirror->up());
    const unsigned cuts = world.device(0).cuts;
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.device(0).cuts, cuts);
}

/// It went away again before the record that says what it may have lost reached it.
TEST_F(MirrorOlderLast, GetsNoRecordThatWaitsForTheNewest) {
    world.hold_journal = true;
    replace(newest);
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(world.pending_keep);
    world.device(0).go_down();
    world.release_journal();
    replace(copy);
    world.loop.run_for(seconds(10));
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(all(), copy);
    replace(newest);
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(40)));
    EXPECT_EQ(read_all(), filled(4096, 8));
}

/// Reads go on when the journal takes no record, but not with the older data.
TEST_F(MirrorOlderLast, IsNotReadWhenTheJournalTakesNoRecord) {
    world.hold_journal = true;
    replace(newest);
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(world.pending_keep);
    replace(copy);
    world.loop.run_for(milliseconds(10));
    world.fail_journal = true;
    world.hold_journal = false;
    std::exchange(world.pending_keep, nullptr)(Error{Errc::no_space, "full"});
    world.loop.run_for(seconds(2));
    EXPECT_EQ(world.events.count("mirror-record-failed"), 1u);
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(all(), copy);
}

/// From between two records of one generation: the other member was marked as being brought up to date.
TEST_F(MirrorOlderLast, IsToldByTheRevisionAsWell) {
    world.device(1).hold_but_reads();
    world.device(1).go_up();
    world.admit(1);
    world.loop.run_for(milliseconds(100));
    world.device(1).go_down();
    ASSERT_GT(world.record_on(0).revision, 2u);
    replace(newest);
    world.loop.run_for(seconds(2));
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(world.events.count("last-member-older"), 1u);
}

/// A record that was under way when it came back, and ends later, does not make it one that is used.
TEST_F(MirrorOlderLast, IsNotUsedBecauseARecordThatWasUnderWayEnds) {
    for (const bool older : {true, false}) {
        world.device(1).hold_but_reads();
        world.device(1).go_up();
        world.admit(1);
        world.loop.run_for(milliseconds(100));
        ASSERT_GT(world.device(1).held(), 0u) << "its mark is under way, and on the last member";
        newest = all();
        replace(older ? copy : newest);
        world.device(1).release();
        world.loop.run_for(seconds(2));
        EXPECT_EQ(world.mirror->up(), !older);
        EXPECT_EQ(world.events.count("last-member-changed"), older ? 0u : 2u) << "once in between";
        world.device(1).go_down();
        if (older) replace(newest);
        world.loop.run_for(seconds(2));
    }
}

/// The record that the others hold it with waits for it, and the journal is left in peace.
TEST_F(MirrorOlderLast, DoesNotMakeTheJournalWriteRecordAfterRecord) {
    world.hold_journal = true;
    replace(newest);
    world.loop.run_for(milliseconds(10));
    world.device(0).go_down();
    world.release_journal();
    replace(copy);
    world.loop.run_for(seconds(10));
    const std::size_t kept = world.kept.size();
    world.loop.run_for(std::chrono::minutes(5));
    EXPECT_EQ(world.kept.size(), kept);
    EXPECT_FALSE(world.mirror->up());
    replace(newest);
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(40)));
}

/// What says nothing of the record: a disk that has no memory just now, for example.
TEST_F(MirrorOlderLast, IsAskedAgainAfterAnyErrorThatIsNotTheMediums) {
    world.device(0).fail(Operation::read, Errc::out_of_resources, 1);
    replace(copy);
    ASSERT_TRUE(world.loop.run_until([&] { return world.device(0).cuts == 1; }, seconds(5)));
    EXPECT_EQ(world.events.count("last-member-changed"), 0u);
    world.loop.run_for(milliseconds(1));
    world.device(0).go_up();
    world.loop.run_for(seconds(2));
    EXPECT_EQ(world.events.count("last-member-older"), 1u);
}

TEST_F(MirrorOlderLast, NorIsOneWithoutARecord) {
    replace(Bytes(newest.size()));
    world.loop.run_for(seconds(2));
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(world.events.count("last-member-older"), 1u);
}

/// Both copies of its record cannot be read, for a while or for good: what it is, nobody can tell.
TEST_F(MirrorOlderLast, IsNotUsedWhileItsRecordCannotBeRead) {
    for (const Errc code : {Errc::medium_error, Errc::io_error}) {
        world.events.entries.clear();
        world.device(0).fail(Operation::read, code, 16);
        replace(copy);
        world.loop.run_for(seconds(12));
        EXPECT_FALSE(world.mirror->up());
        EXPECT_EQ(world.events.count("last-member-unreadable"), 1u);
        EXPECT_EQ(world.events.count("last-member-older"), 0u);
        EXPECT_EQ(all(), copy);
        EXPECT_THAT(world.mirror->child_status(0).reason, HasSubstr("its record cannot be read"));
        world.loop.run_for(seconds(10));
        EXPECT_EQ(world.events.count("last-member-older"), 1u);

        world.device(0).fail(Operation::read, code, 6);
        replace(newest);
        world.loop.run_for(seconds(3));
        EXPECT_FALSE(world.mirror->up());
        ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(5)));
        EXPECT_EQ(read_all(), filled(4096, 8));
        EXPECT_EQ(world.device(0).cuts, 0u) << "its record is read again without that";
        newest = all();
    }
}

/// It came back changed, so that it cannot have more than the other one that did: it leaves.
TEST(MirrorUnreadable, IsNotWaitedForWhenAnotherOneIsThere) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    for (const std::size_t index : {0, 1}) world.device(index).go_down();
    world.device(1).fail(Operation::read, Errc::medium_error, 1000);
    for (const std::size_t index : {1, 0}) {
        world.device(index).change_incarnation();
        world.device(index).go_up();
    }
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(10)));
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.mirror->child_status(0).state, VertexState::in_sync);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
    EXPECT_EQ(world.events.count("last-member-unreadable"), 0u);
    EXPECT_EQ(world.events.count("last-member-changed"), 1u);
}

/// One that cannot be read keeps nobody away who can, whatever file that is.
TEST(MirrorUnreadable, AnotherFileThatIsReadIsUsed) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    for (const std::size_t index : {0, 1}) world.device(index).go_down();
    world.device(0).fail(Operation::read, Errc::medium_error, 1000);
    world.device(0).change_incarnation();
    world.device(1).set_incarnation(of_file(Id{{9}}));
    for (const std::size_t index : {0, 1}) world.device(index).go_up();
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(10)));
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.mirror->child_status(0).state, VertexState::dirty);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::in_sync);
}

/// It may be an older copy, and the one that was not read once is the same file.
TEST(MirrorUnreadable, IsWaitedForWhenAllOthersAreOtherFiles) {
    for (const unsigned failures : {4u, 1000u}) {
        MirrorWorld world;
        for (const std::size_t index : {0, 1}) world.device(index).set_incarnation(of_file(Id{{5}}));
        world.start_again();
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        for (const std::size_t index : {0, 1}) world.device(index).go_down();
        world.device(0).fail(Operation::read, Errc::medium_error, failures);
        world.device(0).change_incarnation();
        world.device(1).set_incarnation(of_file(Id{{6}}));
        for (const std::size_t index : {0, 1}) world.device(index).go_up();
        world.loop.run_for(seconds(1));
        EXPECT_FALSE(world.mirror->up());
        ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(30)));
        world.loop.run_for(seconds(1));
        const std::size_t used = failures == 4 ? 0 : 1;
        EXPECT_EQ(world.mirror->child_status(used).state, VertexState::in_sync);
        EXPECT_EQ(world.mirror->child_status(1 - used).state, VertexState::dirty);
    }
}

/// Both came back changed, and one of them is another file.
TEST(MirrorOtherFile, LeavesWhenTheOtherOneIsTheSame) {
    MirrorWorld world;
    for (const std::size_t index : {0, 1}) world.device(index).set_incarnation(of_file(Id{{5}}));
    world.start_again();
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    for (const std::size_t index : {0, 1}) world.device(index).go_down();
    world.device(0).set_incarnation(of_file(Id{{6}}));
    world.device(1).change_incarnation();
    for (const std::size_t index : {0, 1}) world.device(index).go_up();
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(10)));
    world.loop.run_for(seconds(1));
    EXPECT_NE(world.mirror->child_status(0).state, VertexState::in_sync);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::in_sync);
}

/// For a mirror above: this one does not come up by itself.
TEST_F(MirrorOlderLast, CountsAsOneAfterAWhileInWhichItsRecordCannotBeRead) {
    world.device(0).fail(Operation::read, Errc::medium_error, 1000);
    replace(copy);
    world.loop.run_for(seconds(10));
    EXPECT_FALSE(world.mirror->holds_older_data());
    world.loop.run_for(seconds(20));
    EXPECT_TRUE(world.mirror->holds_older_data());
    EXPECT_EQ(world.events.count("last-member-unreadable"), 1u);
}

TEST_F(MirrorOlderLast, IsToldByOneCopyOfItsRecordWhenTheOtherCannotBeRead) {
    for (const bool older : {true, false}) {
        world.device(0).fail(Operation::read, Errc::medium_error, 1);
        replace(older ? copy : newest);
        world.loop.run_for(seconds(1));
        EXPECT_EQ(world.mirror->up(), !older);
        EXPECT_EQ(world.events.count("last-member-unreadable"), 0u);
    }
}

TEST_F(MirrorOlderLast, IsAskedAgainWhenTheAnswerIsLost) {
    world.device(0).fail(Operation::read, Errc::disconnected, 1);
    replace(copy);
    ASSERT_TRUE(world.loop.run_until([&] { return world.device(0).cuts == 1; }, seconds(5)));
    world.loop.run_for(milliseconds(1));
    world.device(0).go_up();
    world.loop.run_for(seconds(2));
    EXPECT_EQ(world.events.count("last-member-older"), 1u);
    EXPECT_FALSE(world.mirror->up());
}

}  // namespace
}  // namespace dst
