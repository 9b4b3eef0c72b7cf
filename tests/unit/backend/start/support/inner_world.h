#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/engine_world.h"

namespace dst {

/// A mirror of a disk and a mirror, whose second disks come later.
struct Inner : ::testing::Test {
    static spec::Node tree() {
        return mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})});
    }
    void make(spec::Node node = tree()) {
        writes = 0;
        world = std::make_unique<EngineWorld>(std::move(node));
        ASSERT_TRUE(world->init().done);
    }
    void missing(const std::vector<std::string>& paths, bool is_missing = true) {
        for (const std::string& path : paths) world->platter(path).set_missing(is_missing);
    }
    void serve() { head = &world->serve(journal); }
    void serve_with(const std::string& other_journal) {
        journal = other_journal;
        serve();
    }
    void write() {
        EXPECT_EQ(world->write(*head, 8192u * writes, EngineWorld::pattern(4096, writes + 1)), Errc::ok);
        ++writes;
    }
    void again() {
        world->close(*head);
        serve();
    }
    bool happens(const std::string& event, Duration limit = std::chrono::seconds(30)) {
        return world->loop.run_until([&] { return world->events.count(event) > 0; }, limit);
    }
    VertexStatus second() const { return head->engine->status().tree->children.at(1); }
    bool in_sync(Duration limit = std::chrono::seconds(60)) {
        return world->loop.run_until(
            [&] { return head->engine->status().state == StorageState::healthy && all(*head->engine->status().tree); },
            limit);
    }
    static bool all(const VertexStatus& vertex) {
        return std::all_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
            return (vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync) && all(child);
        });
    }
    /// Serves from /a alone, the mirror below is out.
    void serve_without_inner() {
        make();
        serve();
        again();
        world->close(*head);
        missing({"/b", "/c"});
        serve();
        write();
        EXPECT_EQ(second().state, VertexState::dirty);
    }
    /// All that was written can be read from the mirror below alone.
    void expect_inner_has_all() {
        world->close(*head);
        world->platter("/a").set_missing(true);
        serve();
        expect_all_readable();
    }
    void expect_all_readable() {
        for (unsigned i = 0; i < writes; ++i) {
            Bytes found(4096);
            EXPECT_EQ(world->read(*head, 8192u * i, found), Errc::ok);
            EXPECT_EQ(found, EngineWorld::pattern(4096, i + 1)) << "write " << i;
        }
    }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    std::string journal = "head0";
    unsigned writes = 0;
};

}  // namespace dst
