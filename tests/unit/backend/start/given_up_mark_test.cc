// A member that an order gave up is lost before it has its mark as resyncing, and another head goes on with it alone.
#include <gtest/gtest.h>

#include "media/layout.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Whose start meets both.
struct GivenUpMark : testing::TestWithParam<const char*> {
    /// /b left the mirror; when /a was away, head0 was ordered to go on with /b. Then /a is there again, and is away as
    /// soon as /b has the record that marks it.
    GivenUpMark() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write(0);
        missing("/b");
        write(1);
        world.crash(*head);
        there("/b");
        missing("/a");
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss));
        head = &world.serve();
        write(on_b);
        lose_with_the_mark_on_b();
        EXPECT_EQ(world.events.count("resync-begins"), 0u);
        world.close(*head);
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void lose_with_the_mark_on_b() {
        sim::SimPlatter& b = world.platter("/b");
        const std::uint64_t labels = b.geometry().size_bytes - label_area_bytes;
        const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
        unsigned copies = 0;
        b.on_carry_out = [&](const Request& request) {
            const bool record = request.extent.offset >= records && request.extent.offset < labels;
            if (request.operation != Operation::write || !record) return;
            if (++copies == 1) missing("/a");
        };
        there("/a");
        EXPECT_TRUE(world.loop.run_until([&] { return copies == 2; }, minutes(1)));
        b.on_carry_out = nullptr;
    }
    Bytes on(const char* path) { return world.platter(path).read({0, 4096}); }
    static constexpr unsigned on_b = 2;
    static constexpr unsigned by_third = 3;
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

TEST_P(GivenUpMark, M8WhatAnotherHeadWritesToItIsTheOtherSideOfASplit) {
    missing("/b");
    there("/a");
    head = &world.serve("third");
    write(by_third);
    world.close(*head);
    there("/b");
    head = &world.open(GetParam());
    ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
    EXPECT_EQ(head->engine->status().state, StorageState::split);
    world.close(*head);
    EXPECT_EQ(on("/a"), EngineWorld::pattern(4096, by_third));
    EXPECT_EQ(on("/b"), EngineWorld::pattern(4096, on_b));
}

/// Nobody has gone on: what was ordered counts.
TEST_P(GivenUpMark, M8ItIsBroughtUpToDateWhenNobodyWentOnWithIt) {
    there("/a");
    head = &world.serve(GetParam());
    const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
    EXPECT_TRUE(world.loop.run_until(healthy, minutes(2)));
    EXPECT_EQ(on("/a"), EngineWorld::pattern(4096, on_b));
    EXPECT_EQ(world.events.count("member-split"), 0u);
    world.close(*head);
}

INSTANTIATE_TEST_SUITE_P(Journals, GivenUpMark, testing::Values("head0", "third", "fourth"));

}  // namespace
}  // namespace dst
