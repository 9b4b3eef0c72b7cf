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

/// m0 is split, m1 is not: head0 went on with /a, and the other head, whose journal decides, with /b.
struct ResolveOne : testing::Test {
    ResolveOne() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve());
        go_on_without("/b", "head0", 1);
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        go_on_without("/a", "other", 2);
    }
    void go_on_without(const char* missing, const std::string& journal, unsigned seed) {
        world.platter(missing).set_missing(true);
        EngineWorld::Head& head = world.serve(journal);
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        world.close(head);
        world.platter(missing).set_missing(false);
    }
    EngineWorld world{linear_node("l0", {two_disks(), mirror_node("m1", {disk_node("/c"), disk_node("/d")})})};
};

/// /d is away, and m1 needs it until then.
TEST_F(ResolveOne, M5JournalDecidesAgainWhenTheOtherSideIsGivenUpInstead) {
    world.platter("/d").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b", "other"));
    EngineWorld::Head& head = world.open("other");
    world.loop.run_for(seconds(5));
    ASSERT_THAT(head.engine->status().reason, HasSubstr("waits for /d"));
    ASSERT_TRUE(head.engine->order({StartOrder::resolve, "/a", {}, 0}));
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(10)));
    Bytes bytes(4096);
    ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 2));
}

/// At every moment of an attempt that would end in the split, which is found before m1 is looked at.
TEST_F(ResolveOne, OrderIsFollowedByAnAttemptThatHasFoundTheSplitAlready) {
    bool given = true;
    for (unsigned at = 1; given; ++at) {
        struct Each : ResolveOne {
            void TestBody() override {}
        } each;
        EngineWorld::Head& head = each.world.open();
        given = false;
        each.world.platter("/c").on_carry_out = [&, requests = 0u](const Request&) mutable {
            if (++requests == at) given = head.engine->order({StartOrder::resolve, "/b", {}, 0}).has_value();
        };
        ASSERT_TRUE(each.world.loop.run_until([&] { return head.serving == 1 || head.failed; }, seconds(30)));
        EXPECT_EQ(head.serving, given ? 1 : 0) << at << ": " << head.engine->status().reason;
        each.world.close(head);
    }
}

}  // namespace
}  // namespace dst
