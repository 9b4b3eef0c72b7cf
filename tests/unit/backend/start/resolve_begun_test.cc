// An attempt to resolve a split ends when the side that stays has its record, and the next start finds the other
// side alone.
#include <gtest/gtest.h>

#include <tuple>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Who is ordered to give /b up, and who starts when both are there.
struct ResolveBegun : testing::TestWithParam<std::tuple<const char*, const char*>> {
    /// head0 went on with /a, and its record has changed often while it did: /c came and went. The other head went on
    /// with /b.
    ResolveBegun() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        missing("/b");
        for (unsigned change = 1; change <= 10; ++change) {
            there("/c");
            EXPECT_TRUE(world.loop.run_until([&] { return in_sync(2); }, minutes(1)));
            missing("/c");
            write(on_a);
        }
        world.close(*head);
        there("/b");
        missing("/a");
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        head = &world.serve("other");
        write(on_b);
        world.close(*head);
        there("/a");
    }
    bool in_sync(std::size_t child) const {
        return head->engine->status().tree->children.at(child).state == VertexState::in_sync;
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void die_when_a_has_the_record(const char* journal) {
        ASSERT_TRUE(order(world, StartOrder::resolve, "/b", journal));
        dst::die_when_it_has_the_record(world, "/a", journal);
    }
    Bytes on(const char* path) { return world.platter(path).read({0, 4096}); }
    static constexpr unsigned on_a = 1;
    static constexpr unsigned on_b = 2;
    static constexpr unsigned later_on_b = 3;
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_P(ResolveBegun, M5WhatTheNextStartWritesToTheOtherSideIsNotOverwritten) {
    const auto [resolved, meets_both] = GetParam();
    die_when_a_has_the_record(resolved);
    if (HasFatalFailure()) return;
    missing("/a");
    head = &world.serve(resolved);
    write(later_on_b);
    world.close(*head);
    there("/a");
    head = &world.open(meets_both);
    ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
    EXPECT_EQ(head->engine->status().state, StorageState::split);
    world.loop.run_for(minutes(1));
    world.close(*head);
    EXPECT_EQ(on("/a"), EngineWorld::pattern(4096, on_a));
    EXPECT_EQ(on("/b"), EngineWorld::pattern(4096, later_on_b));
}

INSTANTIATE_TEST_SUITE_P(Journals, ResolveBegun,
                         testing::Combine(testing::Values("head0", "other"),
                                          testing::Values("head0", "other", "third")));

}  // namespace
}  // namespace dst
