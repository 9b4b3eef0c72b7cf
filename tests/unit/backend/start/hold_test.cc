#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/layout.h"
#include "media/record_codec.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

/// A read that may take its time.
struct SlowRead {
    explicit SlowRead(EngineWorld::Head& head, std::uint64_t offset = 0) : bytes(4096) {
        piece = {bytes.data(), bytes.size()};
        request.extent = {offset, 4096};
        request.pieces = Pieces(&piece, 1);
        request.owner = this;
        request.done = [](Request& ended) { static_cast<SlowRead*>(ended.owner)->done = true; };
        head.engine->root().submit(request);
    }
    Bytes bytes;
    Piece piece;
    Request request;
    bool done = false;
};

TEST(Hold, JournalSizesTheStorageWhileNoNodeIsThere) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    const Geometry geometry = first.engine->geometry();
    const Id id = first.engine->storage_id();
    world.close(first);
    world.platter("/a").set_missing(true);
    world.platter("/b").set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(1));
    EXPECT_EQ(head.sized, 1);
    EXPECT_EQ(head.engine->geometry().size_bytes, geometry.size_bytes);
    EXPECT_EQ(head.engine->geometry().logical_block_bytes, geometry.logical_block_bytes);
    EXPECT_EQ(head.engine->storage_id(), id);
    EXPECT_TRUE(head.engine->root().up());
    EXPECT_NE(head.engine->status().reason.find("by itself"), std::string::npos);
}

TEST(Hold, M10WhoIsAboveHearsThatTheLastMemberMayHaveLostWrites) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_EQ(head.data_lost, 0);
    world.platter("/a").take_out();
    world.loop.run_for(seconds(1));
    ASSERT_TRUE(world.platter("/a").put_back());
    EXPECT_TRUE(world.loop.run_until([&] { return head.data_lost > 0; }, seconds(30)));
    world.loop.run_for(seconds(5));
    EXPECT_EQ(head.data_lost, 1);
}

TEST(Hold, WithoutAJournalItIsNotSizedBeforeAllAreSeen) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.platter("/b").set_missing(true);
    EngineWorld::Head& head = world.open("another");
    world.loop.run_for(seconds(3));
    EXPECT_EQ(head.sized, 0);
    EXPECT_EQ(head.engine->geometry().size_bytes, 0u);
    EXPECT_EQ(head.engine->status().reason.find("by itself"), std::string::npos) << "it may be given up";
    world.platter("/b").set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(60)));
    EXPECT_EQ(head.sized, 1);
}

TEST(Hold, M10HeldRequestIsAnsweredWhenTheNodesCome) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/a").set_missing(true);
    world.platter("/b").set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(1));
    SlowRead read(head);
    world.loop.run_for(seconds(4));
    EXPECT_FALSE(read.done);
    world.platter("/a").set_missing(false);
    world.platter("/b").set_missing(false);
    EXPECT_TRUE(world.loop.run_until([&] { return read.done; }, seconds(14)));
    EXPECT_EQ(read.request.result, Errc::ok);
}

TEST(Hold, StartThatWaitsSaysSoOnceForEachReason) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.journal().remove();
    world.platter("/b").set_missing(true);
    world.open();
    world.loop.run_for(seconds(20));
    EXPECT_EQ(world.events.count("start-waits"), 1u);
}

TEST(Hold, M10HeldRequestIsNotReadyAfterHold) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/a").set_missing(true);
    world.platter("/b").set_missing(true);
    SlowRead read(head);
    world.loop.run_for(seconds(19));
    EXPECT_FALSE(read.done);
    EXPECT_EQ(head.engine->status().state, StorageState::held);
    world.loop.run_for(seconds(2));
    ASSERT_TRUE(read.done);
    EXPECT_EQ(read.request.result, Errc::not_ready);
}

TEST(Hold, M10AfterGiveUpRequestsFailAtOnceUntilAMemberReturns) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/a").set_missing(true);
    world.platter("/b").set_missing(true);
    SlowRead first(head);
    world.loop.run_for(seconds(121));
    SlowRead late(head);
    world.loop.run_for(seconds(1));
    ASSERT_TRUE(late.done);
    EXPECT_EQ(late.request.result, Errc::io_error);
    EXPECT_EQ(head.engine->status().state, StorageState::failed);
    world.platter("/a").set_missing(false);
    world.platter("/b").set_missing(false);
    world.loop.run_for(seconds(60));
    Bytes bytes(4096);
    EXPECT_EQ(world.read(head, 0, bytes), Errc::ok);
}

TEST(Hold, M10LastMemberIsNeverCalledDirty) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.platter("/a").fail(Operation::write, {0, 8192}, Errc::medium_error, 1);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 2)), Errc::medium_error);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 3)), Errc::ok);
}

TEST(Hold, LinearServesThePartWhoseMirrorIsThere) {
    EngineWorld world(linear_node("l0", {two_disks(), mirror_node("m1", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    const std::uint64_t half = head.engine->geometry().size_bytes / 2;
    world.platter("/c").set_missing(true);
    world.platter("/d").set_missing(true);
    SlowRead lost(head, half);
    Bytes bytes(4096);
    EXPECT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_FALSE(lost.done);
    world.close(head);
    EXPECT_TRUE(lost.done);
}

TEST(Hold, CloseEndsHeldRequests) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/a").set_missing(true);
    world.platter("/b").set_missing(true);
    SlowRead read(head);
    world.loop.run_for(seconds(5));
    world.close(head);
    ASSERT_TRUE(read.done);
    EXPECT_EQ(read.request.result, Errc::cancelled);
}

TEST(Hang, M5DiskThatHangsAtTheStartIsLeftOut) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    EngineWorld::Head& head = world.open();
    // Its label is there; what follows is not answered.
    while (!world.platter("/b").is_open()) world.loop.run_one();
    world.loop.run_for(std::chrono::milliseconds(1));
    world.platter("/b").set_hung(true);
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(60)));
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.platter("/b").set_hung(false);
}

TEST(Hang, M12HungDiskIsDroppedAndTheStorageCarriesOn) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/b").set_hung(true);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_EQ(head.engine->status().tree->children[1].state, VertexState::dirty);
    world.platter("/b").set_hung(false);
}

// A head that is overtaken writes records until it is fenced, and its label stays as it was peeked.
TEST(Epoch, M6ARecordThatChangedSinceItWasReadEndsTheAttempt) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    world.init();
    world.close(world.serve());
    world.journal().set_latency(seconds(1), seconds(1));
    const EngineWorld::Head& head = world.open();
    EXPECT_TRUE(world.loop.run_until([&] { return world.label_of("/a").has_value() && head.sized == 1; }, seconds(5)));
    world.loop.run_for(std::chrono::milliseconds(500));
    sim::SimPlatter& platter = world.platter("/a");
    const MirrorLayout layout = mirror_layout(leaf_size_bytes(platter.geometry().size_bytes), 1u << 20);
    auto newest = decode_record(platter.read(layout.record_copy(0)));
    for (const unsigned copy : {0u, 1u}) {
        const auto found = decode_record(platter.read(layout.record_copy(copy)));
        if (found && (!newest || found->sequence > newest->sequence)) newest = found;
    }
    ++newest->record.revision;
    for (const unsigned copy : {0u, 1u}) {
        platter.write(layout.record_copy(copy).offset, *encode_record(newest->record, newest->sequence + 1));
    }
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(60)));
    EXPECT_EQ(world.events.count("start-again"), 1u);
}

TEST(Epoch, M6AMemberThatLeavesAtTheStartIsFencedAsWell) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    world.init();
    world.crash(world.serve());
    world.platter("/a").power_loss();
    world.serve("head1");
    EXPECT_EQ(world.label_of("/b")->served.number, 2u);
    EXPECT_EQ(world.label_of("/a")->served, world.label_of("/b")->served);
}

// The label of /b has the second attempt's epoch, and its leaf still names the first one's.
TEST(Epoch, M6AStartThatBeginsAgainIsNotFencedByItsOwnPromise) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    world.init();
    world.platter("/a").fail(Operation::flush, {}, Errc::io_error, 1);
    const EngineWorld::Head& head = world.open();
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(60)));
    world.platter("/b").fail(Operation::flush, {}, Errc::io_error, 1);
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 2; }, seconds(60)));
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(60)));
}

TEST(Epoch, M6AnotherHeadTakesAHigherEpochAndMarksItServed) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    world.close(first);
    EngineWorld::Head& second = world.serve("head1");
    EXPECT_EQ(second.engine->status().epoch, 2u);
    const auto label = world.label_of("/a");
    ASSERT_TRUE(label);
    EXPECT_EQ(label->served.number, 2u);
    EXPECT_EQ(label->promised, label->served);
}

TEST(Epoch, M5EveryStartTakesAHigherEpoch) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
        EngineWorld::Head& head = world.serve();
        EXPECT_EQ(head.engine->status().epoch, epoch);
        world.close(head);
    }
}

}  // namespace
}  // namespace dst
