#include <gtest/gtest.h>

#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// So much is compared at once, and written again.
constexpr std::size_t compared = 1u << 20;
constexpr std::size_t rewritten = 128u << 10;
constexpr auto any = spec::ReadPreference::automatic;

std::size_t count(const FakeDevice& device, Operation operation) {
    std::size_t found = 0;
    for (const auto& [done, extent] : device.log) found += done == operation ? 1 : 0;
    return found;
}

void differ(MirrorWorld& world) {
    world.device(0).put(compared + 4096, filled(512, 1));
    world.device(1).put(compared + 4096, filled(512, 2));
}

TEST(MirrorReconcile, M4CopiesThatDifferAreEqualAfterAWhile) {
    MirrorWorld world(2, any, differ);
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
    EXPECT_EQ(world.mirror->degraded(), false);
}

/// What was written to the data of one since its log was cleared.
std::vector<Extent> written(MirrorWorld& world, std::size_t index) {
    std::vector<Extent> extents;
    for (const auto& [operation, extent] : world.device(index).log) {
        if (operation == Operation::write && extent.offset < 4 * compared) extents.push_back(extent);
    }
    return extents;
}

/// All of the second MiB.
void differ_all_over(MirrorWorld& world) {
    for (std::uint64_t i = 0; i < 8; ++i) world.device(0).put(compared + i * rewritten, filled(512, 1));
}

TEST(MirrorReconcile, M4OnlyWhatDiffersIsWritten) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ(started);
        started.device(0).put(compared + 5 * rewritten, filled(512, 1));
        for (const auto& device : started.devices) device->log.clear();
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
    const std::vector<Extent> both{{compared, rewritten}, {compared + 5 * rewritten, rewritten}};
    EXPECT_EQ(written(world, 0), both);
    EXPECT_EQ(written(world, 1), both);
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
}

/// Over a slow way the rest may take longer than the time after which what hangs is cut off.
TEST(MirrorReconcile, M4AReadWaitsForWhatItReads) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ_all_over(started);
        // The background makes a pause.
        started.device(1).fail(Operation::checksum, Errc::medium_error);
        for (const auto& device : started.devices) device->fail(Operation::read, Errc::medium_error);
        started.loop.run_for(milliseconds(10));
        for (const auto& device : started.devices) device->log.clear();
        TestRequest read(Operation::read, {compared + 3 * rewritten - 512, 1024});
        EXPECT_EQ(run(started.loop, *started.mirror, read), Errc::ok);
        const std::vector<Extent> its{{compared + 2 * rewritten, rewritten}, {compared + 3 * rewritten, rewritten}};
        EXPECT_EQ(written(started, 0), its);
        EXPECT_EQ(written(started, 1), its);
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
}

TEST(MirrorReconcile, TheBackgroundLetsOthersInAfterEachPieceThatItWrites) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        for (const std::uint64_t i : {4, 7}) started.device(0).put(i * rewritten, filled(512, 1));
    });
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    ASSERT_EQ(world.device(1).held_request(0).extent, (Extent{4 * rewritten, rewritten}));
    world.device(1).hold_no_more();
    TestRequest beside = write_of(6 * rewritten, 9);
    beside.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_FALSE(beside.done) << "what was compared together is locked";
    world.device(0).log.clear();
    world.device(1).answer();
    ASSERT_TRUE(world.loop.run_until([&] { return beside.done; }, seconds(5)));
    EXPECT_EQ(written(world, 0), (std::vector<Extent>{{6 * rewritten, 4096}}));
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
    EXPECT_EQ(world.device(1).bytes(6 * rewritten, 4096), filled(4096, 9));
}

/// Else a read that is cut off again and again would begin again and again.
TEST(MirrorReconcile, WhatWasMadeEqualStaysSoWhenTheRestCannotBe) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ_all_over(started);
        started.device(1).fail(Operation::checksum, Errc::medium_error);
        for (const auto& device : started.devices) device->fail(Operation::read, Errc::medium_error);
        started.loop.run_for(milliseconds(10));
        TestRequest read(Operation::read, {compared, 4 * rewritten});
        read.submit(*started.mirror);
        for (std::uint64_t i = 0; i < 2; ++i) {
            ASSERT_TRUE(hold_before(started, 1, Operation::write));
            ASSERT_EQ(started.device(1).held_request(0).extent, (Extent{compared + i * rewritten, rewritten}));
            if (i == 0) started.device(1).answer();
        }
        for (const auto& device : started.devices) device->go_down();
        ASSERT_TRUE(started.loop.run_until([&] { return read.done; }, seconds(20)));
        EXPECT_EQ(read.result(), Errc::disconnected);
        started.device(1).release();
        for (const auto& device : started.devices) {
            device->log.clear();
            device->go_up();
        }
        TestRequest again(Operation::read, {compared, 4 * rewritten});
        EXPECT_EQ(run(started.loop, *started.mirror, again), Errc::ok);
        const std::vector<Extent> rest = written(started, 0);
        ASSERT_FALSE(rest.empty());
        for (const Extent& extent : rest) EXPECT_GE(extent.offset, compared + rewritten);
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
}

TEST(MirrorReconcile, M4WhatNobodyCanReadKeepsNothingElseFromBeingMadeEqual) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ_all_over(started);
        for (const auto& device : started.devices) device->spoil({compared + rewritten, 512});
    });
    world.loop.run_for(seconds(30));
    EXPECT_EQ(world.device(0).bytes(compared, rewritten), world.device(1).bytes(compared, rewritten));
    EXPECT_EQ(world.device(0).bytes(compared + 2 * rewritten, 6 * rewritten),
              world.device(1).bytes(compared + 2 * rewritten, 6 * rewritten));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 0u);
}

TEST(MirrorReconcile, WhatDiffersAllOverIsComparedTwiceAtMost) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ_all_over(started);
        for (const auto& device : started.devices) device->log.clear();
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(written(world, 0).size(), 8u);
    EXPECT_LE(checked_bytes(world.device(0)), 5 * compared);
}

/// Who answers late may have to make equal, below, what it is asked for.
TEST(MirrorReconcile, WhatTakesLongIsComparedAPieceAtATime) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        for (std::uint64_t i = 0; i < 6; ++i) {
            ASSERT_TRUE(hold_before(started, 1, Operation::checksum)) << i;
            const std::uint64_t pieces = i < 4 ? 1 : 8;
            const std::uint64_t first = i < 4 ? i : 4 + 8 * (i - 4);
            EXPECT_EQ(started.device(1).held_request(0).extent, (Extent{first * rewritten, pieces * rewritten}));
            started.loop.run_for(milliseconds(i < 3 ? 200 : 10));
            started.device(1).answer();
        }
        started.device(1).release();
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
}

/// Each may have lost something else of it since.
TEST(MirrorReconcile, M4AFlushThatFailsOnAllMeanwhileHasItComparedAgain) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        ASSERT_TRUE(hold_before(started, 1, Operation::checksum));
        started.device(1).hold_no_more();
        for (const auto& device : started.devices) device->fail(Operation::flush, Errc::medium_error);
        EXPECT_EQ(flush(started.loop, *started.mirror), Errc::medium_error);
        // It was read before.
        started.device(1).answer();
        started.device(1).put(4096, filled(512, 5));
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
}

TEST(MirrorReconcile, M4EqualCopiesAreComparedAndNotWritten) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        for (const auto& device : started.devices) device->log.clear();
    });
    world.loop.run_for(seconds(5));
    // Of 32 pieces the first one alone.
    EXPECT_EQ(count(world.device(0), Operation::checksum), 5u);
    EXPECT_EQ(count(world.device(1), Operation::checksum), 5u);
    for (const auto& device : world.devices) {
        for (const auto& [operation, extent] : device->log) {
            EXPECT_FALSE(operation == Operation::write && extent.offset < 4 * compared);
        }
    }
}

TEST(MirrorReconcile, M4AReadIsAnsweredWhenAllHaveWhatItReturns) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ(started);
        started.device(1).hold();
        TestRequest request(Operation::read, {compared + 4096, 512});
        request.submit(*started.mirror);
        started.loop.run_for(seconds(1));
        EXPECT_FALSE(request.done) << "before it knew what the other one has";
        started.device(1).release();
        EXPECT_TRUE(started.loop.run_until([&] { return request.done; }, seconds(5)));
        EXPECT_EQ(request.result(), Errc::ok);
        EXPECT_EQ(started.device(0).bytes(compared + 4096, 512), request.bytes);
        EXPECT_EQ(started.device(1).bytes(compared + 4096, 512), request.bytes);
    });
}

TEST(MirrorReconcile, M4AMemberThatDoesNotTakeTheRepairIsDroppedBeforeTheReadIsAnswered) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ(started);
        started.device(1).fail(Operation::write, Errc::medium_error, 100);
    });
    world.hold_journal = true;
    TestRequest request(Operation::read, {compared + 4096, 512});
    request.submit(*world.mirror);
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(request.done);
    world.release_journal();
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(5)));
    EXPECT_EQ(request.bytes, world.device(0).bytes(compared + 4096, 512));
    EXPECT_EQ(world.events.count("member-dropped"), 1u);
}

TEST(MirrorReconcile, M4AWriteThatFailedOnAllIsReconciled) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    for (const auto& device : world.devices) device->fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 4)), Errc::medium_error);
    // It may have been carried out, whatever it answered.
    world.device(1).put(0, filled(4096, 4));
    TestRequest request(Operation::read, {0, 4096});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    EXPECT_EQ(request.bytes, world.device(0).bytes(0, 4096));
    EXPECT_EQ(request.bytes, world.device(1).bytes(0, 4096));
}

/// Equal checksums say nothing when one of them was not answered.
TEST(MirrorReconcile, M4WhatCannotBeComparedIsWritten) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        for (const auto& device : started.devices) device->fail(Operation::checksum, Errc::medium_error, 4);
        differ(started);
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
    EXPECT_EQ(world.device(0).bytes(0, 4 * compared), world.device(1).bytes(0, 4 * compared));
}

/// A read that makes its whole piece equal keeps writes of that out, also where it does not read.
TEST(MirrorReconcile, M11AWriteBesideAReadThatReconcilesIsNotOverwritten) {
    MirrorWorld world(2, any, [](MirrorWorld& started) {
        differ(started);
        // The background, which would keep writes out as well, fails at the first piece and makes a pause.
        started.device(1).fail(Operation::checksum, Errc::medium_error);
        for (const auto& device : started.devices) device->fail(Operation::read, Errc::medium_error);
        started.loop.run_for(milliseconds(10));
        TestRequest read(Operation::read, {compared + 4096, 512});
        read.submit(*started.mirror);
        ASSERT_TRUE(hold_before(started, 1, Operation::write));
        ASSERT_EQ(started.device(1).held_request(0).extent, (Extent{compared, 128u << 10}));
        started.device(1).hold_no_more();
        TestRequest beside = write_of(compared + 65536, 9);
        beside.submit(*started.mirror);
        started.loop.run_for(milliseconds(10));
        EXPECT_FALSE(beside.done);
        started.device(1).release();
        ASSERT_TRUE(started.loop.run_until([&] { return read.done && beside.done; }, seconds(5)));
        EXPECT_EQ(beside.result(), Errc::ok);
    });
    for (const auto& device : world.devices) {
        EXPECT_EQ(device->bytes(compared + 65536, 4096), filled(4096, 9));
    }
}

/// Reads of a piece whose copies may differ: each returns what the first one did, and all members have it.
void expect_one_value(MirrorWorld& world, const Extent& extent) {
    Bytes first;
    for (int i = 0; i < 8; ++i) {
        TestRequest request(Operation::read, extent);
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
        if (i == 0) first = request.bytes;
        EXPECT_EQ(request.bytes, first) << i;
    }
    for (std::size_t i = 0; i < world.devices.size(); ++i) {
        EXPECT_TRUE(world.in_sync(i));
        EXPECT_EQ(world.device(i).bytes(extent.offset, extent.length), first) << i;
    }
}

/// Each may have lost something else of what was not durable.
TEST(MirrorReconcile, M4AFlushThatFailedOnAllMakesWhatWasWrittenBeforeItUnreconciled) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    for (const auto& device : world.devices) device->fail(Operation::flush, Errc::medium_error);
    EXPECT_EQ(flush(world.loop, *world.mirror), Errc::medium_error);
    world.device(1).put(0, filled(4096, 0));
    expect_one_value(world, {0, 4096});
}

/// The background has been past it.
TEST(MirrorReconcile, M4WhatNobodyReadsIsReconciledWhereverItLies) {
    MirrorWorld world;
    for (const std::uint64_t offset : {3 * compared, compared}) {
        ASSERT_EQ(write(world.loop, *world.mirror, offset, filled(4096, 3)), Errc::ok);
        for (const auto& device : world.devices) device->fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, offset, filled(4096, 4)), Errc::medium_error);
        world.device(1).put(offset, filled(4096, 4));
        world.loop.run_for(seconds(5));
        EXPECT_EQ(world.device(0).bytes(offset, 4096), world.device(1).bytes(offset, 4096)) << offset;
    }
}

/// The one that has it was away when it was judged, and comes back having missed nothing.
TEST(MirrorReconcile, M4AWriteThatOnlyOneHasThatWasAwayIsReconciled) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).hold();
    TestRequest request = write_of(0, 8);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(1));
    world.device(1).go_down();
    world.device(0).hold_no_more();
    world.device(0).answer(Errc::medium_error);
    ASSERT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::disconnected);
    ASSERT_NE(world.device(0).bytes(0, 4096), world.device(1).bytes(0, 4096));
    world.device(1).go_up();
    expect_one_value(world, {0, 4096});
}

/// No record could be written without the one that lacks it, and so it is in use again.
TEST(MirrorReconcile, M4AWriteThatOneLacksThatIsTakenBackIsReconciled) {
    MirrorWorld world;
    ASSERT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.fail_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 8)), Errc::io_error);
    ASSERT_NE(world.device(0).bytes(0, 4096), world.device(1).bytes(0, 4096));
    world.fail_journal = false;
    for (const auto& device : world.devices) device->go_down();
    world.device(1).go_up();
    ASSERT_EQ(world.events.count("member-taken-back"), 1u);
    world.device(0).go_up();
    expect_one_value(world, {0, 4096});
}

TEST(MirrorReconcile, M4AWriteMeanwhileStays) {
    MirrorWorld world(2, any, differ);
    EXPECT_EQ(write(world.loop, *world.mirror, compared + 4096, filled(512, 9)), Errc::ok);
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(compared + 4096, 512), filled(512, 9));
    EXPECT_EQ(world.device(1).bytes(compared + 4096, 512), filled(512, 9));
}

TEST(MirrorReconcile, ACleanEndBeforeItIsDoneLeavesTheIntentBits) {
    for (const bool done : {false, true}) {
        MirrorWorld world(2, any, [done](MirrorWorld& started) {
            differ(started);
            if (!done) started.device(1).fail(Operation::checksum, Errc::disconnected, 1000);
            if (!done) started.device(0).fail(Operation::read, Errc::disconnected, 1000);
            if (!done) started.device(1).fail(Operation::read, Errc::disconnected, 1000);
        });
        world.loop.run_for(seconds(3));
        bool settled = false;
        world.mirror->settle([&](const Result<void>& result) { settled = result.has_value(); });
        ASSERT_TRUE(world.loop.run_until([&] { return settled; }, seconds(5)));
        world.mirror->stop();
        world.loop.run_for(seconds(1));
        for (const auto& device : world.devices) device->clear_failures();
        std::optional<bool> set;
        world.mirror->metadata(0).read_intent_map(world.mirror->record(), [&](const Result<RegionMap>& map) {
            ASSERT_TRUE(map);
            set = map->any();
        });
        world.loop.run_for(seconds(1));
        EXPECT_EQ(set, std::optional<bool>(!done));
    }
}

TEST(MirrorReconcile, M10AllThatCameBackChangedAreReconciled) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 3)), Errc::ok);
    for (const auto& device : world.devices) {
        device->go_down();
        device->change_incarnation();
    }
    world.device(1).put(0, filled(4096, 0));
    world.loop.run_for(milliseconds(10));
    for (const auto& device : world.devices) device->go_up();
    world.loop.run_for(seconds(10));
    ASSERT_TRUE(world.mirror->up());
    EXPECT_EQ(world.device(0).bytes(0, 4096), world.device(1).bytes(0, 4096));
}

}  // namespace
}  // namespace dst
