// What members that are away wait for, and what is said of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

spec::Node two_disks() { return mirror_node("m0", {disk_node("/a"), disk_node("/b")}); }

/// A mirror that serves.
struct Away : ::testing::Test {
    void serve(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
        write();
    }
    void write() { EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, ++writes)), Errc::ok); }
    void set_missing(const std::string& path, bool missing) { world->platter(path).set_missing(missing); }
    /// It leaves with a write that it misses.
    void drop(const std::string& path) {
        set_missing(path, true);
        write();
        ASSERT_EQ(second().state, VertexState::dirty);
    }
    bool comes(const std::function<bool()>& what, Duration limit = seconds(60)) {
        return world->loop.run_until(what, limit);
    }
    bool in_sync(std::size_t child) {
        return comes([&] { return head->engine->status().tree->children.at(child).state == VertexState::in_sync; });
    }
    std::size_t told(const std::string& event) const { return world->events.count(event); }
    /// What is said of the second member.
    VertexStatus second() const { return head->engine->status().tree->children.at(1); }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    unsigned writes = 0;
};

TEST_F(Away, M7NobodyIsTakenBackWhileThereIsNothingToCopyFrom) {
    serve(two_disks());
    drop("/b");
    set_missing("/a", true);
    world->loop.run_for(seconds(5));
    set_missing("/b", false);
    world->loop.run_for(seconds(60));
    EXPECT_EQ(told("member-returns"), 0u);
    EXPECT_EQ(told("resync-stopped"), 0u);
    EXPECT_EQ(second().state, VertexState::dirty);
    set_missing("/a", false);
    EXPECT_TRUE(in_sync(1));
    EXPECT_EQ(told("resync-stopped"), 0u);
}

}  // namespace
}  // namespace dst
