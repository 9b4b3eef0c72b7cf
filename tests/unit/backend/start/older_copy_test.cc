#include <gtest/gtest.h>

#include "support/engine_world.h"

/// M7: media that were put back from an older copy.
namespace dst {
namespace {

void put_back(EngineWorld& world, const std::string& path, const Bytes& copy) {
    sim::SimPlatter& platter = world.platter(path);
    platter.set_missing(true);
    world.loop.run_for(std::chrono::seconds(1));
    platter.write(0, copy);
    platter.set_missing(false);
}

TEST(OlderCopy, M7AnOlderCopyOfASingleDiskIsNotServed) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    sim::SimPlatter& platter = world.platter("/a");
    const Bytes copy = platter.read({0, platter.geometry().size_bytes});
    world.close(world.serve());
    put_back(world, "/a", copy);
    EngineWorld::Head& head = world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, std::chrono::seconds(30)));
    EXPECT_NE(head.failed->text.find("older copy"), std::string::npos) << head.failed->text;
}

TEST(OlderCopy, M7AnOlderCopyOfALinearsPartIsNotServed) {
    for (const bool with_journal : {true, false}) {
        EngineWorld world(linear_node("l", {disk_node("/a"), disk_node("/b")}));
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        sim::SimPlatter& platter = world.platter("/a");
        const Bytes copy = platter.read({0, platter.geometry().size_bytes});
        world.close(world.serve());
        put_back(world, "/a", copy);
        EngineWorld::Head& head = world.open(with_journal ? "head0" : "another");
        ASSERT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, std::chrono::seconds(30)));
        EXPECT_NE(head.failed->text.find("older copy"), std::string::npos) << head.failed->text;
        EXPECT_NE(head.failed->text.find("/a"), std::string::npos) << head.failed->text;
    }
}

TEST(OlderCopy, M7AMembersCopyThatIsOneStartOldIsNotUsed) {
    for (const bool crash : {true, false}) {
        EngineWorld world(two_disks());
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        sim::SimPlatter& platter = world.platter("/a");
        const Bytes copy = platter.read({0, platter.geometry().size_bytes});
        EngineWorld::Head& second = world.serve();
        const Bytes bytes = EngineWorld::pattern(4096, 2);
        EXPECT_EQ(world.write(second, 0, bytes), Errc::ok);
        EXPECT_EQ(world.flush(second), Errc::ok);
        crash ? world.crash(second) : world.close(second);
        put_back(world, "/a", copy);
        EngineWorld::Head& third = world.serve();
        for (int i = 0; i < 8; ++i) {
            Bytes back(4096);
            EXPECT_EQ(world.read(third, 0, back), Errc::ok);
            EXPECT_EQ(back, bytes);
        }
        world.loop.run_for(std::chrono::seconds(10));
        EXPECT_EQ(world.platter("/b").read({0, 4096}), bytes);
        EXPECT_EQ(world.platter("/a").read({0, 4096}), bytes) << "it is brought up to date";
    }
}

/// Each head's journal knows nothing of what the other one did: only what the record says of each member tells.
TEST(OlderCopy, M7AMembersCopyThatIsSeveralStartsOldIsNotUsedByHeadsInTurn) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve("head0"));
    sim::SimPlatter& platter = world.platter("/a");
    const Bytes copy = platter.read({0, platter.geometry().size_bytes});
    const Bytes bytes = EngineWorld::pattern(4096, 2);
    for (const char* journal : {"other", "head0"}) {
        EngineWorld::Head& head = world.serve(journal);
        EXPECT_EQ(world.write(head, 0, bytes), Errc::ok);
        world.close(head);
    }
    put_back(world, "/a", copy);
    const EngineWorld::Head& head = world.open("other");
    EXPECT_FALSE(world.loop.run_until([&] { return head.serving == 1; }, std::chrono::seconds(30)));
    const std::string why = head.engine->status().reason;
    EXPECT_NE(why.find("/a (it was put back from an older copy)"), std::string::npos) << why;
    EXPECT_EQ(world.platter("/b").read({0, 4096}), bytes);
}

/// The record of a member of several disks may lie on another of them, so that only the label tells.
TEST(OlderCopy, M7AnOlderCopyOfAPartStaysOneWhenTheHeadDiesWhileItReturns) {
    EngineWorld world(mirror_node("m0", {linear_node("l0", {disk_node("/a"), disk_node("/b")}), disk_node("/c")}));
    world.add_platter("/c", {.size_bytes = 32u << 20});
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    // The record lies on both, so that either may be the one that has none.
    for (const std::string part : {"/a", "/b"}) {
        sim::SimPlatter& platter = world.platter(part);
        const Bytes copy = platter.read({0, platter.geometry().size_bytes});
        EngineWorld::Head& second = world.serve();
        const std::uint64_t at = part == "/a" ? 0 : second.engine->geometry().size_bytes - 4096;
        const Bytes bytes = EngineWorld::pattern(4096, static_cast<unsigned>(part[1]));
        EXPECT_EQ(world.write(second, at, bytes), Errc::ok);
        EXPECT_EQ(world.flush(second), Errc::ok);
        world.close(second);
        put_back(world, part, copy);
        const std::uint64_t promised = world.label_of(part)->promised.number;
        EngineWorld::Head& third = world.serve();
        ASSERT_TRUE(world.loop.run_until([&] { return world.label_of(part)->promised.number > promised; },
                                         std::chrono::seconds(30)));
        world.crash(third);
        EngineWorld::Head& fourth = world.serve();
        const auto in_sync = [&] { return fourth.engine->status().tree->children[0].state == VertexState::in_sync; };
        ASSERT_TRUE(world.loop.run_until(in_sync, std::chrono::seconds(60))) << part;
        world.platter("/c").set_missing(true);
        Bytes back(4096);
        EXPECT_EQ(world.read(fourth, at, back), Errc::ok);
        EXPECT_EQ(back, bytes) << part;
        world.platter("/c").set_missing(false);
        const auto whole = [&] { return fourth.engine->status().tree->children[1].state == VertexState::in_sync; };
        ASSERT_TRUE(world.loop.run_until(whole, std::chrono::seconds(60))) << part;
        world.close(fourth);
    }
}

}  // namespace
}  // namespace dst
