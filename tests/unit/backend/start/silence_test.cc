// Everything below the root hangs, and nobody says so (M10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// A request that may take its time.
struct Order {
    Order(EngineWorld::Head& head, Operation operation, std::uint64_t offset = 0) : bytes(4096) {
        piece = {bytes.data(), bytes.size()};
        request.operation = operation;
        if (operation != Operation::flush) request.extent = {offset, 4096};
        if (operation != Operation::flush) request.pieces = Pieces(&piece, 1);
        request.owner = this;
        request.done = [](Request& ended) { static_cast<Order*>(ended.owner)->done = true; };
        head.engine->root().submit(request);
    }
    Bytes bytes;
    Piece piece;
    Request request;
    bool done = false;
};

struct Silence : testing::Test {
    void serve(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        world->storage.policy.member_timeout = member_timeout;
        world->storage.policy.on_loss.give_up = give_up;
        ASSERT_TRUE(world->init().done);
        world->outermost = outermost;
        head = &world->serve();
        EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    }
    void set_hung(bool hung) {
        for (const char* path : {"/a", "/b"}) world->platter(path).set_hung(hung);
    }
    Order& send(Operation operation, std::uint64_t offset = 0) {
        orders.push_back(std::make_unique<Order>(*head, operation, offset));
        return *orders.back();
    }
    StorageState state() const { return head->engine->status().state; }
    bool held() const { return state() == StorageState::held; }
    std::string reason() const { return head->engine->status().reason; }
    void TearDown() override {
        set_hung(false);
        world.reset();
    }

    seconds member_timeout{8};
    seconds give_up{120};
    bool outermost = true;
    std::vector<std::unique_ptr<Order>> orders;  ///< outlive the world
    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
};

// A local disk ends what it has not answered for 30 s and goes down, before the gate would have cut it here.
TEST_F(Silence, M10WhatALastDiskEndsThatHangsIsToBeSentAgain) {
    member_timeout = seconds(15);
    for (const spec::Node& tree : {disk_node("/a"), mirror_node("m0", {disk_node("/a")}), two_disks()}) {
        serve(tree);
        set_hung(true);
        const Order& write = send(Operation::write);
        const Order& read = send(Operation::read, 8192);
        ASSERT_TRUE(world->loop.run_until([&] { return write.done && read.done; }, seconds(35)));
        EXPECT_EQ(world->events.count("request-stuck"), 0u);
        EXPECT_EQ(write.request.result, Errc::not_ready);
        EXPECT_EQ(read.request.result, Errc::not_ready);
        set_hung(false);
        EXPECT_TRUE(world->loop.run_until([&] { return head->engine->root().up() && !held(); }, seconds(60)));
        EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    }
}

TEST_F(Silence, M10IsHeldSoonAfterMemberTimeoutWhenAllMembersHang) {
    for (const Operation operation : {Operation::write, Operation::read, Operation::flush}) {
        serve(two_disks());
        set_hung(true);
        Order& order = send(operation);
        world->loop.run_for(seconds(7));
        EXPECT_EQ(state(), StorageState::healthy);
        EXPECT_EQ(world->events.count("storage-held"), 0u);
        world->loop.run_for(seconds(2));
        EXPECT_EQ(state(), StorageState::held) << to_string(operation);
        EXPECT_THAT(reason(), HasSubstr("hangs: nothing could be answered for 9 s"));
        EXPECT_EQ(world->events.count("storage-held"), 1u);
        set_hung(false);
        ASSERT_TRUE(world->loop.run_until([&] { return order.done; }, seconds(60)));
        EXPECT_EQ(order.request.result, Errc::ok);
        EXPECT_EQ(state(), StorageState::healthy) << reason();
        EXPECT_EQ(world->events.count("storage-resumed"), 1u);
    }
}

TEST_F(Silence, M10OneThatOneMemberAnswersIsNone) {
    serve(two_disks());
    world->platter("/b").set_hung(true);
    Order& order = send(Operation::write);
    while (!order.done) {
        EXPECT_NE(state(), StorageState::held) << reason();
        world->loop.run_for(milliseconds(100));
    }
    EXPECT_EQ(world->events.count("storage-held"), 0u);
    EXPECT_EQ(world->events.count("member-dropped"), 1u);
}

TEST_F(Silence, M10AnIdleStorageIsNotSilent) {
    serve(two_disks());
    world->loop.run_for(seconds(600));
    EXPECT_EQ(state(), StorageState::healthy);
    set_hung(true);
    world->loop.run_for(seconds(600));
    send(Operation::write);
    world->loop.run_for(seconds(5));
    EXPECT_EQ(state(), StorageState::healthy) << reason();
    EXPECT_EQ(world->events.count("storage-held"), 0u);
}

TEST_F(Silence, M10GiveUpCountsFromTheLastAnswer) {
    serve(two_disks());
    set_hung(true);
    send(Operation::write);
    world->loop.run_for(seconds(119));
    EXPECT_EQ(world->events.count("storage-gave-up"), 0u);
    EXPECT_EQ(state(), StorageState::held);
    world->loop.run_for(seconds(2));
    EXPECT_EQ(state(), StorageState::failed) << reason();
    Order& late = send(Operation::write, 8192);
    world->loop.run_for(seconds(1));
    ASSERT_TRUE(late.done);
    EXPECT_EQ(late.request.result, Errc::io_error);
    set_hung(false);
    world->loop.run_for(seconds(60));
    EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    EXPECT_EQ(state(), StorageState::healthy) << reason();
}

TEST_F(Silence, M10WhatHangsIsCutOffNoLaterThanAllIsToFail) {
    give_up = seconds(20);
    serve(two_disks());
    set_hung(true);
    send(Operation::write);
    // Otherwise it would be after three times member_timeout.
    world->loop.run_for(milliseconds(20500));
    EXPECT_EQ(world->events.count("request-stuck"), 1u);
    EXPECT_EQ(state(), StorageState::failed);
    Order& late = send(Operation::write, 8192);
    world->loop.run_for(seconds(1));
    ASSERT_TRUE(late.done);
    EXPECT_EQ(late.request.result, Errc::io_error);
}

TEST_F(Silence, M10AMemberThatReturnsWhileNothingIsSentEndsTheGivingUp) {
    serve(two_disks());
    for (const char* path : {"/a", "/b"}) world->platter(path).set_missing(true);
    Order& order = send(Operation::write);
    world->loop.run_for(seconds(130));
    ASSERT_TRUE(order.done);
    EXPECT_EQ(state(), StorageState::failed);
    for (const char* path : {"/a", "/b"}) world->platter(path).set_missing(false);
    EXPECT_TRUE(world->loop.run_until([&] { return state() == StorageState::healthy; }, seconds(60))) << reason();
    EXPECT_EQ(world->events.count("storage-resumed"), 1u);
}

TEST_F(Silence, BelowAnotherStorageItIsShownAndNothingIsHeld) {
    outermost = false;
    serve(two_disks());
    set_hung(true);
    send(Operation::write);
    world->loop.run_for(seconds(9));
    EXPECT_EQ(state(), StorageState::degraded);
    EXPECT_THAT(reason(), HasSubstr("nothing below answers"));
    EXPECT_EQ(world->events.count("storage-held"), 0u);
}

}  // namespace
}  // namespace dst
