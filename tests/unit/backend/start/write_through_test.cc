// A storage whose file says that it has no write cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/layout.h"
#include "media/record.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

std::optional<Record> record_of(EngineWorld& world, const std::string& path) {
    const sim::SimPlatter& platter = world.platter(path);
    const MirrorLayout layout = mirror_layout(leaf_size_bytes(platter.geometry().size_bytes), 1u << 20);
    return choose_record(platter.read(layout.record_copy(0)), platter.read(layout.record_copy(1))).record;
}

struct WithoutACache : testing::Test {
    WithoutACache() : world(mirror_node("m0", {disk_node("/a"), disk_node("/b")})) {
        world.storage.policy.write_cache = false;
        EXPECT_TRUE(world.init().done);
    }
    /// A head dies with intent bits set, and the copies differ where its last write was.
    EngineWorld::Head& after_an_unclean_end() {
        EngineWorld::Head& first = world.serve();
        EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.crash(first);
        world.loop.run_for(seconds(1));
        world.platter("/a").write(0, EngineWorld::pattern(4096, 2));
        return world.serve();
    }
    EngineWorld world;
};

TEST_F(WithoutACache, AChangeIsDurableWhenItIsAnswered) {
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_EQ(world.platter("/a").volatile_sectors(), 0u);
    EXPECT_EQ(world.platter("/b").volatile_sectors(), 0u);
}

TEST_F(WithoutACache, M4WhatIsMadeEqualIsDurableBeforeItIsRead) {
    EngineWorld::Head& head = after_an_unclean_end();
    Bytes found(4096);
    EXPECT_EQ(world.read(head, 0, found), Errc::ok);
    EXPECT_EQ(world.platter("/a").read({0, 4096}), found);
    EXPECT_EQ(world.platter("/b").read({0, 4096}), found);
    EXPECT_EQ(world.platter("/a").volatile_sectors(), 0u);
    EXPECT_EQ(world.platter("/b").volatile_sectors(), 0u);
}

TEST_F(WithoutACache, M4WhatMayLieInACacheIsFlushedBeforeItIsCompared) {
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    std::map<std::string, std::vector<Operation>> orders;
    for (const char* path : {"/a", "/b"}) {
        world.platter(path).fail(Operation::write, {0, 4096}, Errc::medium_error, 1);
    }
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 2)), Errc::medium_error);
    for (const char* path : {"/a", "/b"}) {
        world.platter(path).on_carry_out = [&order = orders[path]](const Request& request) {
            order.push_back(request.operation);
        };
    }
    Bytes found(4096);
    EXPECT_EQ(world.read(head, 0, found), Errc::ok);
    for (const auto& [path, order] : orders) {
        const auto compared = std::find(order.begin(), order.end(), Operation::checksum);
        ASSERT_NE(compared, order.end()) << path;
        EXPECT_EQ(std::count(order.begin(), compared, Operation::flush), 1) << path;
    }
    for (const char* path : {"/a", "/b"}) world.platter(path).on_carry_out = nullptr;
}

/// What was answered from a cache is not durable because the file says since that there is none.
TEST(WriteCacheTurnedOff, M5WhatWasWrittenWithItIsChosenByIncarnation) {
    for (const bool other_machine : {false, true}) {
        EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
        ASSERT_TRUE(world.init().done);
        EngineWorld::Head& first = world.serve();
        const Bytes bytes = EngineWorld::pattern(4096, 1);
        EXPECT_EQ(world.write(first, 0, bytes), Errc::ok);
        world.crash(first);
        world.platter("/b").power_loss();
        world.platter("/b").write(0, Bytes(4096));
        world.loop.run_for(seconds(1));
        world.storage.policy.write_cache = false;
        EngineWorld::Head& second = world.serve();
        for (int reads = 0; reads < 8; ++reads) {
            Bytes found(4096);
            EXPECT_EQ(world.read(second, 0, found), Errc::ok);
            EXPECT_EQ(found, bytes);
        }
        // Nor with the next one, while bits are set that were set then.
        world.crash(second);
        world.loop.run_for(seconds(1));
        EngineWorld::Head& third = world.serve(other_machine ? "another" : "head0");
        Bytes found(4096);
        EXPECT_EQ(world.read(third, 0, found), Errc::ok);
        EXPECT_EQ(found, bytes);
    }
}

TEST(WriteCacheTurnedOff, M5TheRecordSaysFromWhichStartOnThatIsSo) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_FALSE(record_of(world, "/a")->write_through);
    world.crash(first);
    world.loop.run_for(seconds(1));
    world.storage.policy.write_cache = false;
    EngineWorld::Head& second = world.serve();
    EXPECT_FALSE(record_of(world, "/a")->write_through) << "bits were set before";
    // What is not made equal yet keeps its bit.
    world.loop.run_for(seconds(10));
    world.close(second);
    EngineWorld::Head& third = world.serve();
    EXPECT_TRUE(record_of(world, "/a")->write_through);
    EXPECT_EQ(world.write(third, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.crash(third);
    world.loop.run_for(seconds(1));
    EngineWorld::Head& fourth = world.serve();
    EXPECT_TRUE(record_of(world, "/a")->write_through);
    world.close(fourth);
    world.storage.policy.write_cache = true;
    world.serve();
    EXPECT_FALSE(record_of(world, "/a")->write_through);
}

}  // namespace
}  // namespace dst
