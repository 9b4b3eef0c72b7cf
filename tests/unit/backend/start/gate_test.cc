// The root of a tree that is a node of another storage.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What is above hears.
struct Above : BlockDevice::Observer {
    explicit Above(EngineWorld::Head& head) : root(head.engine->root()) { root.set_observer(this); }
    ~Above() override { root.set_observer(nullptr); }
    void on_up(BlockDevice& device) override {
        ++ups;
        incarnation = device.incarnation();
    }
    void on_down(BlockDevice&, const Error& why) override {
        ++downs;
        reason = why;
    }
    BlockDevice& root;
    int ups = 0;
    int downs = 0;
    Incarnation incarnation;
    Error reason;
};

/// A request that may take its time.
struct Order {
    Order(EngineWorld::Head& head, Operation operation, std::uint64_t offset = 0) : bytes(4096) {
        piece = {bytes.data(), bytes.size()};
        request.operation = operation;
        request.extent = {offset, 4096};
        request.pieces = Pieces(&piece, 1);
        request.owner = this;
        request.done = [](Request& ended) { static_cast<Order*>(ended.owner)->done = true; };
        head.engine->root().submit(request);
    }
    Bytes bytes;
    Piece piece;
    Request request;
    bool done = false;
};

struct Below : testing::Test {
    EngineWorld& served(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        EXPECT_TRUE(world->init().done);
        world->outermost = false;
        head = &world->serve();
        above = std::make_unique<Above>(*head);
        return *world;
    }
    void set_missing(bool missing) {
        for (const char* path : {"/a", "/b"}) world->platter(path).set_missing(missing);
    }
    bool comes(const std::function<bool()>& what, Duration limit) { return world->loop.run_until(what, limit); }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    std::unique_ptr<Above> above;

    void TearDown() override {
        above.reset();
        world.reset();
    }
};

TEST_F(Below, M10LossOfTheLastMemberIsReportedAtOnce) {
    served(two_disks());
    set_missing(true);
    world->loop.run_for(milliseconds(100));
    EXPECT_EQ(above->downs, 1);
    EXPECT_EQ(above->reason.code, Errc::disconnected);
    EXPECT_FALSE(head->engine->root().up());
}

TEST_F(Below, M10LossOfABareLeafIsReportedAtOnce) {
    served(disk_node("/a"));
    world->platter("/a").set_missing(true);
    world->loop.run_for(milliseconds(100));
    EXPECT_EQ(above->downs, 1);
    EXPECT_FALSE(head->engine->root().up());
}

TEST_F(Below, M10LossOfAPartOfALinearIsReportedAtOnce) {
    served(linear_node("l0", {disk_node("/a"), disk_node("/b")}));
    world->platter("/b").set_missing(true);
    world->loop.run_for(milliseconds(100));
    EXPECT_EQ(above->downs, 1);
    EXPECT_FALSE(head->engine->root().up());
}

TEST_F(Below, M10RequestsWhileItIsDownAreNotHeld) {
    served(two_disks());
    set_missing(true);
    world->loop.run_for(milliseconds(100));
    Order order(*head, Operation::read);
    world->loop.run_for(milliseconds(1));
    ASSERT_TRUE(order.done);
    EXPECT_EQ(order.request.result, Errc::disconnected);
}

TEST_F(Below, M10UnansweredRequestsAreNotHeld) {
    served(two_disks());
    for (const char* path : {"/a", "/b"}) world->platter(path).set_latency(seconds(1), seconds(1));
    Order read(*head, Operation::read);
    Order write(*head, Operation::write, 8192);
    Order behind(*head, Operation::write, 8192);
    world->loop.run_for(milliseconds(10));
    set_missing(true);
    ASSERT_TRUE(comes([&] { return read.done && write.done && behind.done; }, seconds(4)));
    for (const Order* order : {&read, &write, &behind}) EXPECT_EQ(order->request.result, Errc::disconnected);
}

struct Outermost : Below {
    void serve_outermost(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        EXPECT_TRUE(world->init().done);
        head = &world->serve();
    }
    std::size_t told(std::string_view id) const { return world->events.count(id); }
};

TEST_F(Outermost, M10TellsThatItHoldsAndThatItGoesOn) {
    serve_outermost(two_disks());
    set_missing(true);
    Order order(*head, Operation::write);
    world->loop.run_for(seconds(5));
    EXPECT_FALSE(order.done);
    EXPECT_EQ(told("storage-held"), 1u);
    EXPECT_EQ(told("storage-resumed"), 0u);
    set_missing(false);
    ASSERT_TRUE(comes([&] { return order.done; }, seconds(15)));
    EXPECT_EQ(order.request.result, Errc::ok);
    EXPECT_EQ(told("storage-held"), 1u);
    EXPECT_EQ(told("storage-resumed"), 1u);
}

// Its parts are there before it is.
TEST_F(Outermost, M10HeldRequestIsTriedAgainAsSoonAsALinearIsBack) {
    serve_outermost(mirror_node("m0", {linear_node("l0", {disk_node("/a")}), linear_node("l1", {disk_node("/b")})}));
    set_missing(true);
    Order order(*head, Operation::read);
    world->loop.run_for(seconds(5));
    world->platter("/a").set_missing(false);
    ASSERT_TRUE(comes([&] { return told("member-back") > 0; }, seconds(15)));
    EXPECT_TRUE(comes([&] { return order.done; }, milliseconds(20)));
}

TEST_F(Outermost, M10TellsOnceThatItGivesUpAndThatItGoesOn) {
    serve_outermost(two_disks());
    set_missing(true);
    Order first(*head, Operation::write);
    world->loop.run_for(seconds(117));
    EXPECT_TRUE(first.done);
    EXPECT_EQ(told("storage-gave-up"), 0u);
    EXPECT_NE(head->engine->status().reason.find("; requests wait"), std::string::npos);
    Order held(*head, Operation::write);
    world->loop.run_for(seconds(6));
    ASSERT_TRUE(held.done);
    EXPECT_EQ(held.request.result, Errc::io_error);
    Order late(*head, Operation::read);
    ASSERT_TRUE(comes([&] { return late.done; }, seconds(1)));
    EXPECT_EQ(told("storage-gave-up"), 1u);
    EXPECT_NE(head->engine->status().reason.find(", so that requests fail"), std::string::npos);
    set_missing(false);
    world->loop.run_for(seconds(60));
    Order last(*head, Operation::read);
    ASSERT_TRUE(comes([&] { return last.done; }, seconds(20)));
    EXPECT_EQ(last.request.result, Errc::ok);
    EXPECT_EQ(told("storage-resumed"), 1u);
}

TEST_F(Outermost, ALinearThatLostAPartTellsItOnce) {
    serve_outermost(linear_node("l0", {disk_node("/a"), disk_node("/b")}));
    world->platter("/a").set_missing(true);
    for (int i = 0; i < 5; ++i) {
        Order lost(*head, Operation::read);
        world->loop.run_for(milliseconds(200));
        Order there(*head, Operation::read, head->engine->root().geometry().size_bytes - 4096);
        ASSERT_TRUE(comes([&] { return there.done; }, seconds(5)));
        EXPECT_EQ(there.request.result, Errc::ok);
        ASSERT_TRUE(comes([&] { return lost.done; }, seconds(40)));
        EXPECT_EQ(lost.request.result, Errc::not_ready);
    }
    EXPECT_EQ(told("storage-held"), 1u);
    EXPECT_EQ(told("storage-resumed"), 0u);
    world->platter("/a").set_missing(false);
    world->loop.run_for(seconds(60));
    Order last(*head, Operation::read);
    ASSERT_TRUE(comes([&] { return last.done; }, seconds(20)));
    EXPECT_EQ(last.request.result, Errc::ok);
    EXPECT_EQ(told("storage-resumed"), 1u);
}

TEST_F(Outermost, M10GivingUpALostPartOfALinearIsToldOfThatPartOnly) {
    serve_outermost(linear_node("l0", {disk_node("/a"), disk_node("/b")}));
    const std::uint64_t end = head->engine->root().geometry().size_bytes;
    world->platter("/a").set_missing(true);
    world->loop.run_for(seconds(1));
    for (int i = 0; i < 7; ++i) {
        Order lost(*head, Operation::read);
        ASSERT_TRUE(comes([&] { return lost.done; }, seconds(25)));
    }
    ASSERT_EQ(told("storage-gave-up"), 1u);
    const auto line = [&](std::string_view id) {
        for (const auto& entry : world->events.entries) {
            if (entry.id == id) return entry.line;
        }
        return std::string();
    };
    EXPECT_NE(line("storage-held").find("for a part of the storage"), std::string::npos);
    EXPECT_NE(line("storage-gave-up").find("the part of the storage that is lost"), std::string::npos);
    EXPECT_EQ(line("storage-gave-up").find("all requests"), std::string::npos);
    EXPECT_NE(head->engine->status().reason.find("the other parts serve"), std::string::npos);
    Bytes bytes(4096);
    EXPECT_EQ(world->read(*head, end - 4096, bytes), Errc::ok);
}

TEST_F(Below, StaysUpWhileAMemberIsLeft) {
    served(two_disks());
    world->platter("/b").set_missing(true);
    EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_EQ(above->downs, 0);
}

TEST_F(Below, ComesUpAgainWithTheTree) {
    served(two_disks());
    const Incarnation before = head->engine->root().incarnation();
    set_missing(true);
    world->loop.run_for(seconds(130));
    EXPECT_EQ(above->downs, 1);
    set_missing(false);
    ASSERT_TRUE(comes([&] { return above->ups == 1; }, seconds(60)));
    EXPECT_EQ(above->incarnation, before);
    EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
}

TEST_F(Below, M14ChangedIncarnationOfABareLeafIsToldByGoingDown) {
    served(disk_node("/a"));
    const Incarnation before = head->engine->root().incarnation();
    world->platter("/a").fail(Operation::flush, {0, ~0ull}, Errc::io_error, 1);
    EXPECT_NE(world->flush(*head), Errc::ok);
    ASSERT_TRUE(comes([&] { return above->ups == 1; }, seconds(60)));
    EXPECT_EQ(above->downs, 1);
    EXPECT_NE(above->incarnation, before);
    EXPECT_EQ(head->engine->root().incarnation(), above->incarnation);
}

TEST_F(Below, M14ChangedIncarnationOfTheLastMemberIsToldByGoingDown) {
    served(mirror_node("m0", {disk_node("/a")}));
    const Incarnation before = head->engine->root().incarnation();
    world->platter("/a").fail(Operation::flush, {0, ~0ull}, Errc::io_error, 1);
    EXPECT_NE(world->flush(*head), Errc::ok);
    ASSERT_TRUE(comes([&] { return above->ups == 1; }, seconds(60)));
    EXPECT_EQ(above->downs, 1);
    EXPECT_NE(above->incarnation, before);
}

TEST_F(Below, IsDownUntilTheTreeServes) {
    served(two_disks());
    above.reset();
    world->close(*head);
    set_missing(true);
    EngineWorld::Head& next = world->open();
    above = std::make_unique<Above>(next);
    world->loop.run_for(seconds(2));
    EXPECT_EQ(next.sized, 1);
    EXPECT_FALSE(next.engine->root().up());
    EXPECT_EQ(above->ups, 0);
    set_missing(false);
    ASSERT_TRUE(comes([&] { return next.serving == 1; }, seconds(60)));
    EXPECT_EQ(above->ups, 1);
    EXPECT_TRUE(next.engine->root().up());
}

TEST_F(Below, StatusSaysThatItIsDown) {
    served(two_disks());
    set_missing(true);
    world->loop.run_for(milliseconds(100));
    EXPECT_EQ(head->engine->status().state, StorageState::failed);
    EXPECT_NE(head->engine->status().reason.find("down until one returns"), std::string::npos);
}

TEST_F(Below, ClosesWhileItIsDown) {
    served(two_disks());
    set_missing(true);
    world->loop.run_for(seconds(1));
    above.reset();
    world->close(*head);
}

// What is above would take `fenced` for a refusal of its own.
TEST_F(Below, M6IsDownForGoodWhenFencedAndOnlyLostForWhatIsAbove) {
    served(disk_node("/a"));
    world->platter("/a").fail(Operation::read, {0, 4096}, Errc::fenced, 1);
    Bytes bytes(4096);
    EXPECT_EQ(world->read(*head, 0, bytes), Errc::disconnected);
    world->loop.run_for(seconds(5));
    EXPECT_EQ(above->downs, 1);
    EXPECT_EQ(above->reason.code, Errc::fenced);
    EXPECT_EQ(head->engine->status().state, StorageState::fenced);
    EXPECT_EQ(world->read(*head, 0, bytes), Errc::disconnected);
}

}  // namespace
}  // namespace dst
