// M7: files that somebody copied while they were in use, in the places of all members of a mirror below another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/inner_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct CopiedBelow : Inner {
    CopiedBelow() {
        make();
        serve();
        EXPECT_TRUE(world->platter("/b").is_file() && world->platter("/c").is_file());
        write();
        settle();
    }
    /// Everything is flushed, and no intent bit is set.
    void settle() {
        EXPECT_EQ(world->flush(*head), Errc::ok);
        world->loop.run_for(seconds(30));
    }
    sim::SimPlatter::Content copy_of(const std::string& path) {
        sim::SimPlatter::Content copy = world->platter(path).durable();
        copy.file = 0;
        return copy;
    }
    void expect_newest() {
        ASSERT_TRUE(in_sync(minutes(3)));
        for (const char* path : {"/a", "/b", "/c"}) {
            EXPECT_EQ(world->platter(path).read({8192, 4096}), EngineWorld::pattern(4096, 2)) << path;
        }
        EXPECT_NE(world->events.count("member-returns"), 0u);
    }
};

TEST_F(CopiedBelow, AreNotUsedByAStart) {
    const auto b = copy_of("/b");
    const auto c = copy_of("/c");
    write();
    settle();
    world->close(*head);
    world->platter("/b").take_out(b);
    world->platter("/c").take_out(c);
    serve();
    expect_newest();
}

TEST_F(CopiedBelow, AreOwedEverythingWhileAHeadServes) {
    missing({"/c"});
    write();
    settle();
    const auto b = copy_of("/b");
    EXPECT_EQ(world->write(*head, 8192, EngineWorld::pattern(4096, 7)), Errc::ok);
    EXPECT_EQ(world->write(*head, 8192, EngineWorld::pattern(4096, 2)), Errc::ok);
    EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 9)), Errc::ok);
    settle();
    world->platter("/b").take_out(b);
    missing({"/c"}, false);
    expect_newest();
    for (const char* path : {"/a", "/b", "/c"}) {
        EXPECT_EQ(world->platter(path).read({0, 4096}), EngineWorld::pattern(4096, 9)) << path;
    }
}

/// Whoever moves all files to another file system starts as before.
TEST_F(CopiedBelow, AreUsedWhenAllAre) {
    write();
    settle();
    world->close(*head);
    for (const char* path : {"/a", "/b", "/c"}) world->platter(path).take_out(copy_of(path));
    world->events.entries.clear();
    serve();
    EXPECT_EQ(head->engine->status().state, StorageState::healthy);
    EXPECT_EQ(world->events.count("member-returns"), 0u);
    again();
    EXPECT_EQ(head->engine->status().state, StorageState::healthy);
    EXPECT_EQ(world->events.count("member-returns"), 0u);
}

}  // namespace
}  // namespace dst
