#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Extent place{8192, 4096};

/// A mirror that reads from its first member, which cannot read `place`. The disks write whole blocks of 4096 bytes,
/// and take smaller ones.
class RepairWorld : public MirrorWorld {
public:
    explicit RepairWorld(std::size_t members = 2) : MirrorWorld(members, spec::ReadPreference::prefer) {
        for (const auto& one : devices) one->geometry_.physical_block_bytes = 4096;
        start_again();
        EXPECT_EQ(write(loop, *mirror, place.offset, filled(place.length, 7)), Errc::ok);
        device(0).spoil(place);
        for (const auto& one : devices) one->log.clear();
    }

    Errc read(const Extent& extent) {
        TestRequest request(Operation::read, extent);
        const Errc code = run(loop, *mirror, request);
        EXPECT_TRUE(code != Errc::ok || request.bytes == Bytes(extent.length, std::byte{7}));
        return code;
    }

    std::size_t writes(std::size_t index) {
        std::size_t found = 0;
        for (const auto& [operation, extent] : device(index).log) {
            found += operation == Operation::write && extent.overlaps(place) ? 1 : 0;
        }
        return found;
    }
};

TEST(MirrorRepair, M9WhatCouldNotBeReadIsWrittenBack) {
    RepairWorld world;
    EXPECT_EQ(world.read(place), Errc::ok);
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.writes(0), 1u);
    EXPECT_EQ(world.events.count("member-repaired"), 1u);
    TestRequest again(Operation::read, place);
    EXPECT_EQ(run(world.loop, world.device(0), again), Errc::ok);
    EXPECT_EQ(again.bytes, filled(place.length, 7));
    EXPECT_TRUE(world.in_sync(0));
}

TEST(MirrorRepair, M9WholePhysicalBlocksAreWrittenBack) {
    RepairWorld world;
    EXPECT_EQ(world.read({place.offset + 512, 1024}), Errc::ok);
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.mirror->geometry().logical_block_bytes, 512u);
    std::vector<Extent> written;
    for (const auto& [operation, extent] : world.device(0).log) {
        if (operation == Operation::write && extent.overlaps(place)) written.push_back(extent);
    }
    EXPECT_EQ(written, std::vector{place});
}

/// Whoever wants something of it meanwhile waits for one piece, not for all.
TEST(MirrorRepair, M9MuchIsWrittenBackInPieces) {
    RepairWorld world;
    const Extent much{0, 1u << 20};
    world.device(0).spoil(much);
    TestRequest read(Operation::read, much);
    EXPECT_EQ(run(world.loop, *world.mirror, read), Errc::ok);
    world.device(0).hold();
    ASSERT_TRUE(world.loop.run_until([&] { return world.device(0).held() == 1; }, seconds(1)));
    TestRequest beside = write_of(much.length / 2, 9);
    beside.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.device(0).held(), 2u) << "it does not wait";
    world.device(0).release();
    world.loop.run_for(seconds(1));
    EXPECT_TRUE(beside.done);
    TestRequest again(Operation::read, much);
    EXPECT_EQ(run(world.loop, world.device(0), again), Errc::ok) << "all of it is written back";
    EXPECT_EQ(world.device(0).bytes(beside.request.extent.offset, 4096), filled(4096, 9));
    EXPECT_EQ(world.events.count("member-repaired"), 1u);
}

TEST(MirrorRepair, M9ItsIntentIsDurableFirst) {
    RepairWorld world;
    world.loop.run_for(seconds(30));  // idle: the bit that the write had set is clear
    for (const auto& device : world.devices) device->log.clear();
    EXPECT_EQ(world.read(place), Errc::ok);
    world.loop.run_for(milliseconds(10));
    std::vector<Extent> written;
    for (const auto& [operation, extent] : world.device(1).log) {
        if (operation == Operation::write) written.push_back(extent);
    }
    ASSERT_EQ(written.size(), 2u);
    EXPECT_GE(written[0].offset, world.mirror->geometry().size_bytes) << "a map slot";
    EXPECT_EQ(written[1], place);
}

TEST(MirrorRepair, M9AWriteThatComesFirstIsNotOverwritten) {
    RepairWorld world;
    TestRequest read(Operation::read, place);
    world.device(1).hold();
    read.submit(*world.mirror);
    TestRequest newer(Operation::write, place, filled(place.length, 9));
    newer.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(1).release();
    EXPECT_TRUE(world.loop.run_until([&] { return read.done && newer.done; }, seconds(1)));
    EXPECT_EQ(read.bytes, filled(place.length, 7));
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.device(0).bytes(place.offset, place.length), filled(place.length, 9));
    EXPECT_EQ(world.device(1).bytes(place.offset, place.length), filled(place.length, 9));
}

TEST(MirrorRepair, M9AMemberThatDoesNotTakeItIsDropped) {
    RepairWorld world(3);
    world.device(0).fail(Operation::write, Errc::medium_error);
    world.loop.run_for(milliseconds(1));
    EXPECT_EQ(world.read(place), Errc::ok);
    EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("member-dropped") == 1; }, seconds(1)));
    EXPECT_FALSE(world.in_sync(0));
    EXPECT_TRUE(world.in_sync(1));
    EXPECT_TRUE(world.in_sync(2));
}

TEST(MirrorRepair, WhatNobodyCanReadIsLeftAlone) {
    RepairWorld world;
    world.device(1).spoil(place);
    EXPECT_EQ(world.read(place), Errc::medium_error);
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.writes(0), 0u);
    EXPECT_EQ(world.writes(1), 0u);
}

TEST(MirrorRepair, TheSamePlaceIsRepairedOnceAtATime) {
    RepairWorld world;
    world.device(1).hold();
    std::vector<std::unique_ptr<TestRequest>> reads;
    for (int i = 0; i < 8; ++i) {
        reads.push_back(std::make_unique<TestRequest>(Operation::read, place));
        reads.back()->submit(*world.mirror);
    }
    world.loop.run_for(milliseconds(10));
    world.device(1).release();
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.writes(0), 1u);
}

}  // namespace
}  // namespace dst
