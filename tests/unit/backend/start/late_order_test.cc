// An order that comes while a start is being established: the journal is being written without the order from before.
#include <gtest/gtest.h>

#include "media/journal.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

/// How far the journal's write has come: one of its two copies is there, or both, and nobody knows yet.
struct LateOrder : testing::TestWithParam<int> {
    LateOrder() { EXPECT_TRUE(world.init().done); }
    /// During the write that establishes the start.
    void give(StartOrder what, Errc then = Errc::ok) {
        world.journal().on_written = [=, this, copies = 0](const Bytes&) mutable {
            if (!is_established() || ++copies != GetParam()) return;
            given = head->engine->order({what, "", {}, 0}).has_value();
            world.journal().fail_write = then;
        };
    }
    Journal journal() { return choose_journal({world.journal().slots, {}, 0, false}).journal.value_or(Journal{}); }
    bool is_established() {
        const Journal written = journal();
        return written.established.number == written.epoch_tried && written.established.number != 0;
    }
    void serve() {
        ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, seconds(30)));
        world.journal().on_written = nullptr;
    }
    /// /b lacks what was written since.
    void drop_b() {
        world.platter("/b").set_missing(true);
        ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.close(*head);
        world.platter("/b").set_missing(false);
    }
    bool waits() {
        head = &world.open();
        world.loop.run_for(seconds(10));
        return head->serving == 0 && head->engine->status().state == StorageState::waiting;
    }
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
    bool given = false;
};

TEST_P(LateOrder, M5IsNotFollowedByALaterStart) {
    head = &world.open();
    give(StartOrder::accept_data_loss);
    serve();
    ASSERT_TRUE(given);
    world.loop.run_for(seconds(1));
    EXPECT_EQ(journal().order, StartOrder::none);
    EXPECT_EQ(world.events.count("start-order-done"), 1u);
    drop_b();
    EXPECT_EQ(journal().order, StartOrder::none);
    world.platter("/a").set_missing(true);
    EXPECT_TRUE(waits()) << "/b is not in sync, and nobody ordered to use it since";
    world.platter("/a").set_missing(false);
    serve();
    EXPECT_EQ(world.events.count("start-forced"), 0u);
}

/// What is acknowledged after the order is not given up by it.
TEST_P(LateOrder, M5IsNotFollowedAfterADeathOfTheHeadThatServed) {
    head = &world.open();
    give(StartOrder::accept_data_loss);
    serve();
    ASSERT_TRUE(given);
    world.platter("/b").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.crash(*head);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    EXPECT_TRUE(waits());
}

INSTANTIATE_TEST_SUITE_P(Copies, LateOrder, testing::Values(1, 2));

/// The write fails after its first copy, so that the order from before is still to be carried out.
struct LaterOrder : LateOrder {
    void fail_to_establish(StartOrder before, StartOrder late) {
        head = &world.serve();
        drop_b();
        ASSERT_TRUE(order(world, before));
        head = &world.open();
        give(late, Errc::no_space);
        ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(30)));
        world.journal().on_written = nullptr;
        world.journal().fail_write = Errc::ok;
    }
};

TEST_P(LaterOrder, IsFollowedWhenTheStartFails) {
    fail_to_establish(StartOrder::takeover, StartOrder::accept_data_loss);
    ASSERT_TRUE(given);
    // Which that order is for.
    world.platter("/a").set_missing(true);
    serve();
    EXPECT_EQ(world.events.count("start-forced"), 1u);
    EXPECT_EQ(journal().order, StartOrder::none);
}

TEST_P(LaterOrder, TakesThePlaceOfTheOneFromBefore) {
    fail_to_establish(StartOrder::accept_data_loss, StartOrder::takeover);
    ASSERT_TRUE(given);
    world.platter("/a").set_missing(true);
    world.loop.run_for(seconds(10));
    EXPECT_EQ(head->serving, 0) << "the order to accept the loss of data was taken back by the later one";
    world.platter("/a").set_missing(false);
    serve();
    EXPECT_EQ(world.events.count("start-forced"), 0u);
}

/// Without another one, the start that begins again carries it out.
TEST_P(LaterOrder, NoneLeavesTheOneFromBefore) {
    head = &world.serve();
    drop_b();
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    head = &world.open();
    world.journal().on_written = [&](const Bytes&) {
        if (is_established()) world.journal().fail_write = Errc::no_space;
    };
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(30)));
    world.journal().on_written = nullptr;
    world.journal().fail_write = Errc::ok;
    world.platter("/a").set_missing(true);
    serve();
    EXPECT_EQ(world.events.count("start-forced"), 1u);
}

INSTANTIATE_TEST_SUITE_P(Copies, LaterOrder, testing::Values(1));

}  // namespace
}  // namespace dst
