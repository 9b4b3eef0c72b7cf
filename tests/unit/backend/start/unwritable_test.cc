// A start whose disks can be read and do not take writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// What of a disk does not take writes: all of it, for it is broken or its filesystem has become read-only; or all but
/// the labels, which are promised first.
enum class Broken { all, all_but_labels, read_only };

void break_writes(sim::SimPlatter& platter, Broken what) {
    const std::uint64_t size = platter.geometry().size_bytes;
    const Extent range{0, what == Broken::all_but_labels ? size - label_area_bytes : size};
    platter.fail(Operation::write, range, what == Broken::read_only ? Errc::refused : Errc::medium_error);
}

/// /a and /b in one mirror, or /b in one below it.
spec::Node tree_of(bool below) {
    if (!below) return two_disks();
    return mirror_node("m0", {mirror_node("m1", {disk_node("/b"), disk_node("/c")}), disk_node("/a")});
}

bool healthy(const EngineWorld::Head& head) { return head.engine->status().state == StorageState::healthy; }

struct Unwritable : testing::TestWithParam<Broken> {};

TEST_P(Unwritable, M5MemberIsLeftOutByTheHeadWhoseJournalDecides) {
    for (const bool below : {false, true}) {
        EngineWorld world(tree_of(below));
        ASSERT_TRUE(world.init().done);
        EngineWorld::Head* head = &world.serve();
        ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.crash(*head);
        break_writes(world.platter("/b"), GetParam());
        head = &world.serve();
        const Bytes bytes = EngineWorld::pattern(4096, 2);
        ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
        EXPECT_FALSE(healthy(*head));
        EXPECT_EQ(world.platter("/a").read({0, 4096}), bytes);
        // One that lacks it may be asked for nothing.
        world.crash(*head);
        head = &world.serve();
        Bytes back(4096);
        ASSERT_EQ(world.read(*head, 0, back), Errc::ok);
        EXPECT_EQ(back, bytes);
        world.platter("/b").clear_failures();
        EXPECT_TRUE(world.loop.run_until([&] { return healthy(*head); }, minutes(3))) << below;
        EXPECT_EQ(world.platter("/b").read({0, 4096}), bytes);
        world.close(*head);
    }
}

TEST_P(Unwritable, TheUserIsToldWhichDiskAndWhy) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    break_writes(world.platter("/b"), GetParam());
    const EngineWorld::Head& head = world.serve();
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-dropped") == 1; }, seconds(30)));
    std::string told;
    for (const auto& entry : world.events.entries) {
        if (entry.id == "member-dropped") told = entry.line;
    }
    EXPECT_THAT(told, HasSubstr("/b does not take writes"));
    const StorageStatus status = head.engine->status();
    EXPECT_THAT(status.tree->children.at(1).reason, HasSubstr("could not be written"));
}

TEST_P(Unwritable, TheUserIsToldWhichDiskOfALinearItIs) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), linear_node("l0", {disk_node("/b"), disk_node("/c")})}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    break_writes(world.platter("/c"), Broken::all);
    const EngineWorld::Head& head = world.serve();
    EXPECT_THAT(head.engine->status().tree->children.at(1).reason, HasSubstr("/c does not take writes"));
}

/// It cannot be promised the epoch, so that another head that reaches it alone would not hear of this one.
TEST_P(Unwritable, M6MemberIsNeededByAHeadWhoseJournalDoesNotDecide) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head* head = &world.serve();
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(*head);
    break_writes(world.platter("/b"), GetParam());
    head = &world.open("another");
    EXPECT_FALSE(world.loop.run_until([&] { return head->serving == 1; }, minutes(2)));
    EXPECT_EQ(head->engine->status().state, StorageState::waiting);
    world.platter("/b").clear_failures();
    EXPECT_TRUE(world.loop.run_until([&] { return healthy(*head); }, minutes(1)));
}

TEST_P(Unwritable, TheOnlyOneIsWaitedFor) {
    EngineWorld world(linear_node("l0", {two_disks(), disk_node("/c")}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/c").fail(Operation::write, {0, world.platter("/c").geometry().size_bytes}, Errc::medium_error);
    for (const char* path : {"/a", "/b"}) break_writes(world.platter(path), GetParam());
    const EngineWorld::Head& head = world.open();
    EXPECT_FALSE(world.loop.run_until([&] { return head.serving == 1; }, minutes(2)));
    for (const char* path : {"/a", "/b", "/c"}) world.platter(path).clear_failures();
    EXPECT_TRUE(world.loop.run_until([&] { return healthy(head); }, minutes(1)));
}

/// A machine loses power, and one of its disks takes no writes from then on: the other may have lost what was never
/// flushed, and so may this one, so that nothing is gained by waiting for it.
TEST_P(Unwritable, M7MemberThatMayHaveLostAsMuchIsNotWaitedFor) {
    for (const bool below : {false, true}) {
        EngineWorld world(tree_of(below));
        ASSERT_TRUE(world.init().done);
        EngineWorld::Head* head = &world.serve();
        const Bytes bytes = EngineWorld::pattern(4096, 1);
        ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
        ASSERT_EQ(world.flush(*head), Errc::ok);
        ASSERT_EQ(world.write(*head, 8192, EngineWorld::pattern(4096, 2)), Errc::ok);
        world.crash(*head);
        for (const char* path : {"/a", "/b"}) world.platter(path).power_loss();
        if (below) world.platter("/c").power_loss();
        break_writes(world.platter("/b"), GetParam());
        head = &world.serve("head0", minutes(1));
        Bytes back(4096);
        ASSERT_EQ(world.read(*head, 0, back), Errc::ok);
        EXPECT_EQ(back, bytes);
        world.platter("/b").clear_failures();
        EXPECT_TRUE(world.loop.run_until([&] { return healthy(*head); }, minutes(3))) << below;
        world.close(*head);
    }
}

/// It has lost nothing: only what it holds is sure to be what was acknowledged.
TEST_P(Unwritable, M7MemberThatHasLostNothingIsWaitedFor) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head* head = &world.serve();
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    world.crash(*head);
    world.platter("/a").power_loss();
    break_writes(world.platter("/b"), GetParam());
    head = &world.open();
    EXPECT_FALSE(world.loop.run_until([&] { return head->serving == 1; }, minutes(2)));
    world.platter("/b").clear_failures();
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(*head); }, minutes(3)));
    Bytes back(4096);
    ASSERT_EQ(world.read(*head, 0, back), Errc::ok);
    EXPECT_EQ(back, bytes);
}

/// What the start itself names as the way out.
TEST_P(Unwritable, MemberThatHasLostNothingIsDoneWithoutWhenThatIsOrdered) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head* head = &world.serve();
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.crash(*head);
    world.platter("/a").power_loss();
    break_writes(world.platter("/b"), GetParam());
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    head = &world.serve("head0", minutes(1));
    EXPECT_EQ(world.events.count("start-forced"), 1u);
    world.platter("/b").clear_failures();
    EXPECT_TRUE(world.loop.run_until([&] { return healthy(*head); }, minutes(3)));
}

TEST_P(Unwritable, OrderThatIsNotNeededDoesNotKeepTheStorageDown) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    break_writes(world.platter("/b"), GetParam());
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.serve("head0", minutes(1));
    EXPECT_EQ(world.events.count("start-forced"), 0u);
    EXPECT_EQ(world.events.count("start-order-done"), 1u);
}

void go_on(EngineWorld& world, const std::string& journal, const char* away, unsigned seed) {
    world.platter(away).set_missing(true);
    EngineWorld::Head& head = world.serve(journal);
    ASSERT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
    world.close(head);
    world.platter(away).set_missing(false);
}

/// Whatever the disk takes on which the other side lies.
TEST_P(Unwritable, M5SideThatIsGivenUpIsNotServedForIt) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    go_on(world, "head0", "/b", 1);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    go_on(world, "other", "/a", 2);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b", "other"));
    break_writes(world.platter("/a"), GetParam());
    EngineWorld::Head& head = world.open("other");
    world.loop.run_for(minutes(1));
    EXPECT_EQ(head.serving, 0);
    EXPECT_THAT(head.engine->status().reason, HasSubstr("/a"));
    world.platter("/a").clear_failures();
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, minutes(1)));
    Bytes bytes(4096);
    ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 1));
}

/// The other one is stale: a write that fails for once must not decide that its data are gone on with.
TEST(UnwritableForAMoment, M5MemberIsTriedThreeTimesBeforeDataAreGivenUpForIt) {
    for (const unsigned failures : {1u, 2u, 3u}) {
        EngineWorld world(two_disks());
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        go_on(world, "head0", "/a", 1);
        sim::SimPlatter& b = world.platter("/b");
        b.fail(Operation::write, {0, b.geometry().size_bytes}, Errc::medium_error, failures);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
        EngineWorld::Head& head = world.serve("head0", minutes(1));
        const bool given_up = failures == 3;
        EXPECT_EQ(world.events.count("start-forced"), given_up ? 1u : 0u) << failures;
        Bytes back(4096);
        ASSERT_EQ(world.read(head, 0, back), Errc::ok);
        EXPECT_EQ(back == EngineWorld::pattern(4096, 1), !given_up) << failures;
        world.close(head);
    }
}

/// It is not the blank disk that the storage waits for.
TEST(UnwritableForAMoment, M5MemberIsTriedAgainBesideABlankDisk) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    sim::SimPlatter& a = world.platter("/a");
    world.platter("/b").replace_blank(world.platter("/b").geometry().size_bytes);
    a.fail(Operation::write, {0, a.geometry().size_bytes}, Errc::no_space);
    const EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(20));
    EXPECT_EQ(head.engine->status().state, StorageState::waiting);
    a.clear_failures();
    EXPECT_TRUE(world.loop.run_until([&] { return healthy(head); }, minutes(1)));
}

/// Writes succeed and flushes do not: it goes down with each, and comes up again.
TEST(UnflushableDisk, M5MemberIsLeftOutByTheHeadWhoseJournalDecides) {
    for (const bool below : {false, true}) {
        EngineWorld world(tree_of(below));
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        sim::SimPlatter& b = world.platter("/b");
        b.fail(Operation::flush, {0, b.geometry().size_bytes}, Errc::io_error);
        EngineWorld::Head& head = world.serve("head0", minutes(1));
        EXPECT_FALSE(healthy(head));
        const Bytes bytes = EngineWorld::pattern(4096, 2);
        ASSERT_EQ(world.write(head, 0, bytes), Errc::ok);
        ASSERT_EQ(world.flush(head), Errc::ok);
        b.clear_failures();
        EXPECT_TRUE(world.loop.run_until([&] { return healthy(head); }, minutes(3))) << below;
        EXPECT_EQ(b.read({0, 4096}), bytes);
        world.close(head);
    }
}

INSTANTIATE_TEST_SUITE_P(Disks, Unwritable, testing::Values(Broken::all, Broken::all_but_labels, Broken::read_only));

}  // namespace
}  // namespace dst
