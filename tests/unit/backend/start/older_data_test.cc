// A member that is a mirror of its own was started from older data: what was flushed may be lost on it (M7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "media/journal.h"
#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::uint64_t second_region = 1u << 20;

Result<void> accept_loss(EngineWorld& world, const std::string& journal) {
    return order(world, StartOrder::accept_data_loss, {}, journal);
}

/// A mirror of /a and /b, which is a tree of another machine; what it holds of the second region goes back to zeroes.
struct OlderData : testing::Test {
    OlderData() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        EXPECT_EQ(world.write(*head, second_region, bytes), Errc::ok);
        EXPECT_EQ(world.flush(*head), Errc::ok);
        world.loop.run_for(seconds(30));
    }
    void lose_data() {
        tree.write(second_region, Bytes(4096));
        tree.lose_data();
    }
    bool healthy() const { return head->engine->status().state == StorageState::healthy; }
    Bytes read() {
        Bytes back(4096);
        EXPECT_EQ(world.read(*head, second_region, back), Errc::ok);
        return back;
    }
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EngineWorld world{two_disks()};
    sim::SimPlatter& tree = world.platter("/b");
    EngineWorld::Head* head = nullptr;
};

TEST_F(OlderData, M7MemberThatReturnsIsOwedEverything) {
    tree.set_missing(true);
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    lose_data();
    tree.set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(tree.read({second_region, 4096}), bytes);
}

/// Nothing was sent to it meanwhile.
TEST_F(OlderData, M7MemberThatMissedNothingIsOwedEverything) {
    tree.set_missing(true);
    world.loop.run_for(seconds(2));
    lose_data();
    tree.set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-dropped") == 1; }, minutes(1)));
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(tree.read({second_region, 4096}), bytes);
}

TEST_F(OlderData, M7StartDoesNotUseIt) {
    world.close(*head);
    lose_data();
    head = &world.serve();
    EXPECT_EQ(read(), bytes);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(tree.read({second_region, 4096}), bytes);
}

TEST_F(OlderData, M7MemberThatComesAfterTheStartIsOwedEverything) {
    world.close(*head);
    lose_data();
    tree.set_missing(true);
    head = &world.serve();
    tree.set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(tree.read({second_region, 4096}), bytes);
}

TEST_F(OlderData, M5StartThatNeedsItWaitsForTheUser) {
    tree.set_missing(true);
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    tree.set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    world.platter("/a").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    world.close(*head);
    lose_data();
    head = &world.open();
    EXPECT_FALSE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
    EXPECT_THAT(head->engine->status().reason, HasSubstr("/b (it was started with loss of data)"));
    EXPECT_THAT(head->engine->status().reason, HasSubstr("--accept-data-loss"));
    world.close(*head);
    ASSERT_TRUE(accept_loss(world, "head0"));
    head = &world.serve();
    // What /a holds of it is newer, and nobody knows where.
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(world.platter("/a").read({second_region, 4096}), Bytes(4096));
}

/// What was never flushed is lost with both, and nobody can bring it back.
TEST_F(OlderData, M10IsNotWaitedForByOneThatHasAllThatWasFlushed) {
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(true);
    world.loop.run_for(milliseconds(1));
    world.platter("/a").take_out(world.platter("/a").durable());
    lose_data();
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(world.events.count("last-member-changed"), 1u);
    EXPECT_EQ(world.events.count("last-member-older"), 0u);
    EXPECT_EQ(read(), bytes);
    EXPECT_EQ(tree.read({second_region, 4096}), bytes);
}

TEST_F(OlderData, M5NorByAStart) {
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    world.crash(*head);
    world.platter("/a").power_loss();
    lose_data();
    head = &world.serve();
    EXPECT_EQ(read(), bytes);
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(tree.read({second_region, 4096}), bytes);
}

/// What the tree lost is lost, whichever side is given up.
TEST_F(OlderData, M5WhoGivesUpTheOtherSideOfASplitGoesOnWithIt) {
    world.platter("/a").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    world.close(*head);
    world.platter("/a").set_missing(false);
    tree.set_missing(true);
    ASSERT_TRUE(accept_loss(world, "another"));
    world.close(world.serve("another"));
    lose_data();
    tree.set_missing(false);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/a", "another"));
    head = &world.serve("another");
    EXPECT_EQ(read(), Bytes(4096));
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(2)));
    EXPECT_EQ(world.platter("/a").read({second_region, 4096}), Bytes(4096));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), bytes);
    const sim::SimStoreFile& file = world.journal("another");
    const JournalChoice found = choose_journal({file.slots, file.machine, file.inode});
    ASSERT_TRUE(found.journal);
    const std::vector<Id>& lineage = found.journal->records.at(0).lineage;
    EXPECT_TRUE(std::none_of(lineage.begin(), lineage.end(), [](const Id& id) { return id.is_nil(); }));
}

TEST_F(OlderData, M10LastMemberIsNotGoneOnWith) {
    world.platter("/a").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
    tree.set_missing(true);
    world.loop.run_for(seconds(2));
    lose_data();
    tree.set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("last-member-older") == 1; }, minutes(1)));
    EXPECT_EQ(world.write(*head, 0, bytes), Errc::not_ready);
    EXPECT_THAT(head->engine->status().tree->children.at(1).reason, HasSubstr("started with loss of data"));
    world.close(*head);
    ASSERT_TRUE(accept_loss(world, "head0"));
    head = &world.serve();
    EXPECT_EQ(world.write(*head, 0, bytes), Errc::ok);
}

/// It has all that /z has, once it is formed anew: nobody is needed for that.
TEST(OlderDataBelow, M7MirrorWhoseLastMemberHasOlderDataIsFormedAnew) {
    EngineWorld world(mirror_node("m0", {disk_node("/z"), mirror_node("m1", {disk_node("/a"), disk_node("/b")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    ASSERT_EQ(world.write(head, second_region, bytes), Errc::ok);
    world.platter("/b").set_missing(true);
    ASSERT_EQ(world.write(head, 0, bytes), Errc::ok);
    world.platter("/a").set_missing(true);
    ASSERT_EQ(world.write(head, 0, bytes), Errc::ok);
    world.platter("/a").write(second_region, Bytes(4096));
    world.platter("/a").lose_data();
    world.platter("/a").set_missing(false);
    world.platter("/b").set_missing(false);
    const auto healthy = [&] { return head.engine->status().state == StorageState::healthy; };
    ASSERT_TRUE(world.loop.run_until(healthy, minutes(5)));
    for (const char* path : {"/z", "/a", "/b"}) {
        EXPECT_EQ(world.platter(path).read({second_region, 4096}), bytes) << path;
    }
}

/// m2 is formed anew from /b, which had left it; of m1 only /y holds everything then.
TEST(OlderDataBelow, M7MirrorFormedAnewIsNotInSyncInTheOneAbove) {
    EngineWorld world(mirror_node(
        "m0", {disk_node("/z"),
               mirror_node("m1", {mirror_node("m2", {disk_node("/a"), disk_node("/b")}), disk_node("/y")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head* head = &world.serve();
    world.platter("/b").set_missing(true);
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    ASSERT_EQ(world.write(*head, second_region, bytes), Errc::ok);
    world.loop.run_for(seconds(30));
    world.close(*head);
    world.platter("/a").replace_blank(world.platter("/a").geometry().size_bytes);
    world.platter("/b").set_missing(false);
    world.platter("/y").set_missing(true);
    head = &world.serve();
    world.loop.run_for(minutes(1));
    world.platter("/y").set_missing(false);
    const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
    ASSERT_TRUE(world.loop.run_until(healthy, minutes(5)));
    for (const char* path : {"/z", "/a", "/b", "/y"}) {
        EXPECT_EQ(world.platter(path).read({second_region, 4096}), bytes) << path;
    }
}

/// What one side held is given up: of the mirror above, which has nothing else, too.
TEST(OlderDataBelow, MirrorWhoseSplitIsResolvedIsGoneOnWithInTheOneAbove) {
    EngineWorld world(mirror_node("m0", {disk_node("/z"), mirror_node("m1", {disk_node("/a"), disk_node("/b")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head* head = &world.serve();
    world.platter("/z").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.platter("/b").set_missing(true);
    const Bytes kept = EngineWorld::pattern(4096, 2);
    ASSERT_EQ(world.write(*head, second_region, kept), Errc::ok);
    world.close(*head);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(accept_loss(world, "other"));
    head = &world.serve("other");
    ASSERT_EQ(world.write(*head, second_region, EngineWorld::pattern(4096, 3)), Errc::ok);
    world.close(*head);
    world.platter("/a").set_missing(false);
    head = &world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head->failed.has_value(); }, seconds(30)));
    ASSERT_EQ(head->engine->status().state, StorageState::split);
    world.close(*head);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b", "head0"));
    head = &world.serve();
    world.platter("/z").set_missing(false);
    const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
    ASSERT_TRUE(world.loop.run_until(healthy, minutes(5)));
    for (const char* path : {"/z", "/a", "/b"}) {
        EXPECT_EQ(world.platter(path).read({second_region, 4096}), kept) << path;
    }
}

}  // namespace
}  // namespace dst
