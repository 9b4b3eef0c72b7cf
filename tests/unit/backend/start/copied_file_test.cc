// M7: a file that somebody copied while it was in use, in its place. No record has been written since, and its label
// knows the epoch: only that it is another file tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct CopiedFile : testing::Test {
    CopiedFile() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        EXPECT_TRUE(world.platter("/b").is_file());
        EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        copy = world.platter("/b").durable();
        copy.file = 0;
        EXPECT_EQ(world.write(*head, 0, newest), Errc::ok);
        // The intent bit is cleared.
        world.loop.run_for(seconds(30));
    }
    bool healthy() {
        return world.loop.run_until([&] { return head->engine->status().state == StorageState::healthy; }, minutes(2));
    }
    void expect_copied() {
        ASSERT_TRUE(healthy());
        EXPECT_EQ(world.platter("/b").read({0, 4096}), newest);
        EXPECT_EQ(world.platter("/a").read({0, 4096}), newest);
        for (const auto& entry : world.events.entries) {
            if (entry.id != "member-returns") continue;
            EXPECT_THAT(entry.line, HasSubstr("owed=everything"));
        }
        EXPECT_EQ(world.events.count("member-returns"), 1u);
    }
    /// It is put in place after a clean end, while the other one is away.
    void start_with_it_alone() {
        EXPECT_EQ(world.flush(*head), Errc::ok);
        world.loop.run_for(seconds(30));
        copy = world.platter("/b").durable();
        copy.file = 0;
        EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 3)), Errc::ok);
        EXPECT_EQ(world.flush(*head), Errc::ok);
        world.loop.run_for(seconds(30));
        world.close(*head);
        world.platter("/b").take_out(copy);
        world.platter("/a").set_missing(true);
        head = &world.open();
        world.loop.run_for(minutes(1));
        const StorageStatus status = head->engine->status();
        EXPECT_EQ(status.state, StorageState::waiting);
        EXPECT_THAT(status.reason, HasSubstr("waits for /a: another file lies in the place of /b than before"));
        EXPECT_THAT(status.reason, HasSubstr("--accept-data-loss"));
    }
    Bytes read() {
        Bytes bytes(4096);
        EXPECT_EQ(world.read(*head, 0, bytes), Errc::ok);
        return bytes;
    }
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
    const Bytes newest = EngineWorld::pattern(4096, 2);
    sim::SimPlatter::Content copy;
};

TEST_F(CopiedFile, IsOwedEverythingWhenItIsFound) {
    world.platter("/b").take_out(copy);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-returns") == 1; }, minutes(1)));
    expect_copied();
}

TEST_F(CopiedFile, IsNotUsedByACleanStart) {
    world.close(*head);
    world.platter("/b").take_out(copy);
    head = &world.serve();
    expect_copied();
}

TEST_F(CopiedFile, IsNotUsedByAStartAfterACrash) {
    world.crash(*head);
    world.platter("/b").take_out(copy);
    world.platter("/a").power_loss();
    head = &world.serve();
    expect_copied();
}

TEST_F(CopiedFile, IsOwedEverythingWhenItComesLate) {
    world.close(*head);
    world.platter("/b").take_out(copy);
    world.platter("/b").set_missing(true);
    head = &world.serve();
    world.platter("/b").set_missing(false);
    expect_copied();
}

/// The journal decides, and the other one is away: it may be the only one that has everything.
TEST_F(CopiedFile, IsNotUsedAlone) {
    start_with_it_alone();
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(healthy());
    EXPECT_EQ(read(), EngineWorld::pattern(4096, 3));
    EXPECT_EQ(world.platter("/b").read({0, 4096}), EngineWorld::pattern(4096, 3));
}

TEST_F(CopiedFile, IsUsedAloneWhenThatIsOrdered) {
    start_with_it_alone();
    ASSERT_TRUE(head->engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving != 0; }, minutes(1)));
    EXPECT_EQ(read(), newest);
    EXPECT_EQ(world.events.count("start-forced"), 1u);
}

/// Whoever moves all files to another file system starts as before.
TEST_F(CopiedFile, AllOfThemAreUsed) {
    world.close(*head);
    for (const char* path : {"/a", "/b"}) {
        sim::SimPlatter::Content moved = world.platter(path).durable();
        moved.file = 0;
        world.platter(path).take_out(moved);
    }
    head = &world.serve();
    EXPECT_EQ(head->engine->status().state, StorageState::healthy);
    EXPECT_EQ(world.events.count("member-returns"), 0u);
    EXPECT_EQ(world.platter("/b").read({0, 4096}), newest);
}

}  // namespace
}  // namespace dst
