// Two attempts of one order, each from another member, end before they serve; the storage goes on from the first one's.
#include <gtest/gtest.h>

#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct OrderTwice : testing::Test {
    void missing(const std::vector<std::string>& paths, bool is_missing = true) {
        for (const std::string& path : paths) world.platter(path).set_missing(is_missing);
    }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    /// /a alone is in sync when it is lost.
    OrderTwice() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        missing({"/b", "/c"});
        write(1);
        world.close(*head);
        missing({"/a"});
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss));
        missing({"/b"}, false);
        die_when_it_has_the_record(world, "/b");
        missing({"/b"});
        missing({"/c"}, false);
        die_when_it_has_the_record(world, "/c");
        missing({"/c"});
        missing({"/b"}, false);
        head = &world.serve();
        write(2);
    }
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_F(OrderTwice, M7MemberWithTheRecordOfTheOtherAttemptIsNoSplit) {
    missing({"/c"}, false);
    ASSERT_TRUE(world.loop.run_until(
        [&] { return head->engine->status().tree->children.at(2).state == VertexState::in_sync; }, minutes(1)));
    EXPECT_EQ(world.events.count("member-split"), 0u);
    EXPECT_EQ(world.platter("/c").read({0, 4096}), EngineWorld::pattern(4096, 2));
}

TEST_F(OrderTwice, M5NorIsItForAStart) {
    world.close(*head);
    missing({"/c"}, false);
    head = &world.serve();
    EXPECT_EQ(world.events.count("storage-split"), 0u);
}

/// All that the journal calls in sync is used: nobody is left on another side.
TEST(OrderMadeElsewhere, WhoGoesOnWithWhatItMadeElsewhereHasLeftNobody) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/c").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "another"));
    die_when_it_has_the_record(world, "/b", "another");
    EngineWorld::Head& third = world.serve("third");
    ASSERT_EQ(world.write(third, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(third);
    world.serve("another");
    EXPECT_EQ(world.events.count("start-other-side"), 0u);
}

}  // namespace
}  // namespace dst
