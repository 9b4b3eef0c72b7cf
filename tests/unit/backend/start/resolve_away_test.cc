// A split is resolved while a member of the side that is given up is away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// The journal with which the split is resolved.
struct ResolveAway : testing::TestWithParam<const char*> {
    /// In a region that the side that is kept changed last when all were there: it owes nobody anything there.
    static constexpr std::uint64_t place = 8u << 20;

    /// /c went on alone; without it, another head was ordered to go on with /a and /b.
    ResolveAway() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write(place, kept);
        world.loop.run_for(seconds(20));  // nothing is under way there any more
        missing("/a");
        missing("/b");
        write(0, kept);
        world.close(*head);
        there("/a");
        there("/b");
        missing("/c");
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
        head = &world.serve("other");
        write(place, given_up);
        world.loop.run_for(seconds(20));
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(std::uint64_t offset, const Bytes& bytes) { EXPECT_EQ(world.write(*head, offset, bytes), Errc::ok); }
    /// /b is away then, with empty maps.
    void give_up_a() {
        world.close(*head);
        missing("/b");
        there("/c");
        head = &world.open(GetParam());
        ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
        ASSERT_EQ(head->engine->status().state, StorageState::split);
        world.close(*head);
        ASSERT_EQ(world.platter("/b").read({place, 4096}), given_up);
        ASSERT_TRUE(order(world, StartOrder::resolve, "/a", GetParam()));
        head = &world.serve(GetParam());
    }
    void expect_kept(const char* what) {
        for (const std::uint64_t offset : {std::uint64_t{0}, place}) {
            Bytes back(4096);
            EXPECT_EQ(world.read(*head, offset, back), Errc::ok);
            EXPECT_EQ(back, kept) << what << " " << offset;
        }
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        EXPECT_TRUE(world.loop.run_until(healthy, minutes(2))) << what;
    }
    /// /b comes back to the head that serves, and each member alone has what is kept.
    void expect_owed_everything() {
        there("/b");
        expect_kept(GetParam());
        for (const char* path : {"/a", "/b", "/c"}) {
            EXPECT_EQ(world.platter(path).read({place, 4096}), kept) << path;
            EXPECT_EQ(world.platter(path).read({0, 4096}), kept) << path;
        }
        for (const char* next : {"head0", "other", "third"}) {
            world.close(*head);
            head = &world.serve(next);
            expect_kept(next);
        }
        EXPECT_EQ(world.events.count("member-split"), 0u);
        EXPECT_EQ(world.events.count("storage-split"), 1u);
    }
    const Bytes kept = EngineWorld::pattern(4096, 1);
    const Bytes given_up = EngineWorld::pattern(4096, 2);
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_P(ResolveAway, M7MemberOfTheSideThatIsGivenUpIsOwedEverything) {
    give_up_a();
    expect_owed_everything();
}

/// Not in sync on that side when it was given up, and it has what was written there until then.
TEST_P(ResolveAway, M7MemberThatHadLeftTheSideThatIsGivenUpIsOwedEverything) {
    missing("/b");
    write(0, given_up);
    give_up_a();
    expect_owed_everything();
}

INSTANTIATE_TEST_SUITE_P(Journals, ResolveAway, testing::Values("head0", "other"));

/// An order to accept the loss would take this one's place, and decides no split.
TEST(ResolveWaits, M5SaysHowToGoOnWithoutWhatItWaitsFor) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    const auto only = [&](const std::string& there) {
        for (const char path : {'a', 'b', 'c'}) {
            world.platter(std::string("/") + path).set_missing(there.find(path) == std::string::npos);
        }
    };
    const auto write = [&](EngineWorld::Head& head) {
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.close(head);
    };
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    only("c");
    write(first);
    only("ab");
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    write(world.serve("other"));
    only("ac");
    EngineWorld::Head* head = &world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head->failed.has_value(); }, seconds(30)));
    world.close(*head);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/c"));
    head = &world.open();
    EXPECT_FALSE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
    EXPECT_THAT(head->engine->status().reason, testing::HasSubstr("take the side that you give up away"));
    world.close(*head);
    only("a");
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.serve();
}

}  // namespace
}  // namespace dst
