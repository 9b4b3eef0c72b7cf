// Orders that are given where a journal was copied to: what it remembers may be newer than the members that are there.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// /c left the mirror, then /b did; each of them holds what was acknowledged until then.
struct CopiedJournal : testing::Test {
    CopiedJournal() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write_without("/c", at_b);
        write_without("/b", at_a);
        world.close(*head);
        world.journal("copy").copy_from(world.journal(), world.journal("copy").machine);
        world.platter("/a").set_missing(true);
    }
    void write_without(const char* path, const Bytes& bytes) {
        world.platter(path).set_missing(true);
        EXPECT_EQ(world.write(*head, 0, bytes), Errc::ok);
        world.loop.run_for(seconds(20));
    }
    /// In the place that the journal was copied to.
    void accept_loss_with(const char* path) {
        world.platter(path).set_missing(false);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "copy"));
        head = &world.serve("copy");
        ASSERT_EQ(world.events.count("start-forced"), 1u);
        ASSERT_EQ(world.write(*head, 0, at_c), Errc::ok);
    }
    const Bytes at_a = EngineWorld::pattern(4096, 1);
    const Bytes at_b = EngineWorld::pattern(4096, 2);
    const Bytes at_c = EngineWorld::pattern(4096, 3);
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_F(CopiedJournal, M7WhatItRemembersIsNoAncestorOfOlderData) {
    accept_loss_with("/c");
    world.platter("/b").set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 1; }, minutes(1)));
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.platter("/b").read({0, 4096}), at_b);
    world.platter("/a").set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 2; }, minutes(1)));
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), at_a);
}

/// /c has missed what /b has: it is no split.
TEST_F(CopiedJournal, M7OlderDataAreOwedEverything) {
    accept_loss_with("/b");
    world.platter("/c").set_missing(false);
    const auto in_sync = [&] { return head->engine->status().tree->children.at(2).state == VertexState::in_sync; };
    EXPECT_TRUE(world.loop.run_until(in_sync, minutes(2)));
    EXPECT_EQ(world.platter("/c").read({0, 4096}), at_c);
    EXPECT_EQ(world.events.count("member-split"), 0u);
}

}  // namespace
}  // namespace dst
