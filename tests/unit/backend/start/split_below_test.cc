// A mirror below another one that is split, which the one above may do without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

/// Of m0, made of m1 and /c, only /c has what was written last, and m1, made of /a and /b, is split.
struct SplitBelow : testing::Test {
    SplitBelow() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve());
        set_missing({"/b"}, true);
        write_and_close(world.serve(), 1);
        set_missing({"/a", "/c"}, true);
        set_missing({"/b"}, false);
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        write_and_close(world.serve("other"), 2);
        set_missing({"/a", "/c"}, false);
        set_missing({"/b"}, true);
        // Of an epoch that the other side has not heard of, the journal decides.
        world.close(world.serve());
        EngineWorld::Head& head = world.serve();
        set_missing({"/a"}, true);
        EXPECT_TRUE(
            world.loop.run_until([&] { return child(head, 0).state == VertexState::unreachable; }, seconds(30)));
        write_and_close(head, 3);
        set_missing({"/a", "/b"}, false);
    }
    void set_missing(const std::vector<const char*>& paths, bool missing) {
        for (const char* path : paths) world.platter(path).set_missing(missing);
    }
    void write_and_close(EngineWorld::Head& head, unsigned seed) {
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        EXPECT_EQ(world.flush(head), Errc::ok);
        world.close(head);
    }
    static VertexStatus child(EngineWorld::Head& head, std::size_t index) {
        return head.engine->status().tree->children.at(index);
    }
    void expect_last_data(EngineWorld::Head& head) {
        Bytes bytes(4096);
        ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
        EXPECT_EQ(bytes, EngineWorld::pattern(4096, 3));
    }
    std::string told(const std::string& id) {
        std::string lines;
        for (const auto& entry : world.events.entries) {
            if (entry.id == id) lines += entry.line + "\n";
        }
        return lines;
    }
    EngineWorld world{mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/c")})};
};

/// Nobody has been asked whether that may be lost.
TEST_F(SplitBelow, M5OrderToResolveItGivesUpNothingThatAnotherMemberOfTheOneAboveHas) {
    for (const bool twice : {false, true}) {
        ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
        set_missing({"/c"}, true);
        EngineWorld::Head& head = world.open();
        world.loop.run_for(seconds(60));
        EXPECT_EQ(head.serving, 0) << twice;
        EXPECT_THAT(head.engine->status().reason, HasSubstr("/c")) << twice;
        set_missing({"/c"}, false);
        ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30))) << twice;
        expect_last_data(head);
        world.close(head);
    }
}

/// m0 is made of l1, which is m1 and /q, and of /c, which has left it: with the order m1 is usable, and l1 is not
/// without /q.
TEST(SplitBelowPart, M5OrderToResolveItDoesNotStartTheOneAboveFromAMemberThatHadLeft) {
    EngineWorld world(
        mirror_node("m0", {linear_node("l1", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/q")}),
                           disk_node("/c")}));
    const auto set_missing = [&world](const std::vector<const char*>& paths, bool missing) {
        for (const char* path : paths) world.platter(path).set_missing(missing);
    };
    const auto write_and_close = [&world](EngineWorld::Head& head, unsigned seed) {
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        EXPECT_EQ(world.flush(head), Errc::ok);
        world.close(head);
    };
    ASSERT_TRUE(world.init().done);
    write_and_close(world.serve(), 1);
    set_missing({"/b", "/c"}, true);
    write_and_close(world.serve(), 2);
    set_missing({"/a"}, true);
    set_missing({"/b"}, false);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    write_and_close(world.serve("other"), 3);
    set_missing({"/a"}, false);
    set_missing({"/b", "/c"}, false);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    set_missing({"/q"}, true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(60));
    EXPECT_EQ(head.serving, 0);
    set_missing({"/q"}, false);
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    Bytes bytes(4096);
    ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 2));
    world.close(head);
}

TEST_F(SplitBelow, M5StartWaitsForTheMemberThatIsNotSplit) {
    set_missing({"/c"}, true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(20));
    EXPECT_EQ(head.engine->status().state, StorageState::waiting);
    EXPECT_FALSE(head.failed);
    set_missing({"/c"}, false);
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    expect_last_data(head);
}

/// Both m1 and /c are in sync, and /c does not take its promise the first time.
TEST(SplitBelowOne, M5StartWithoutItIsTriedAgainWhenAWriteFailsOnce) {
    EngineWorld world(mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/c")}));
    const auto write_and_close = [&world](EngineWorld::Head& head, unsigned seed) {
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        EXPECT_EQ(world.flush(head), Errc::ok);
        world.close(head);
    };
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").set_missing(true);
    write_and_close(world.serve(), 1);
    for (const char* path : {"/a", "/c"}) world.platter(path).set_missing(true);
    world.platter("/b").set_missing(false);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    write_and_close(world.serve("other"), 2);
    for (const char* path : {"/a", "/c"}) world.platter(path).set_missing(false);
    world.platter("/b").set_missing(true);
    // Of an epoch that the other side has not heard of, the journal decides.
    world.close(world.serve());
    write_and_close(world.serve(), 3);
    world.platter("/b").set_missing(false);
    world.platter("/c").fail(Operation::write, {0, world.platter("/c").geometry().size_bytes}, Errc::io_error, 1);
    EngineWorld::Head& head = world.open();
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    EXPECT_FALSE(head.failed);
    Bytes bytes(4096);
    ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 3));
    world.close(head);
}

TEST_F(SplitBelow, TheUserIsToldThatAnOrderForOneThatIsNotNeededIsNotFollowed) {
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    expect_last_data(world.serve());
    EXPECT_THAT(told("start-order-done"), HasSubstr("m1 was not needed"));
    EXPECT_THAT(told("start-order-done"), Not(HasSubstr("no split with that member was found")));
}

}  // namespace
}  // namespace dst
