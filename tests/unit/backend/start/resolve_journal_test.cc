// A split of which one side is known to the journal alone, since its member is away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// head0 went on with /a, which still calls /b in sync if it wrote nothing; the other head with /b, and its journal
/// decides. Now /b is away.
struct ResolveJournal : testing::TestWithParam<bool> {
    ResolveJournal() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve());
        world.platter("/a").set_missing(true);
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        write_and_close("other", 2);
        world.platter("/a").set_missing(false);
        world.platter("/b").set_missing(true);
        if (GetParam()) {
            write_and_close("head0", 1);
        } else {
            world.crash(world.serve());
        }
        world.platter("/a").set_missing(true);
        world.platter("/b").set_missing(false);
        for (const unsigned seed : {3u, 4u}) write_and_close("other", seed);
        world.platter("/a").set_missing(false);
        world.platter("/b").set_missing(true);
    }
    void write_and_close(const std::string& journal, unsigned seed) {
        EngineWorld::Head& head = world.serve(journal);
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        world.close(head);
    }
    EngineWorld world{two_disks()};
};

TEST_P(ResolveJournal, M5ItIsGivenUpAsOrdered) {
    EngineWorld::Head* head = &world.open("other");
    ASSERT_TRUE(world.loop.run_until([&] { return head->failed.has_value(); }, seconds(30)));
    EXPECT_THAT(head->engine->status().reason, HasSubstr("--discard /b"));
    world.close(*head);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b", "other"));
    head = &world.serve("other");
    EXPECT_EQ(world.events.entries.back().line.find("no split"), std::string::npos);
    Bytes bytes(4096);
    ASSERT_EQ(world.read(*head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, GetParam() ? EngineWorld::pattern(4096, 1) : Bytes(4096));
    world.platter("/b").set_missing(false);
    EXPECT_TRUE(
        world.loop.run_until([&] { return head->engine->status().state == StorageState::healthy; }, minutes(1)));
    EXPECT_EQ(world.events.count("member-split"), 0u);
    EXPECT_EQ(world.platter("/b").read({0, 4096}), world.platter("/a").read({0, 4096}));
}

INSTANTIATE_TEST_SUITE_P(Writes, ResolveJournal, testing::Bool());

}  // namespace
}  // namespace dst
