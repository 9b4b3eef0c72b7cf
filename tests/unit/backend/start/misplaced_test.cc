// M5, M7: a medium that is not the right one, in the place of one member, is refused; the others serve without it, and
// it comes back by itself when it is the right one again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

Bytes content(EngineWorld& world, const std::string& path) {
    sim::SimPlatter& platter = world.platter(path);
    return platter.read({0, platter.geometry().size_bytes});
}

void swap_content(EngineWorld& world, const std::string& one, const std::string& other) {
    const Bytes first = content(world, one);
    world.platter(one).write(0, content(world, other));
    world.platter(other).write(0, first);
}

spec::Node three_disks() { return mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}); }

bool is_healthy(EngineWorld& world, EngineWorld::Head& head) {
    return world.loop.run_until([&] { return head.engine->status().state == StorageState::healthy; }, minutes(2));
}

std::string why_refused(EngineWorld::Head& head, std::size_t member) {
    const StorageStatus status = head.engine->status();
    EXPECT_EQ(status.tree->children[member].state, VertexState::refused);
    return status.tree->children[member].reason;
}

TEST(Misplaced, M5AnotherStoragesMediumInAMembersPlaceKeepsNobodyFromServing) {
    EngineWorld foreign(disk_node("/x"));
    foreign.storage.name = "vol1";
    ASSERT_TRUE(foreign.init().done);
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    const Bytes right = content(world, "/b");
    const Bytes wrong = content(foreign, "/x");
    world.platter("/b").write(0, wrong);
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(why_refused(head, 1), HasSubstr("/b belongs to the storage 'vol1'"));
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.loop.run_for(minutes(1));
    EXPECT_EQ(content(world, "/b"), wrong);
    world.platter("/b").write(0, right);
    EXPECT_TRUE(is_healthy(world, head)) << "nobody had to do more than that";
    Bytes on_b(4096);
    world.platter("/a").set_missing(true);
    EXPECT_EQ(world.read(head, 0, on_b), Errc::ok);
    EXPECT_EQ(on_b, EngineWorld::pattern(4096, 1));
}

/// On its own medium: it has nothing to do with this storage.
TEST(Misplaced, M5AnotherStoragesHeadThatServesFromItIsNoReasonToWait) {
    EngineWorld foreign(disk_node("/x"));
    foreign.storage.name = "vol1";
    ASSERT_TRUE(foreign.init().done);
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").write(0, content(foreign, "/x"));
    world.head_on = [](const Label& label) {
        return label.storage_name == "vol1" ? std::optional(label.served) : std::nullopt;
    };
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(why_refused(head, 1), HasSubstr("/b belongs to the storage 'vol1'"));
}

TEST(Misplaced, M5AMemberThatIsTooSmallKeepsNobodyFromServing) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    const std::uint64_t size = 12u << 20;
    Bytes shrunk = content(world, "/b");
    const Bytes label(shrunk.end() - label_area_bytes, shrunk.end());
    shrunk.resize(size - label_area_bytes);
    shrunk.insert(shrunk.end(), label.begin(), label.end());
    world.platter("/b").replace_blank(size);
    world.platter("/b").write(0, shrunk);
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(why_refused(head, 1), HasSubstr("/b is too small"));
}

TEST(Misplaced, M5SwappedMembersKeepTheThirdFromNothing) {
    EngineWorld world(three_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    swap_content(world, "/a", "/b");
    const Bytes a = content(world, "/a");
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(why_refused(head, 0), HasSubstr("swapped"));
    EXPECT_THAT(why_refused(head, 1), HasSubstr("swapped"));
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.loop.run_for(minutes(1));
    EXPECT_NE(why_refused(head, 0), "");
    EXPECT_EQ(content(world, "/a"), a) << "nothing is written to it";
    swap_content(world, "/a", "/b");
    EXPECT_TRUE(is_healthy(world, head));
}

/// Of which only one is there: the other one's place is empty.
TEST(Misplaced, M5OneMemberInAnothersPlaceIsNotUsed) {
    EngineWorld world(three_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    swap_content(world, "/a", "/b");
    world.platter("/b").set_missing(true);
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(why_refused(head, 0), HasSubstr("/a carries the label of member 2 (/b)"));
}

TEST(Misplaced, M5MediaOfTwoMirrorsInEachOthersPlacesKeepTheOthersFromNothing) {
    EngineWorld world(mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}),
                                         mirror_node("m2", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    swap_content(world, "/a", "/c");
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.loop.run_for(minutes(1));
    swap_content(world, "/a", "/c");
    EXPECT_TRUE(is_healthy(world, head));
}

/// What another head has served tells so wherever it lies.
TEST(Misplaced, M5AMediumThatIsRefusedStillTellsThatAnotherHeadHasServed) {
    for (const char* place : {"/c", "/b"}) {
        EngineWorld world(three_disks());
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        for (const char* away : {"/a", "/c"}) world.platter(away).set_missing(true);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "head1"));
        EngineWorld::Head& other = world.serve("head1");
        EXPECT_EQ(world.write(other, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.close(other);
        const Bytes newer = content(world, "/b");
        world.platter("/b").set_missing(true);
        for (const char* back : {"/a", place}) world.platter(back).set_missing(false);
        Bytes there = newer;
        if (std::string(place) == "/b") {
            // In its own place, and too small.
            there.resize(12u << 20);
            std::copy(newer.end() - label_area_bytes, newer.end(), there.end() - label_area_bytes);
            world.platter("/b").replace_blank(there.size());
        }
        world.platter(place).write(0, there);
        EngineWorld::Head& head = world.open();
        world.loop.run_for(seconds(30));
        EXPECT_EQ(head.serving, 0) << place;
        EXPECT_EQ(head.engine->status().state, StorageState::waiting) << head.engine->status().reason;
    }
}

TEST(Misplaced, M5AStartThatWaitsGoesOnWhenTheRightMediaAreThere) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/a").set_missing(true);
    EngineWorld::Head& head = world.open("another");
    world.loop.run_for(seconds(5));
    swap_content(world, "/a", "/b");
    world.platter("/a").set_missing(false);
    world.loop.run_for(seconds(30));
    EXPECT_THAT(head.engine->status().reason, HasSubstr("It is looked at again until that is mended"));
    EXPECT_EQ(world.events.count("start-refused"), 1u);
    swap_content(world, "/a", "/b");
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30))) << head.engine->status().reason;
}

/// The only medium in reach may be the one that does not belong here.
TEST(Misplaced, M5AnEarlierStoragesMediumAloneIsNoReasonToGiveUp) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const Bytes earlier = content(world, "/b");
    InitOptions options;
    options.force = true;
    ASSERT_TRUE(world.init(options).done);
    world.close(world.serve());
    world.platter("/b").write(0, earlier);
    world.platter("/a").set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(10));
    EXPECT_FALSE(head.failed);
    EXPECT_EQ(head.engine->status().state, StorageState::waiting);
    world.platter("/a").set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30))) << head.engine->status().reason;
}

}  // namespace
}  // namespace dst
