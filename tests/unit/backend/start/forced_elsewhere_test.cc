// A head whose journal does not decide is ordered to go on with a member that is not in sync; what was in sync comes
// back, and another head may have gone on with it meanwhile.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// The member that is given up, and whose journal meets both.
struct ForcedElsewhere : testing::TestWithParam<std::tuple<const char*, const char*>> {
    /// head0 left /b out; another head was ordered to go on with it, and saw nothing of /a.
    ForcedElsewhere() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write(0);
        world.platter("/b").set_missing(true);
        write(on_a);
        world.crash(*head);
        world.platter("/b").set_missing(false);
        world.platter("/a").set_missing(true);
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        head = &world.serve("other");
        write(on_b);
        world.close(*head);
        world.platter("/a").set_missing(false);
    }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void expect_split_and_resolve(unsigned kept_on_a) {
        const auto [given_up, journal] = GetParam();
        head = &world.open(journal);
        ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
        EXPECT_EQ(head->engine->status().state, StorageState::split);
        world.close(*head);
        ASSERT_TRUE(order(world, StartOrder::resolve, given_up, journal));
        const Bytes kept = EngineWorld::pattern(4096, given_up == std::string("/a") ? on_b : kept_on_a);
        for (const char* next : {journal, "head0", "other", "third"}) {
            head = &world.serve(next);
            Bytes back(4096);
            EXPECT_EQ(world.read(*head, 0, back), Errc::ok);
            EXPECT_EQ(back, kept) << next;
            const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
            EXPECT_TRUE(world.loop.run_until(healthy, minutes(2))) << next;
            world.close(*head);
        }
        for (const char* path : {"/a", "/b"}) EXPECT_EQ(world.platter(path).read({0, 4096}), kept) << path;
        EXPECT_EQ(world.events.count("member-split"), 0u);
        EXPECT_EQ(world.events.count("storage-split"), 1u);
    }
    static constexpr unsigned on_a = 1;
    static constexpr unsigned on_b = 2;
    static constexpr unsigned later_on_a = 3;
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

TEST_P(ForcedElsewhere, M5WhatWasNotThereIsTheOtherSideOfASplit) { expect_split_and_resolve(on_a); }

TEST_P(ForcedElsewhere, M5WhatAnotherHeadWentOnWithIsTheOtherSideOfASplit) {
    world.platter("/b").set_missing(true);
    for (int life = 0; life < 3; ++life) {
        head = &world.serve();
        if (life == 0) write(later_on_a);
        world.close(*head);
    }
    world.platter("/b").set_missing(false);
    expect_split_and_resolve(later_on_a);
}

INSTANTIATE_TEST_SUITE_P(Sides, ForcedElsewhere,
                         testing::Combine(testing::Values("/a", "/b"), testing::Values("head0", "other")));

/// /c was being brought up to date, so that its record is the newest that can be reached; /b has what was written
/// before. Only /a is in sync, and the head that has it lives on: it writes no record for what it acknowledges.
TEST(ForcedElsewhereThanItLives, M7WhatTheOtherHeadHasIsTheOtherSideOfASplit) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& lives = world.serve();
    for (const char* path : {"/b", "/c"}) {
        world.platter(path).set_missing(true);
        ASSERT_EQ(world.write(lives, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    }
    world.platter("/c").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, minutes(1)));
    world.platter("/c").set_missing(true);
    world.loop.run_for(seconds(5));
    ASSERT_EQ(world.events.count("member-in-sync"), 0u);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    // The other one is there first.
    for (const char* path : {"/b", "/c"}) world.platter(path).set_missing(false);
    EngineWorld::Head& other = world.serve("other");
    EXPECT_EQ(other.engine->status().tree->children.at(1).state, VertexState::in_sync);
    ASSERT_EQ(world.write(other, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    const Bytes acknowledged = EngineWorld::pattern(4096, 3);
    ASSERT_EQ(world.write(lives, 0, acknowledged), Errc::ok);
    world.close(lives);
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), acknowledged);
    const VertexStatus a = other.engine->status().tree->children.at(0);
    EXPECT_NE(a.reason.find("without each other"), std::string::npos) << a.reason;
}

}  // namespace
}  // namespace dst
