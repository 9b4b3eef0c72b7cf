// A head whose journal does not decide is ordered to go on with what gave up the member that this head wrote on last.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct ForcedApart : testing::Test {
    /// When all but /a had left, and /a was away, head0 was ordered to go on with /b, and brought /c up to date.
    ForcedApart() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write(0);
        missing("/b");
        missing("/c");
        write(on_a);
        world.crash(*head);
        there("/b");
        missing("/a");
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss));
        head = &world.serve();
        there("/c");
        EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-in-sync") == 1; }, minutes(2)));
        write(on_b);
        world.close(*head);
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    /// With /a alone: nobody else is in sync by its record.
    void other_writes_on_a() {
        missing("/b");
        missing("/c");
        there("/a");
        head = &world.serve("other");
        write(by_other);
        world.close(*head);
    }
    /// What it wrote on /a is all that it knows; it waits for /c, as any head does without the journal of the last one.
    void order_other_to_go_on_with_b() {
        missing("/a");
        there("/b");
        head = &world.open("other");
        world.loop.run_for(seconds(5));
        EXPECT_EQ(head->serving, 0);
        EXPECT_NE(head->engine->status().reason.find("waits for /c"), std::string::npos)
            << head->engine->status().reason;
        world.close(*head);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        const std::size_t before = world.events.count("start-forced");
        head = &world.serve("other");
        ASSERT_EQ(world.events.count("start-forced"), before + 1);
        Bytes back(4096);
        EXPECT_EQ(world.read(*head, 0, back), Errc::ok);
        EXPECT_EQ(back, EngineWorld::pattern(4096, on_b));
        write(later_on_b);
    }
    void expect_both_untouched() {
        EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, by_other));
        EXPECT_EQ(world.platter("/b").read({0, 4096}), EngineWorld::pattern(4096, later_on_b));
    }
    static constexpr unsigned on_a = 1;
    static constexpr unsigned on_b = 2;
    static constexpr unsigned by_other = 3;
    static constexpr unsigned later_on_b = 4;
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_F(ForcedApart, M7WhatTheSameHeadWroteOnTheOtherSideIsNotOverwritten) {
    other_writes_on_a();
    order_other_to_go_on_with_b();
    there("/a");
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 1; }, minutes(1)));
    world.loop.run_for(minutes(1));
    expect_both_untouched();
}

TEST_F(ForcedApart, M5BothAreASplitForTheNextStart) {
    other_writes_on_a();
    order_other_to_go_on_with_b();
    world.close(*head);
    there("/a");
    for (const char* next : {"other", "head0", "third"}) {
        head = &world.open(next);
        ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
        EXPECT_EQ(head->engine->status().state, StorageState::split) << next;
        world.close(*head);
    }
    expect_both_untouched();
}

/// What was given up is all that the order of head0 gave up: /c is owed everything.
TEST_F(ForcedApart, M7MemberThatWasAwayIsOwedEverything) {
    other_writes_on_a();
    order_other_to_go_on_with_b();
    there("/c");
    const auto in_sync = [&] { return head->engine->status().tree->children.at(2).state == VertexState::in_sync; };
    EXPECT_TRUE(world.loop.run_until(in_sync, minutes(2)));
    EXPECT_EQ(world.platter("/c").read({0, 4096}), EngineWorld::pattern(4096, later_on_b));
    EXPECT_EQ(world.events.count("member-split"), 0u);
}

}  // namespace
}  // namespace dst
