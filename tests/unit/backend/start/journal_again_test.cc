// What a head's journal says is the same in its next attempt as in its next life.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

bool marked(EngineWorld& world, std::uint64_t epoch) {
    const std::optional<Label> label = world.label_of("/a");
    return label && label->served.number == epoch;
}

/// The first start stands on the members; established, its journal decides.
TEST(JournalAgain, M5StartThatWasEstablishedAndBeginsAgainNeedsOneMember) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.journal().set_latency(seconds(1), seconds(1));
    EngineWorld::Head& head = world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return marked(world, 1); }, minutes(1)));
    world.loop.run_for(std::chrono::milliseconds(100));
    world.platter("/b").set_missing(true);
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, minutes(1)));
    EXPECT_EQ(world.events.count("start-again"), 1u);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
}

TEST(JournalAgain, M5ClaimOutlivesAWriteOfTheJournalThatFails) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").set_missing(true);
    world.journal().set_latency(seconds(1), seconds(1));
    EngineWorld::Head& head = world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return marked(world, 2); }, minutes(1)));
    world.journal().fail_write = Errc::io_error;
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("journal-write-failed") == 1; }, minutes(1)));
    world.journal().fail_write = Errc::ok;
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, minutes(1)));
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
}

/// The journal is a new one, and has known the mirror below since the start.
TEST(JournalAgain, M7MirrorBelowIsFormedAnew) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    EngineWorld::Head& head = world.serve("new");
    ASSERT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    for (const char* path : {"/b", "/c"}) world.platter(path).set_missing(true);
    ASSERT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    for (const char* path : {"/b", "/c"}) {
        world.platter(path).replace_blank(world.platter(path).geometry().size_bytes);
        world.platter(path).set_missing(false);
    }
    const auto healthy = [&] { return head.engine->status().state == StorageState::healthy; };
    EXPECT_TRUE(world.loop.run_until(healthy, minutes(3)));
    EXPECT_EQ(world.events.count("mirror-formed-anew"), 1u);
}

}  // namespace
}  // namespace dst
