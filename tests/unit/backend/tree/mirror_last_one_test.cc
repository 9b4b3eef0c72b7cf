// M10: who stays when the others are gone, or the journal takes no record.
#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// It has all that was acknowledged, and the other one, which alone has the last write, may never come back.
TEST(MirrorLastOne, M10TheOnlyOneThatIsThereIsNotDroppedForOneThatIsGone) {
    for (const bool at_once : {false, true}) {
        MirrorWorld world;
        ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        world.device(0).hold();
        TestRequest request = write_of(0, 8);
        request.submit(*world.mirror);
        world.device(1).go_down();
        world.loop.run_for(at_once ? milliseconds(1) : milliseconds(2000));
        world.device(0).hold_no_more();
        world.device(0).answer(Errc::medium_error);
        ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(10)));
        EXPECT_EQ(request.result(), at_once ? Errc::disconnected : Errc::medium_error)
            << "sent again while it may help";
        world.loop.run_for(seconds(2));
        EXPECT_TRUE(world.mirror->up());
        EXPECT_TRUE(world.in_sync(0));
        for (const Record& record : world.kept) {
            EXPECT_EQ(find_member(record, 1)->state, MemberState::in_sync) << "no record has been written without it";
        }
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 9)), Errc::ok);
        EXPECT_FALSE(world.in_sync(1)) << "it has missed that";
    }
}

TEST(MirrorLastOne, M10OneThatDoesNotTakeItsRecordIsNotDroppedForOneThatIsGone) {
    MirrorWorld world(3);
    world.hold_journal = true;
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(0, 7);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    world.device(0).hold();
    world.device(1).hold();
    world.release_journal();
    world.loop.run_for(milliseconds(10));
    ASSERT_GT(world.device(0).held(), 0u) << "its record is under way";
    world.device(1).go_down();
    world.device(0).hold_no_more();
    world.device(0).answer(Errc::medium_error);
    world.loop.run_for(seconds(2));
    EXPECT_TRUE(world.mirror->up());
    for (const Record& record : world.kept) EXPECT_EQ(find_member(record, 1)->state, MemberState::in_sync);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::ok);
    EXPECT_TRUE(world.in_sync(0));
}

/// No record says that it left, and nothing has been acknowledged without it.
TEST(MirrorLastOne, M10MemberThatNoRecordHasLeftOutIsTakenBackWhenItIsTheLast) {
    for (const bool comes_back_changed : {false, true}) {
        MirrorWorld world;
        ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        world.fail_journal = true;
        world.device(1).fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, 4096, filled(4096, 8)), Errc::io_error);
        world.device(0).go_down();
        if (comes_back_changed) {
            world.device(0).put(0, filled(4096, 1));
            world.device(0).change_incarnation();
            world.device(0).go_up();
            world.loop.run_for(milliseconds(10));
        } else {
            world.loop.run_for(seconds(2));
        }
        EXPECT_EQ(world.last_changed, 0);
        world.fail_journal = false;
        ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up() && !world.in_sync(0); }, seconds(40)));
        EXPECT_EQ(world.last_changed, 0);
        TestRequest back(Operation::read, {0, 4096});
        ASSERT_EQ(run(world.loop, *world.mirror, back), Errc::ok);
        EXPECT_EQ(back.bytes, filled(4096, 7)) << comes_back_changed;
        EXPECT_EQ(write(world.loop, *world.mirror, 4096, filled(4096, 9)), Errc::ok);
        EXPECT_EQ(find_member(world.record_on(1), 2)->state, MemberState::in_sync);
        EXPECT_EQ(find_member(world.record_on(1), 1)->state, MemberState::dirty);
        EXPECT_EQ(find_member(world.kept.back(), 2)->state, MemberState::in_sync);
    }
}

/// The other one, which no record has left out, has what it lost.
TEST(MirrorLastOne, M10OneThatCameBackChangedIsNotUsedWhileOneThatNoRecordHasLeftOutIsAway) {
    for (const bool journal_takes_it : {false, true}) {
        MirrorWorld world;
        ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        world.fail_journal = true;
        world.device(0).go_down();
        TestRequest request = write_of(4096, 8);
        request.submit(*world.mirror);
        ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(10)));
        ASSERT_NE(request.result(), Errc::ok);
        world.device(1).go_down();
        world.device(1).put(0, filled(4096, 1));
        world.device(1).change_incarnation();
        world.device(1).go_up();
        world.loop.run_for(seconds(5));
        EXPECT_EQ(world.last_changed, 0) << "the other one is waited for";
        world.fail_journal = !journal_takes_it;
        if (journal_takes_it) {
            // From then on it is left out.
            ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(70)));
            EXPECT_EQ(world.last_changed, 1);
            EXPECT_FALSE(world.in_sync(0));
            continue;
        }
        world.device(0).go_up();
        ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(70)));
        world.fail_journal = false;
        ASSERT_TRUE(world.loop.run_until([&] { return !world.in_sync(1); }, seconds(70)));
        EXPECT_EQ(world.last_changed, 0);
        TestRequest back(Operation::read, {0, 4096});
        ASSERT_EQ(run(world.loop, *world.mirror, back), Errc::ok);
        EXPECT_EQ(back.bytes, filled(4096, 7));
    }
}

/// It may be an older copy, and is not worth more for a journal that takes records again; nor for the other one's
/// cache.
TEST(MirrorLastOne, M10AnotherFileIsNotUsedForOneThatNoRecordHasLeftOut) {
    for (const bool cache_lost : {false, true}) {
        for (const bool back_before : {false, true}) {
            MirrorWorld world;
            ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
            world.fail_journal = true;
            world.device(0).go_down();
            EXPECT_EQ(write(world.loop, *world.mirror, 4096, filled(4096, 8)), Errc::io_error);
            const auto return_without_cache = [&] {
                world.device(0).change_incarnation();
                world.device(0).go_up();
                world.loop.run_for(milliseconds(10));
            };
            if (cache_lost && back_before) return_without_cache();
            world.device(1).go_down();
            world.device(1).put(0, filled(4096, 1));
            world.device(1).set_incarnation(with_other_file(world.device(1).incarnation(), Id{{9}}));
            world.device(1).go_up();
            if (!cache_lost || !back_before) {
                world.fail_journal = false;
                world.loop.run_for(seconds(100));
                EXPECT_EQ(world.last_changed, 0);
                EXPECT_FALSE(world.mirror->up());
                cache_lost ? return_without_cache() : world.device(0).go_up();
            }
            world.fail_journal = false;
            ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up() && !world.in_sync(1); }, seconds(70)));
            EXPECT_EQ(world.last_changed, cache_lost ? 1 : 0);
            TestRequest back(Operation::read, {0, 4096});
            ASSERT_EQ(run(world.loop, *world.mirror, back), Errc::ok);
            EXPECT_EQ(back.bytes, filled(4096, 7));
        }
    }
}

/// The next start would go on with it.
TEST(MirrorLastOne, M10AnotherFileIsUsedWhenTheJournalHasLeftTheOtherOneOut) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.hold_journal = true;
    world.device(0).go_down();
    TestRequest request = write_of(4096, 8);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(2)));
    world.device(1).go_down();
    world.loop.run_for(milliseconds(10));
    world.release_journal();
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(30)));
    world.device(1).set_incarnation(with_other_file(world.device(1).incarnation(), Id{{9}}));
    world.device(1).go_up();
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(70)));
    EXPECT_EQ(world.last_changed, 1);
    EXPECT_FALSE(world.in_sync(0));
}

TEST(MirrorLastOne, M10OneThatCameBackChangedIsNotUsedWhileTheJournalHasNotTakenTheOtherOut) {
    for (const bool journal_takes_it : {false, true}) {
        MirrorWorld world;
        ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        world.hold_journal = true;
        world.device(0).fail(Operation::write, Errc::medium_error);
        TestRequest request = write_of(4096, 8);
        request.submit(*world.mirror);
        ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
        world.device(1).go_down();
        world.device(1).put(0, filled(4096, 1));
        world.device(1).change_incarnation();
        world.device(1).go_up();
        world.loop.run_for(milliseconds(10));
        EXPECT_EQ(world.last_changed, 0);
        world.hold_journal = false;
        auto kept = std::exchange(world.pending_keep, nullptr);
        journal_takes_it ? kept({}) : kept(Error{Errc::no_space, "the journal's filesystem is full"});
        ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(10)));
        EXPECT_EQ(world.last_changed, journal_takes_it ? 1 : 0);
        EXPECT_EQ(world.in_sync(0), !journal_takes_it);
        EXPECT_EQ(world.in_sync(1), journal_takes_it);
    }
}

/// Another head may start from the one that may have that record, alone.
TEST(MirrorLastOne, M10MemberThatARecordMayHaveLeftOutIsNotTakenBack) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.hold_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    TestRequest request = write_of(4096, 8);
    request.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    world.device(0).hold();
    world.release_journal();
    world.loop.run_for(milliseconds(10));
    ASSERT_GT(world.device(0).held(), 0u) << "its record is under way";
    world.device(0).go_down();
    world.loop.run_for(seconds(40));
    EXPECT_TRUE(request.done);
    EXPECT_FALSE(world.mirror->up());
    // Nor when the next record gets no further than the journal.
    world.device(0).hold_no_more();
    world.device(0).go_up();
    world.hold_journal = true;
    TestRequest next = write_of(8192, 9);
    next.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(40)));
    world.device(0).go_down();
    world.release_journal();
    world.loop.run_for(seconds(40));
    EXPECT_FALSE(world.mirror->up());
    EXPECT_EQ(world.events.count("member-taken-back"), 0u);
    world.device(0).go_up();
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->up(); }, seconds(10)));
    // The record without it is tried again though nobody writes.
    EXPECT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(1); }, seconds(70)));
}

}  // namespace
}  // namespace dst
