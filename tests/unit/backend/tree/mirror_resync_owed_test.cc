// What a resync does about regions that change, or cannot be read, while they are copied.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// As much was copied as may wait for a flush, and then all of it changed on the source alone.
TEST(MirrorResyncOwed, M8WhatIsOwedOnceMoreDoesNotWaitForAFlush) {
    constexpr std::uint64_t regions = 260;
    MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, regions * region);
    drop(world);
    world.device(1).log.clear();
    world.admit(1, true);
    // Between two pieces, while applications are at work.
    const auto almost_full = [&] { return checked_bytes(world.device(1)) >= 255 * region; };
    TestRequest reading(Operation::read, {259 * region, 4096});
    world.device(0).hold();
    reading.submit(*world.mirror);
    world.device(0).hold_no_more();
    ASSERT_TRUE(world.loop.run_until(almost_full, seconds(60)));
    world.device(1).hold();
    world.loop.run_for(milliseconds(500));
    ASSERT_EQ(checked_bytes(world.device(1)), 256 * region);
    world.device(1).release();
    world.device(0).fail(Operation::write_zeroes, Errc::no_space, 100);
    TestRequest zeroes(Operation::write_zeroes, {0, 256 * region});
    EXPECT_EQ(run(world.loop, *world.mirror, zeroes), Errc::no_space);
    world.device(0).clear_failures();
    world.device(0).release();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(60)));
    EXPECT_TRUE(reading.done);
}

/// Regions of several pieces, and the first piece of the first one cannot be read.
TEST(MirrorResyncOwed, M8WhatCannotBeReadIsTriedAgainLaterAndTheRestGoesOn) {
    for (const bool busy : {false, true}) {
        MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, 16 * region, 4 * region);
        for (std::uint64_t piece = 0; piece < 16; ++piece) world.device(0).put(piece * region, filled(region, 5));
        drop(world);
        TestRequest reading(Operation::read, {15 * region, 4096});
        if (busy) {
            world.device(0).hold();
            reading.submit(*world.mirror);
            world.device(0).hold_no_more();
        }
        world.device(0).spoil({512, 512});
        world.device(0).log.clear();
        world.admit(1, true);
        world.loop.run_for(seconds(10));
        EXPECT_FALSE(world.in_sync(1));
        EXPECT_EQ(world.device(0).bytes(4 * region, 12 * region), world.device(1).bytes(4 * region, 12 * region));
        const ResyncProgress progress = *world.mirror->child_status(1).resync;
        EXPECT_EQ(progress.done_bytes, 12 * region) << "it was flushed, and is owed no more";
        const auto tries = std::count_if(world.device(0).log.begin(), world.device(0).log.end(), [](const auto& done) {
            return done.second.offset == 0 && (done.first == Operation::read || done.first == Operation::checksum);
        });
        EXPECT_LE(tries, 12) << busy;
        world.device(0).put(0, filled(region, 6));
        world.device(0).release();
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok) << "which writes the sector anew";
        EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    }
}

}  // namespace
}  // namespace dst
