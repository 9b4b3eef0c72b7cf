// An order whose first attempt ends before all members have its record.
#include <gtest/gtest.h>

#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct OrderAgain : testing::TestWithParam<bool> {
    OrderAgain() { EXPECT_TRUE(world.init().done); }
    /// /a gets the record of the first attempt, /b does not; the next attempt does without /a, which then returns. In
    /// another life of the head, or in the same.
    void carry_out(const std::string& journal) {
        const auto& geometry = world.platter("/b").geometry();
        world.platter("/b").fail(Operation::write, {0, geometry.size_bytes - label_area_bytes}, Errc::medium_error, 1);
        head = &world.open(journal);
        ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(30)));
        world.platter("/a").set_missing(true);
        if (GetParam()) world.crash(*head);
        if (GetParam()) head = &world.open(journal);
        ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
        ASSERT_EQ(world.write(*head, 0, bytes), Errc::ok);
        world.platter("/a").set_missing(false);
        ASSERT_TRUE(world.loop.run_until([&] { return in_sync(0) && in_sync(1); }, minutes(2)));
        EXPECT_EQ(world.events.count("member-split"), 0u);
        EXPECT_EQ(world.platter("/a").read({0, 4096}), bytes);
        world.close(*head);
        head = &world.serve(journal);
    }
    bool in_sync(std::size_t child) const {
        return head->engine->status().tree->children.at(child).state == VertexState::in_sync;
    }
    const Bytes bytes = EngineWorld::pattern(4096, 7);
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_P(OrderAgain, AcceptedLossOfWhichOneMemberHasHeardIsNoSplit) {
    world.close(world.serve());
    world.platter("/c").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "another"));
    carry_out("another");
}

TEST_P(OrderAgain, ResolvedSplitOfWhichOneMemberHasHeardIsNoOtherOne) {
    head = &world.serve();
    world.platter("/c").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(*head);
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(true);
    world.platter("/c").set_missing(false);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "another"));
    head = &world.serve("another");
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.close(*head);
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(false);
    // Until its journal decides again, so that one member is enough.
    world.platter("/c").set_missing(true);
    for (int i = 0; i < 2; ++i) world.close(world.serve());
    world.platter("/c").set_missing(false);
    head = &world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head->failed.has_value(); }, seconds(30)));
    world.close(*head);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/c", "head0"));
    carry_out("head0");
}

INSTANTIATE_TEST_SUITE_P(Lives, OrderAgain, testing::Bool());

}  // namespace
}  // namespace dst
