#include <gtest/gtest.h>

#include "media/label.h"
#include "media/layout.h"
#include "media/region_map.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

TEST(Serve, SingleDiskServesWhatWasWritten) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const Bytes bytes = EngineWorld::pattern(8192, 1);
    EXPECT_EQ(world.write(head, 4096, bytes), Errc::ok);
    Bytes back(8192);
    EXPECT_EQ(world.read(head, 4096, back), Errc::ok);
    EXPECT_EQ(back, bytes);
}

TEST(Serve, MirrorWritesToAllMembers) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const Bytes bytes = EngineWorld::pattern(8192, 1);
    EXPECT_EQ(world.write(head, 4096, bytes), Errc::ok);
    EXPECT_EQ(world.platter("/a").read({4096, 8192}), bytes);
    EXPECT_EQ(world.platter("/b").read({4096, 8192}), bytes);
    EXPECT_EQ(head.engine->status().state, StorageState::healthy);
}

TEST(Serve, AMapWhoseNewestCopyHasRottedIsToldAndMended) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    sim::SimPlatter& platter = world.platter("/a");
    const std::uint64_t size = leaf_size_bytes(platter.geometry().size_bytes);
    const MirrorLayout layout = mirror_layout(size, default_region_bytes(size));
    std::array<std::uint64_t, 2> sequences{};
    for (unsigned copy = 0; copy < 2; ++copy) {
        const auto header = decode_map_slot_header(platter.read(layout.map_slot(0, 0, copy)));
        ASSERT_TRUE(header) << copy;
        sequences[copy] = header->stamp.sequence;
    }
    platter.write(layout.map_slot(0, 0, sequences[0] > sequences[1] ? 0 : 1).offset, Bytes(512));
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.events.count("map-damaged"), 1u);
    world.loop.run_for(std::chrono::seconds(30));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
    world.close(head);
    world.loop.run_for(std::chrono::seconds(1));
    world.serve();
    world.loop.run_for(std::chrono::seconds(30));
    EXPECT_EQ(world.events.count("map-damaged"), 1u);
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
}

TEST(Serve, LinearOfMirrorsPutsTheSecondHalfOnTheSecondMirror) {
    EngineWorld world(linear_node("l0", {two_disks(), mirror_node("m1", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const std::uint64_t half = head.engine->geometry().size_bytes / 2;
    const Bytes bytes = EngineWorld::pattern(8192, 1);
    EXPECT_EQ(world.write(head, half - 4096, bytes), Errc::ok);
    const Bytes first(bytes.begin(), bytes.begin() + 4096);
    const Bytes second(bytes.begin() + 4096, bytes.end());
    EXPECT_EQ(world.platter("/a").read({half - 4096, 4096}), first);
    EXPECT_EQ(world.platter("/b").read({half - 4096, 4096}), first);
    EXPECT_EQ(world.platter("/c").read({0, 4096}), second);
    EXPECT_EQ(world.platter("/d").read({0, 4096}), second);
}

TEST(Serve, MirrorOfLinearsServes) {
    EngineWorld world(mirror_node("m0", {linear_node("l0", {disk_node("/a"), disk_node("/b")}),
                                         linear_node("l1", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EXPECT_EQ(world.write(head, 0, bytes), Errc::ok);
    EXPECT_EQ(world.platter("/a").read({0, 4096}), bytes);
    EXPECT_EQ(world.platter("/c").read({0, 4096}), bytes);
}

TEST(Serve, ThreeLevelsServe) {
    EngineWorld world(
        mirror_node("m0", {linear_node("l0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/c")}),
                           disk_node("/d")}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EXPECT_EQ(world.write(head, 0, bytes), Errc::ok);
    for (const char* path : {"/a", "/b", "/d"}) EXPECT_EQ(world.platter(path).read({0, 4096}), bytes) << path;
}

TEST(Serve, CleanEndAndNextStartKeepTheData) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EngineWorld::Head& first = world.serve();
    EXPECT_EQ(world.write(first, 0, bytes), Errc::ok);
    world.close(first);
    EngineWorld::Head& second = world.serve();
    Bytes back(4096);
    EXPECT_EQ(world.read(second, 0, back), Errc::ok);
    EXPECT_EQ(back, bytes);
    EXPECT_EQ(second.engine->status().state, StorageState::healthy);
}

TEST(Serve, CrashAndNextStartKeepWhatWasAcknowledged) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EngineWorld::Head& first = world.serve();
    EXPECT_EQ(world.write(first, 0, bytes), Errc::ok);
    world.crash(first);
    EngineWorld::Head& second = world.serve();
    Bytes back(4096);
    EXPECT_EQ(world.read(second, 0, back), Errc::ok);
    EXPECT_EQ(back, bytes);
}

TEST(Serve, M2LostMemberIsDroppedAndTheNextStartDoesNotUseIt) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    world.platter("/b").set_missing(true);
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EXPECT_EQ(world.write(first, 0, bytes), Errc::ok);
    EXPECT_EQ(first.engine->status().state, StorageState::degraded);
    world.crash(first);
    world.platter("/b").set_missing(false);
    EngineWorld::Head& second = world.serve();
    const StorageStatus status = second.engine->status();
    EXPECT_EQ(status.state, StorageState::degraded);
    ASSERT_TRUE(status.tree);
    EXPECT_EQ(status.tree->children[1].state, VertexState::dirty);
    Bytes back(4096);
    EXPECT_EQ(world.read(second, 0, back), Errc::ok);
    EXPECT_EQ(back, bytes);
}

TEST(Serve, M2MemberThatTheFileDoesNotNameLeavesAtTheStart) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    ASSERT_TRUE(world.init().done);
    const spec::Node both = world.storage.tree;
    world.close(world.serve());
    world.storage.tree = mirror_node("m0", {disk_node("/a")});
    EngineWorld::Head& alone = world.serve();
    EXPECT_EQ(world.events.count("member-dropped"), 1u);
    EXPECT_EQ(world.write(alone, 4096, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(alone);
    world.storage.tree = both;
    world.platter("/a").set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(std::chrono::seconds(30));
    EXPECT_EQ(head.serving, 0) << "/b lacks a write";
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return head.engine->status().state == StorageState::healthy; },
                                     std::chrono::seconds(60)));
    world.close(head);
    world.platter("/a").set_missing(true);
    Bytes found(4096);
    EXPECT_EQ(world.read(world.serve(), 4096, found), Errc::ok);
    EXPECT_EQ(found, EngineWorld::pattern(4096, 1));
}

TEST(Serve, M5AStartThatIsOnlySlowComesToItsEnd) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    // Every answer takes its time, and all together longer than a start has at first.
    for (const char* path : {"/a", "/b"}) world.platter(path).set_latency(seconds(3), seconds(3));
    const TimePoint began = world.loop.now();
    world.serve("head0", std::chrono::minutes(5));
    EXPECT_GT(world.loop.now() - began, seconds(30));
    EXPECT_GE(world.events.count("start-stuck"), 1u);
    for (const char* path : {"/a", "/b"}) world.platter(path).set_latency(seconds(0), seconds(0));
}

}  // namespace
}  // namespace dst
