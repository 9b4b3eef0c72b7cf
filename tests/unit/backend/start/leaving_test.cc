#include <gtest/gtest.h>

#include <algorithm>

#include "support/engine_world.h"

/// M5 step 3: members that leave with a start that the journal does not decide.
namespace dst {
namespace {

using std::chrono::seconds;

/// The head died when its last record had reached one copy of the mirror below only, and both have lost their caches.
/// The start that leaves that mirror out has read the other copy.
TEST(Leaving, M5RecordOnOneCopyOfAMirrorBelowIsNoSplitLater) {
    // While a start stands on the mirror below, /b is read, being the first; when that one serves, /c.
    spec::Node preferred = disk_node("/c");
    preferred.read = spec::ReadPreference::prefer;
    const spec::Node tree = mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), preferred})});
    for (const std::string copy : {"/b", "/c"}) {
        EngineWorld world(tree);
        ASSERT_TRUE(world.init().done);
        EngineWorld::Head* head = &world.serve();
        ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        sim::SimPlatter& behind = world.platter(copy);
        const Bytes before = behind.read({0, behind.geometry().size_bytes});
        world.platter("/a").set_missing(true);
        ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
        ASSERT_EQ(world.events.count("mirror-record"), 1u);
        world.crash(*head);
        behind.write(0, before);
        world.platter("/b").power_loss();
        world.platter("/c").power_loss();
        world.platter("/a").set_missing(false);

        head = &world.serve("another");
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        EXPECT_TRUE(world.loop.run_until(healthy, seconds(60))) << copy;
        world.close(*head);
        head = &world.serve("another");
        EXPECT_TRUE(world.loop.run_until(healthy, seconds(60))) << copy;
        EXPECT_EQ(world.events.count("member-split") + world.events.count("storage-split"), 0u) << copy;
        world.close(*head);
    }
}

/// It has acknowledged the record of the start that it left with, so that a copy from before that one is an older copy.
TEST(Leaving, M7OlderCopyFromBeforeTheStartIsOwedEverything) {
    for (const bool older : {false, true}) {
        EngineWorld world(two_disks());
        ASSERT_TRUE(world.init().done);
        EngineWorld::Head* head = &world.serve();
        ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.crash(*head);
        sim::SimPlatter& leaves = world.platter("/b");
        leaves.power_loss();
        const Bytes before = leaves.read({0, leaves.geometry().size_bytes});
        head = &world.open("another");
        ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-dropped") == 1; }, seconds(30)));
        leaves.set_missing(true);
        world.loop.run_for(seconds(1));
        ASSERT_EQ(world.events.count("member-returns"), 0u);
        if (older) leaves.write(0, before);
        leaves.set_missing(false);
        ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-returns") == 1; }, seconds(60)));
        const std::vector<sim::RecordingEvents::Entry>& entries = world.events.entries;
        const auto returns = std::find_if(entries.begin(), entries.end(),
                                          [](const auto& entry) { return entry.id == "member-returns"; });
        EXPECT_EQ(returns->line.find("an older copy") != std::string::npos, older) << returns->line;
        world.close(*head);
    }
}

/// What leaves need not be in order: the storage serves without it.
TEST(Leaving, M5MemberThatCannotTakeTheRecordDoesNotKeepTheStorageDown) {
    const spec::Node nested =
        mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})});
    for (const bool below : {false, true}) {
        EngineWorld world(below ? nested : two_disks());
        ASSERT_TRUE(world.init().done);
        EngineWorld::Head* head = &world.serve();
        ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.crash(*head);
        if (below) world.platter("/c").power_loss();
        sim::SimPlatter& broken = world.platter("/b");
        broken.power_loss();
        broken.fail(Operation::write, {0, broken.geometry().size_bytes - label_area_bytes}, Errc::medium_error);
        head = &world.serve("another");
        EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
        broken.clear_failures();
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        EXPECT_TRUE(world.loop.run_until(healthy, std::chrono::minutes(3))) << below;
        world.close(*head);
    }
}

}  // namespace
}  // namespace dst
