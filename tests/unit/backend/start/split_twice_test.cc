// Orders that belong to several mirrors at once, and one that was copied with its journal.
#include <gtest/gtest.h>

#include "media/journal.h"
#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

/// Both mirrors of a linear are split: one head went on with /a and /c, another one with /b and /d.
struct SplitTwice : testing::Test {
    SplitTwice() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve());
        go_on_without({"/b", "/d"}, "head0", 1);
        EXPECT_TRUE(order_while_away({"/a", "/c"}, "other"));
        go_on_without({"/a", "/c"}, "other", 2);
    }
    void set_missing(const std::vector<const char*>& paths, bool missing) {
        for (const char* path : paths) world.platter(path).set_missing(missing);
    }
    bool order_while_away(const std::vector<const char*>& paths, const std::string& journal) {
        set_missing(paths, true);
        return order(world, StartOrder::accept_data_loss, {}, journal).has_value();
    }
    void go_on_without(const std::vector<const char*>& paths, const std::string& journal, unsigned seed) {
        set_missing(paths, true);
        EngineWorld::Head& head = world.serve(journal);
        for (const std::uint64_t place : {std::uint64_t{0}, last_block(head)}) {
            EXPECT_EQ(world.write(head, place, EngineWorld::pattern(4096, seed)), Errc::ok);
        }
        world.close(head);
        set_missing(paths, false);
    }
    static std::uint64_t last_block(EngineWorld::Head& head) { return head.engine->status().size_bytes - 4096; }
    bool is_split() {
        EngineWorld::Head& head = world.open();
        EXPECT_TRUE(world.loop.run_until([&] { return head.failed || head.serving != 0; }, seconds(30)));
        const bool split = head.engine->status().state == StorageState::split;
        world.close(head);
        return split;
    }
    EngineWorld world{linear_node("l0", {mirror_node("m0", {disk_node("/a"), disk_node("/b")}),
                                         mirror_node("m1", {disk_node("/c"), disk_node("/d")})})};
};

TEST_F(SplitTwice, EachMirrorIsResolvedByItsOwnOrder) {
    ASSERT_TRUE(is_split());
    ASSERT_TRUE(order(world, StartOrder::resolve, "/a"));
    ASSERT_TRUE(is_split());
    ASSERT_TRUE(order(world, StartOrder::resolve, "/d"));
    EngineWorld::Head& head = world.serve();
    Bytes bytes(4096);
    ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 2));
    ASSERT_EQ(world.read(head, last_block(head), bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 1));
    const JournalChoice journal = choose_journal({world.journal().slots, {}, 0, false});
    EXPECT_EQ(journal.journal->order, StartOrder::none);
    EXPECT_TRUE(journal.journal->discards.empty());
}

TEST_F(SplitTwice, TheLastOrderForAMirrorCounts) {
    for (const char* member : {"/a", "/c", "/d", "/b"}) ASSERT_TRUE(order(world, StartOrder::resolve, member));
    EngineWorld::Head& head = world.serve();
    Bytes bytes(4096);
    for (const std::uint64_t place : {std::uint64_t{0}, last_block(head)}) {
        ASSERT_EQ(world.read(head, place, bytes), Errc::ok);
        EXPECT_EQ(bytes, EngineWorld::pattern(4096, 1));
    }
}

/// A mirror and one below it are split, and the order for the one below gives up what the journal says of both. What is
/// split above is gone with it.
TEST(SplitBelowToo, M5JournalThatIsGivenUpSaysNothingOfTheOtherMirrorEither) {
    EngineWorld world(mirror_node("m2", {mirror_node("m0", {disk_node("/a"), disk_node("/b")}),
                                         mirror_node("m1", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    const auto set_missing = [&world](const char* one, const char* other, bool missing) {
        for (const char* path : {one, other}) world.platter(path).set_missing(missing);
    };
    set_missing("/b", "/c", true);
    EngineWorld::Head* head = &world.serve();
    const auto first_in_sync = [&] { return head->engine->status().tree->children[0].state == VertexState::in_sync; };
    // The record of m2 that /b has is an older one then.
    world.platter("/a").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    ASSERT_FALSE(first_in_sync());
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until(first_in_sync, seconds(30)));
    world.close(*head);
    set_missing("/b", "/c", false);
    set_missing("/a", "/d", true);
    // The same head, which does not know of that any more.
    world.journal().remove();
    head = &world.open();
    world.loop.run_for(seconds(20));
    ASSERT_TRUE(head->engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, seconds(30)));
    // Of an epoch that the other side has not heard of, its journal decides.
    world.close(*head);
    head = &world.serve();
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.crash(*head);
    set_missing("/a", "/d", false);
    for (const char* member : {"m1", "/b"}) ASSERT_TRUE(order(world, StartOrder::resolve, member));
    head = &world.serve();
    Bytes bytes(4096);
    ASSERT_EQ(world.read(*head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 1));
}

/// A head whose journal is put back from an older copy was not asked.
TEST(CopiedOrder, M5IsNotFollowed) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    sim::SimStoreFile copy(world.loop);
    copy.copy_from(world.journal(), world.journal().machine);
    world.close(world.serve());
    world.journal().copy_from(copy, world.journal().machine);
    world.platter("/b").set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(20));
    EXPECT_EQ(head.serving, 0);
    EXPECT_EQ(world.events.count("start-forced"), 0u);
    world.platter("/b").set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
}

}  // namespace
}  // namespace dst
