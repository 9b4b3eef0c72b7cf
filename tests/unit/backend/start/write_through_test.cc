// A storage whose file says that it has no write cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

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

}  // namespace
}  // namespace dst
