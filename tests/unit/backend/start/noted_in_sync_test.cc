// An order whose first attempt ends when a member that is in sync by all that is known has its record, and another head
// goes on with that one.
#include <gtest/gtest.h>

#include "media/layout.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct NotedInSync : testing::Test {
    /// The other head is ordered to go on with /b alone, and dies when /b has its record; the third one goes on with
    /// it.
    NotedInSync() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve());
        missing("/a");
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        die_with_the_record_on_b();
        head = &world.serve("third");
        write(by_third);
        world.close(*head);
        missing("/b");
        there("/a");
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void die_with_the_record_on_b() {
        sim::SimPlatter& b = world.platter("/b");
        const std::uint64_t labels = b.geometry().size_bytes - label_area_bytes;
        const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
        unsigned copies = 0;
        unsigned later = 0;
        b.on_carry_out = [&](const Request& request) {
            if (request.operation != Operation::write) return;
            const bool record = request.extent.offset >= records && request.extent.offset < labels;
            (record ? copies : later) += record || copies == 2 ? 1 : 0;
        };
        head = &world.open("other");
        EXPECT_TRUE(world.loop.run_until([&] { return later > 0; }, seconds(30)));
        b.on_carry_out = nullptr;
        EXPECT_EQ(head->serving, 0);
        world.crash(*head);
    }
    void expect_nothing_overwritten() {
        EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, by_other));
        EXPECT_EQ(world.platter("/b").read({0, 4096}), EngineWorld::pattern(4096, by_third));
    }
    static constexpr unsigned by_third = 2;
    static constexpr unsigned by_other = 3;
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

/// Its order is still in its journal.
TEST_F(NotedInSync, M5WhatTheThirdHeadWroteIsTheOtherSideOfASplit) {
    head = &world.serve("other");
    ASSERT_EQ(world.events.count("start-forced"), 1u);
    write(by_other);
    world.close(*head);
    there("/b");
    for (const char* next : {"other", "third", "head0", "fourth"}) {
        head = &world.open(next);
        ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
        EXPECT_EQ(head->engine->status().state, StorageState::split) << next;
        world.close(*head);
    }
    expect_nothing_overwritten();
}

}  // namespace
}  // namespace dst
