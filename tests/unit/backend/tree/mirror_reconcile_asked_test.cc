#include <gtest/gtest.h>

#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto no_preference = spec::ReadPreference::automatic;
/// A piece that the background does not begin with, what is asked for there, and what makes trouble.
constexpr Extent its_piece{1u << 20, 128u << 10};
constexpr Extent asked{its_piece.offset + 4096, 4096};
constexpr Extent elsewhere{its_piece.offset + 65536, 512};

void fill(MirrorWorld& world, const Extent& extent, unsigned char first, unsigned char second) {
    world.device(0).put(extent.offset, filled(extent.length, first));
    world.device(1).put(extent.offset, filled(extent.length, second));
}

void spoil(MirrorWorld& world, const Extent& extent) {
    for (const auto& device : world.devices) device->spoil(extent);
}

/// What reads return: the same, whichever member answers, and every member answers some.
Bytes read_again_and_again(MirrorWorld& world, const Extent& extent) {
    Bytes first;
    for (int i = 0; i < 8; ++i) {
        // Else it could be the same one's turn each time.
        TestRequest beside(Operation::read, {0, 512});
        if (i % 2 != 0) {
            EXPECT_EQ(run(world.loop, *world.mirror, beside), Errc::ok);
        }
        TestRequest read(Operation::read, extent);
        EXPECT_EQ(run(world.loop, *world.mirror, read), Errc::ok) << i;
        if (i == 0) {
            first = read.bytes;
            for (const auto& device : world.devices) device->log.clear();
        }
        EXPECT_EQ(read.bytes, first) << i;
    }
    for (const auto& device : world.devices) {
        const std::pair one{Operation::read, extent};
        EXPECT_NE(std::find(device->log.begin(), device->log.end(), one), device->log.end());
        EXPECT_EQ(device->bytes(extent.offset, extent.length), first);
    }
    return first;
}

/// Runs until member 1 holds the comparison of what was asked for alone.
bool hold_before_asked(MirrorWorld& world) {
    FakeDevice& device = world.device(1);
    device.hold();
    const auto holds = [&] {
        while (device.held() != 0 && device.held_request(0).extent != asked) device.answer();
        return device.held() != 0;
    };
    return world.loop.run_until(holds, seconds(5));
}

TEST(MirrorReconcileAsked, M4ABadSectorElsewhereFailsNoRead) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 7, 7);
        spoil(started, elsewhere);
        for (const auto& device : started.devices) device->log.clear();
        EXPECT_EQ(read_again_and_again(started, asked), filled(asked.length, 7));
        for (const auto& device : started.devices) {
            for (const auto& [operation, extent] : device->log) {
                EXPECT_FALSE(operation == Operation::write && extent.overlaps(its_piece))
                    << "what is equal is not written";
            }
        }
    });
}

TEST(MirrorReconcileAsked, M4WhatDiffersIsMadeEqualBeforeItIsAnswered) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 1, 2);
        spoil(started, elsewhere);
        read_again_and_again(started, asked);
    });
}

TEST(MirrorReconcileAsked, M4ABadSectorElsewhereWhileAMemberIsAwayFailsNoRead) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 7, 8);
        started.device(0).spoil(elsewhere);
        started.device(1).go_down();
        TestRequest read(Operation::read, asked);
        EXPECT_EQ(run(started.loop, *started.mirror, read), Errc::ok);
        EXPECT_EQ(read.bytes, filled(asked.length, 7));
        EXPECT_FALSE(started.in_sync(1)) << "a start could stand on what it has";
    });
}

TEST(MirrorReconcileAsked, M4WhatCannotBeWrittenElsewhereFailsNoRead) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 7, 7);
        fill(started, elsewhere, 1, 2);
        for (const auto& device : started.devices) device->fill_up(elsewhere);
        EXPECT_EQ(read_again_and_again(started, asked), filled(asked.length, 7));
        fill(started, asked, 1, 2);
        read_again_and_again(started, asked);
        EXPECT_TRUE(started.in_sync(0));
        EXPECT_TRUE(started.in_sync(1));
    });
}

TEST(MirrorReconcileAsked, M4WhatCannotBeWrittenElsewhereWhileAMemberIsAwayFailsNoRead) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 7, 8);
        started.device(0).fill_up(elsewhere);
        started.device(1).go_down();
        TestRequest read(Operation::read, asked);
        EXPECT_EQ(run(started.loop, *started.mirror, read), Errc::ok);
        EXPECT_EQ(read.bytes, filled(asked.length, 7));
        EXPECT_FALSE(started.in_sync(1));
    });
}

TEST(MirrorReconcileAsked, M4TroubleInBothPiecesThatAReadTouchesFailsItNot) {
    constexpr Extent across{its_piece.end() - 1024, 2048};
    MirrorWorld world(2, no_preference, [across](MirrorWorld& started) {
        fill(started, {across.offset, 512}, 1, 2);
        fill(started, {its_piece.end(), 512}, 3, 4);
        spoil(started, elsewhere);
        for (const auto& device : started.devices) device->fill_up({its_piece.end() + 65536, 512});
        fill(started, {its_piece.end() + 65536, 512}, 5, 6);
        read_again_and_again(started, across);
    });
}

TEST(MirrorReconcileAsked, M4OfALongReadOnlyWhatDiffersIsWritten) {
    constexpr Extent most{elsewhere.end(), 3 * its_piece.length};
    MirrorWorld world(2, no_preference, [most](MirrorWorld& started) {
        spoil(started, elsewhere);
        for (const auto& device : started.devices) device->fill_up({most.offset, 2 * its_piece.length});
        fill(started, {most.end() - 512, 512}, 1, 2);
        read_again_and_again(started, most);
    });
}

/// A disk that cannot read one cannot write a part of it either, and would be dropped for that.
TEST(MirrorReconcileAsked, M4WholePhysicalBlocksAreComparedAndWritten) {
    const auto unclean = [](MirrorWorld& started) {
        fill(started, asked, 1, 2);
        spoil(started, elsewhere);
        TestRequest read(Operation::read, {asked.offset + 1024, 512});
        EXPECT_EQ(run(started.loop, *started.mirror, read), Errc::ok);
        for (const auto& device : started.devices) {
            EXPECT_EQ(device->bytes(asked.offset, asked.length),
                      Bytes(asked.length, device->bytes(asked.offset, 1)[0]));
            for (const auto& [operation, extent] : device->log) {
                EXPECT_TRUE(operation != Operation::write || !extent.overlaps(its_piece) || extent.length % 4096 == 0);
            }
        }
        EXPECT_EQ(started.device(0).bytes(asked.offset, asked.length),
                  started.device(1).bytes(asked.offset, asked.length));
    };
    MirrorWorld world(2, no_preference, unclean, 4u << 20, region, 0, 4096);
}

/// A disk may try for seconds to read what it cannot.
TEST(MirrorReconcileAsked, TheNextReadNearItDoesNotTryTheWholePiece) {
    const auto tries = [](MirrorWorld& world, const Extent& extent) {
        for (const auto& device : world.devices) device->log.clear();
        TestRequest read(Operation::read, extent);
        EXPECT_EQ(run(world.loop, *world.mirror, read), Errc::ok);
        const std::pair whole{Operation::read, its_piece};
        return std::count(world.device(0).log.begin(), world.device(0).log.end(), whole) +
               std::count(world.device(1).log.begin(), world.device(1).log.end(), whole);
    };
    MirrorWorld world(2, no_preference, [&](MirrorWorld& started) {
        spoil(started, elsewhere);
        EXPECT_NE(tries(started, asked), 0);
        EXPECT_EQ(tries(started, {asked.end(), 4096}), 0);
        EXPECT_EQ(tries(started, asked), 0);
        started.loop.run_for(seconds(11));
        EXPECT_NE(tries(started, asked), 0);
    });
}

TEST(MirrorReconcileAsked, ALongReadEndsInTheErrorAsBefore) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        spoil(started, elsewhere);
        TestRequest read(Operation::read, {elsewhere.end(), 4 * its_piece.length});
        EXPECT_EQ(run(started.loop, *started.mirror, read), Errc::medium_error);
    });
}

TEST(MirrorReconcileAsked, M4TheRestIsReconciledWhenItCanBe) {
    constexpr Extent rest{elsewhere.end(), 512};
    MirrorWorld world(2, no_preference, [rest](MirrorWorld& started) {
        fill(started, rest, 3, 4);
        for (const auto& device : started.devices) device->fill_up(elsewhere);
        fill(started, elsewhere, 1, 2);
        read_again_and_again(started, asked);
        started.loop.run_for(seconds(5));
        EXPECT_NE(started.device(0).bytes(rest.offset, 512), started.device(1).bytes(rest.offset, 512));
        EXPECT_EQ(started.events.count("mirror-reconciled"), 0u);
        for (const auto& device : started.devices) device->grow();
    });
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.device(0).bytes(its_piece.offset, its_piece.length),
              world.device(1).bytes(its_piece.offset, its_piece.length));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
}

TEST(MirrorReconcileAsked, M4AReadOfWhatNobodyCanReadEndsInItsError) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        spoil(started, {asked.offset, 512});
        TestRequest read(Operation::read, asked);
        EXPECT_EQ(run(started.loop, *started.mirror, read), Errc::medium_error);
        TestRequest whole(Operation::read, its_piece);
        EXPECT_EQ(run(started.loop, *started.mirror, whole), Errc::medium_error);
    });
}

/// They may have lost what they answered.
TEST(MirrorReconcileAsked, M4AFlushThatFailsOnAllMeanwhileHasItComparedAgain) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 7, 7);
        spoil(started, elsewhere);
        TestRequest read(Operation::read, asked);
        read.submit(*started.mirror);
        ASSERT_TRUE(hold_before_asked(started));
        started.device(1).hold_no_more();
        for (const auto& device : started.devices) device->fail(Operation::flush, Errc::medium_error);
        EXPECT_EQ(flush(started.loop, *started.mirror), Errc::medium_error);
        ASSERT_FALSE(read.done);
        // It was read before.
        started.device(1).answer();
        started.device(1).put(asked.offset, filled(asked.length, 5));
        ASSERT_TRUE(started.loop.run_until([&] { return read.done; }, seconds(5)));
        EXPECT_EQ(read.result(), Errc::ok);
        for (const auto& device : started.devices) EXPECT_EQ(device->bytes(asked.offset, asked.length), read.bytes);
    });
}

/// Who holds the range sends it again when they are back.
TEST(MirrorReconcileAsked, WhenAllAreLostMeanwhileTheReadEndsAsLost) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        spoil(started, elsewhere);
        TestRequest read(Operation::read, asked);
        read.submit(*started.mirror);
        ASSERT_TRUE(hold_before_asked(started));
        started.device(1).hold_no_more();
        for (const auto& device : started.devices) device->go_down();
        ASSERT_TRUE(started.loop.run_until([&] { return read.done; }, seconds(20)));
        EXPECT_EQ(read.result(), Errc::disconnected);
    });
}

TEST(MirrorReconcileAsked, M11AWriteBesideWaitsForIt) {
    MirrorWorld world(2, no_preference, [](MirrorWorld& started) {
        fill(started, asked, 7, 7);
        spoil(started, elsewhere);
        TestRequest read(Operation::read, asked);
        read.submit(*started.mirror);
        TestRequest newer = write_of(asked.offset, 9);
        newer.submit(*started.mirror);
        ASSERT_TRUE(hold_before_asked(started));
        started.loop.run_for(milliseconds(10));
        EXPECT_FALSE(newer.done);
        started.device(1).release();
        ASSERT_TRUE(started.loop.run_until([&] { return read.done && newer.done; }, seconds(5)));
        EXPECT_EQ(read.bytes, filled(asked.length, 7));
        EXPECT_EQ(newer.result(), Errc::ok);
    });
    for (const auto& device : world.devices) EXPECT_EQ(device->bytes(asked.offset, 4096), filled(4096, 9));
}

}  // namespace
}  // namespace dst
