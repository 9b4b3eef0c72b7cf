// M10: the last that is left has lost what was not flushed. Whoever waits for a flush then must not be told that it is
// durable.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct FlushLost : testing::Test {
    void make(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        EXPECT_TRUE(world->init().done);
        head = &world->serve();
        flush.operation = Operation::flush;
        flush.owner = this;
        flush.done = [](Request& request) { static_cast<FlushLost*>(request.owner)->result = request.result; };
        EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    }
    void set_missing(bool missing) {
        for (const char* path : {"/a", "/b"}) world->platter(path).set_missing(missing);
    }
    /// It is the same medium, with what was flushed.
    void lose_cache(const char* path) { world->platter(path).take_out(world->platter(path).durable()); }
    /// A flush comes while all is away.
    void flush_when_away() {
        set_missing(true);
        for (const char* path : {"/a", "/b"}) lose_cache(path);
        world->loop.run_for(milliseconds(100));
        head->engine->root().submit(flush);
        world->loop.run_for(seconds(1));
        EXPECT_FALSE(result);
    }
    bool answered() {
        return world->loop.run_until([this] { return result.has_value(); }, minutes(1));
    }
    bool serves() {
        Bytes bytes(4096);
        return world->read(*head, 0, bytes) == Errc::ok;
    }

    Request flush;
    std::optional<Errc> result;
    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
};

/// A mirror, a linear, and a disk: nobody has it any more.
TEST_F(FlushLost, FailsWhenItWasHeldMeanwhile) {
    for (const spec::Node& tree : {two_disks(), linear_node("l0", {disk_node("/a"), disk_node("/b")})}) {
        make(tree);
        flush_when_away();
        set_missing(false);
        ASSERT_TRUE(answered());
        EXPECT_EQ(*result, Errc::io_error);
        EXPECT_GE(head->data_lost, 1);
        EXPECT_EQ(world->flush(*head), Errc::ok) << "the initiators have heard of it";
        result.reset();
    }
}

TEST_F(FlushLost, FailsWhenItIsSentAgain) {
    make(two_disks());
    flush_when_away();
    ASSERT_TRUE(answered());
    EXPECT_EQ(*result, Errc::not_ready);
    set_missing(false);
    ASSERT_TRUE(world->loop.run_until([this] { return head->data_lost != 0; }, minutes(1)));
    EXPECT_EQ(world->flush(*head), Errc::io_error);
    EXPECT_EQ(world->flush(*head), Errc::ok);
}

/// Of a storage that has mirrors besides.
TEST_F(FlushLost, FailsWhenAPartThatNoMirrorIsAboveLostIt) {
    make(linear_node("l0", {two_disks(), disk_node("/c")}));
    const std::uint64_t part = head->engine->geometry().size_bytes - 4096;
    EXPECT_EQ(world->write(*head, part, EngineWorld::pattern(4096, 2)), Errc::ok);
    world->platter("/c").set_missing(true);
    lose_cache("/c");
    world->loop.run_for(milliseconds(100));
    head->engine->root().submit(flush);
    world->loop.run_for(seconds(1));
    EXPECT_FALSE(result);
    world->platter("/c").set_missing(false);
    ASSERT_TRUE(answered());
    EXPECT_EQ(*result, Errc::io_error);
    EXPECT_EQ(head->data_lost, 1);
    EXPECT_EQ(world->events.count("writes-lost"), 1u);
    EXPECT_EQ(world->flush(*head), Errc::ok) << "the initiators have heard of it";
}

TEST_F(FlushLost, IsToldOfAPartThatNoMirrorIsAboveWithoutARequest) {
    make(linear_node("l0", {disk_node("/c"), two_disks()}));
    world->platter("/c").set_missing(true);
    lose_cache("/c");
    world->platter("/c").set_missing(false);
    EXPECT_TRUE(world->loop.run_until([this] { return head->data_lost != 0; }, minutes(1)));
}

/// What is read there from then on is older.
TEST_F(FlushLost, IsToldOfAPartThatNoMirrorIsAboveWhileTheOthersAreAway) {
    make(linear_node("l0", {disk_node("/c"), two_disks()}));
    set_missing(true);
    world->platter("/c").set_missing(true);
    lose_cache("/c");
    world->loop.run_for(seconds(1));
    world->platter("/c").set_missing(false);
    EXPECT_TRUE(world->loop.run_until([this] { return head->data_lost != 0; }, minutes(1)));
}

/// It is not held any longer, and not to be sent again: that would succeed when the others are back.
TEST_F(FlushLost, FailsThoughOthersAreStillAway) {
    make(linear_node("l0", {disk_node("/c"), two_disks()}));
    set_missing(true);
    world->platter("/c").set_missing(true);
    lose_cache("/c");
    world->loop.run_for(milliseconds(100));
    head->engine->root().submit(flush);
    world->loop.run_for(seconds(1));
    world->platter("/c").set_missing(false);
    ASSERT_TRUE(world->loop.run_until([this] { return head->data_lost != 0; }, minutes(1)));
    EXPECT_FALSE(result) << "the mirror is away";
    ASSERT_TRUE(answered());
    EXPECT_EQ(*result, Errc::io_error);
    set_missing(false);
    EXPECT_TRUE(world->loop.run_until([this] { return world->flush(*head) == Errc::ok; }, minutes(1)));
}

TEST_F(FlushLost, NotWhenAMemberBesideAPartWithoutAMirrorLostIt) {
    make(linear_node("l0", {two_disks(), disk_node("/c")}));
    world->platter("/b").set_missing(true);
    lose_cache("/b");
    world->platter("/b").set_missing(false);
    world->loop.run_for(minutes(1));
    EXPECT_EQ(world->flush(*head), Errc::ok);
    EXPECT_EQ(head->data_lost, 0);
}

TEST_F(FlushLost, ACleanEndFlushesWhatNoMirrorIsAbove) {
    make(linear_node("l0", {two_disks(), disk_node("/c")}));
    const std::uint64_t part = head->engine->geometry().size_bytes - 4096;
    EXPECT_EQ(world->write(*head, part, EngineWorld::pattern(4096, 2)), Errc::ok);
    ASSERT_NE(world->platter("/c").volatile_sectors(), 0u);
    world->close(*head);
    EXPECT_EQ(world->platter("/c").volatile_sectors(), 0u);
}

/// Who is above hears of it before anything else can happen: a flush that is on the way to the gate has no mark there.
TEST_F(FlushLost, IsToldInTheSameTurn) {
    std::optional<int> told;
    for (const spec::Node& tree : {two_disks(), linear_node("l0", {disk_node("/a"), disk_node("/b")})}) {
        make(tree);
        told.reset();
        world->events.on_event = [&](std::string_view id) {
            if (id != "last-member-changed" && id != "writes-lost") return;
            world->loop.defer([&] { told = told.value_or(head->data_lost); });
        };
        set_missing(true);
        for (const char* path : {"/a", "/b"}) lose_cache(path);
        world->loop.run_for(milliseconds(100));
        set_missing(false);
        ASSERT_TRUE(world->loop.run_until([&] { return told.has_value(); }, minutes(1)));
        EXPECT_GE(*told, 1);
        world->events.on_event = nullptr;
    }
}

/// Each may be another initiator's, and one that is sent again says as much as the first.
TEST_F(FlushLost, EachFailsThatIsSentAgain) {
    make(two_disks());
    flush_when_away();
    Request second;
    second.operation = Operation::flush;
    std::optional<Errc> second_result;
    second.owner = &second_result;
    second.done = [](Request& request) { *static_cast<std::optional<Errc>*>(request.owner) = request.result; };
    head->engine->root().submit(second);
    ASSERT_TRUE(answered());
    ASSERT_TRUE(world->loop.run_until([&] { return second_result.has_value(); }, minutes(1)));
    EXPECT_EQ(*result, Errc::not_ready);
    EXPECT_EQ(*second_result, Errc::not_ready);
    set_missing(false);
    ASSERT_TRUE(world->loop.run_until([this] { return head->data_lost != 0; }, minutes(1)));
    EXPECT_EQ(world->flush(*head), Errc::io_error);
    EXPECT_EQ(world->flush(*head), Errc::io_error);
    EXPECT_EQ(world->flush(*head), Errc::ok);
}

/// What was put off before all failed at once is sent again all the same.
TEST_F(FlushLost, FailsWhenItIsSentAgainAfterOthersFailed) {
    make(two_disks());
    flush_when_away();
    ASSERT_TRUE(answered());
    EXPECT_EQ(*result, Errc::not_ready);
    world->loop.run_for(minutes(3));
    EXPECT_EQ(world->flush(*head), Errc::io_error) << "on_loss.give_up";
    set_missing(false);
    ASSERT_TRUE(world->loop.run_until([this] { return head->data_lost != 0; }, minutes(1)));
    world->loop.run_for(seconds(5));
    EXPECT_EQ(world->flush(*head), Errc::io_error);
    EXPECT_EQ(world->flush(*head), Errc::ok);
}

TEST_F(FlushLost, NotWhenNothingWasLost) {
    make(two_disks());
    set_missing(true);
    world->loop.run_for(milliseconds(100));
    head->engine->root().submit(flush);
    world->loop.run_for(seconds(1));
    set_missing(false);
    ASSERT_TRUE(answered());
    EXPECT_EQ(*result, Errc::ok);
    EXPECT_EQ(head->data_lost, 0);
}

TEST_F(FlushLost, NotWhenAMemberIsLeftThatHasIt) {
    make(two_disks());
    world->platter("/b").set_missing(true);
    lose_cache("/b");
    world->platter("/b").set_missing(false);
    EXPECT_EQ(world->flush(*head), Errc::ok);
    EXPECT_TRUE(serves());
}

}  // namespace
}  // namespace dst
