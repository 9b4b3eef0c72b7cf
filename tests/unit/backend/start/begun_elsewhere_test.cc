// Who wrote the record of both sides last need not be who gave one of them up.
#include <gtest/gtest.h>

#include "media/layout.h"
#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct BegunElsewhere : testing::Test {
    void only(const std::string& path) {
        for (const char* each : {"/a", "/b"}) world.platter(each).set_missing(path != each);
    }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void watch_records(const std::string& path, unsigned& copies) {
        sim::SimPlatter& platter = world.platter(path);
        const std::uint64_t labels = platter.geometry().size_bytes - label_area_bytes;
        const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
        platter.on_carry_out = [&copies, records, labels](const Request& request) {
            const bool record = request.extent.offset >= records && request.extent.offset < labels;
            copies += request.operation == Operation::write && record ? 1 : 0;
        };
    }
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

/// /a is gone on with by an order whose head dies then, /b by another head; a third one begins a start on /b, dies, and
/// starts from /a.
TEST_F(BegunElsewhere, M7WhatWasWrittenOnTheSideThatWasGivenUpIsNotOverwritten) {
    ASSERT_TRUE(world.init().done);
    head = &world.serve();
    only("/b");
    write(1);
    world.close(*head);
    only("/a");
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    die_when_it_has_the_record(world, "/a", "head0");
    only("/b");
    head = &world.serve("second");
    write(2);
    world.close(*head);
    die_when_it_has_the_record(world, "/b", "third");
    only("/a");
    head = &world.serve("third");
    write(3);
    for (const char* each : {"/a", "/b"}) world.platter(each).set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 1; }, minutes(1)));
    EXPECT_EQ(world.platter("/b").read({0, 4096}), EngineWorld::pattern(4096, 2));
}

/// The head whose order made it goes on without it, since its journal still decides for the others.
TEST_F(BegunElsewhere, M7WhatAMemberWentOnWithThatLeftByItselfIsNotOverwritten) {
    ASSERT_TRUE(world.init().done);
    head = &world.serve();
    only("/b");
    write(1);
    // /b has the record with /a when the head dies, /a has not.
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, minutes(1)));
    unsigned copies = 0;
    watch_records("/b", copies);
    ASSERT_TRUE(world.loop.run_until([&] { return copies == 1; }, minutes(1)));
    only("/b");
    ASSERT_TRUE(world.loop.run_until([&] { return copies == 2; }, minutes(1)));
    world.platter("/b").on_carry_out = nullptr;
    world.crash(*head);
    ASSERT_EQ(world.events.count("member-in-sync"), 0u);
    only("/a");
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    die_when_it_has_the_record(world, "/a");
    head = &world.serve("second");
    write(2);
    world.close(*head);
    only("/b");
    // Its epoch is above the other one's then.
    for (int i = 0; i < 2; ++i) world.close(world.serve());
    head = &world.serve();
    write(3);
    for (const char* each : {"/a", "/b"}) world.platter(each).set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 1; }, minutes(1)));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, 2));
}

}  // namespace
}  // namespace dst
