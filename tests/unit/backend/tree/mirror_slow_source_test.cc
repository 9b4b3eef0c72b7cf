// How much a resync asks of a source that is slow, or hangs (tree/copy_pace.h).
#include <gtest/gtest.h>

#include <algorithm>

#include "support/mirror_world.h"
#include "tree/copy_pace.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t size = 64 * mib;

/// Member 1 is brought up to date from member 0, which holds what it is to read; all else is answered at once.
struct MirrorSlowSource : testing::Test {
    MirrorSlowSource() : world(2, spec::ReadPreference::automatic, nullptr, size, 16 * mib) {}
    /// All members hold the same but for `differing` of each MiB, from its end.
    void begin(std::uint64_t differing) {
        for (std::uint64_t at = 0; at < size; at += mib) {
            for (std::size_t i : {0, 1}) world.device(i).put(at, filled(mib, 5));
            world.device(0).put(at + mib - differing, filled(differing, 6));
        }
        begin_resync();
    }
    void begin_resync() {
        world.device(1).fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 2)), Errc::ok);
        EXPECT_TRUE(world.mirror->wants_back(1));
        world.device(0).hold();
        world.device(0).log.clear();
        world.admit(1, true);
    }
    /// How much the source is asked to read and holds.
    std::uint64_t held_reads() {
        FakeDevice& source = world.device(0);
        const auto reads_only = [&] {
            while (source.held() != 0 && source.held_request(0).operation != Operation::read) source.answer();
            return source.held() != 0;
        };
        EXPECT_TRUE(world.loop.run_until(reads_only, seconds(20)));
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < source.held(); ++i) {
            const Request& request = source.held_request(i);
            bytes += request.operation == Operation::read ? request.extent.length : 0;
        }
        return bytes;
    }
    void answer_reads_in(Duration time, Errc code = Errc::ok) {
        world.loop.run_for(time);
        FakeDevice& source = world.device(0);
        for (std::size_t held = source.held(); held > 0; --held) {
            source.answer(source.held_request(0).operation == Operation::read ? code : Errc::ok);
        }
    }
    void expect_in_sync() {
        world.device(0).release();
        EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(60)));
        EXPECT_EQ(world.device(0).bytes(0, size), world.device(1).bytes(0, size));
        EXPECT_EQ(world.events.count("resync-stopped"), 0u);
    }
    std::uint64_t longest(Operation what) const {
        std::uint64_t bytes = 0;
        for (const auto& [operation, extent] : world.devices[0]->log) {
            if (operation == what) bytes = std::max(bytes, extent.length);
        }
        return bytes;
    }
    MirrorWorld world;
};

TEST_F(MirrorSlowSource, M8AsMuchAsIsCopiedInASecondIsAskedForAtOnce) {
    begin(mib);
    for (const std::uint64_t length : {128 * kib, 256 * kib, 512 * kib}) {
        EXPECT_EQ(held_reads(), length) << "twice as much, while it takes far less";
        answer_reads_in(milliseconds(100));
    }
    int answers = 0;
    while (held_reads() < 3 * mib && ++answers < 20) answer_reads_in(milliseconds(100));
    EXPECT_GE(held_reads(), 3 * mib) << "and then one more at a time";
    answers = 0;
    while (held_reads() > mib && ++answers < 4) answer_reads_in(seconds(3));
    EXPECT_EQ(held_reads(), mib) << "fewer of them first";
    answers = 0;
    while (held_reads() == mib && ++answers < 3) answer_reads_in(milliseconds(3900));
    EXPECT_EQ(held_reads(), 256 * kib);
    answer_reads_in(milliseconds(900));
    EXPECT_EQ(held_reads(), 256 * kib) << "no more when it is not quick";
    expect_in_sync();
}

/// One block of each MiB differs: what is equal before it is compared as ever, and says nothing of the way.
TEST_F(MirrorSlowSource, M8WhatItDidNotReadInTimeIsNotAskedForAtOnceOnceMore) {
    begin(4 * kib);
    EXPECT_EQ(held_reads(), 128 * kib);
    answer_reads_in(seconds(9), Errc::timed_out);
    for (int again = 0; again < 5; ++again) {
        EXPECT_EQ(held_reads(), 32 * kib);
        answer_reads_in(seconds(9), Errc::timed_out);
    }
    EXPECT_EQ(held_reads(), 32 * kib);
    EXPECT_EQ(longest(Operation::checksum), mib);
    EXPECT_EQ(longest(Operation::read), 128 * kib);
    expect_in_sync();
}

TEST_F(MirrorSlowSource, M8ASourceThatWasGoneAtOnceSaysNothingOfItsPace) {
    begin(mib);
    EXPECT_EQ(held_reads(), 128 * kib);
    answer_reads_in(milliseconds(900), Errc::disconnected);
    EXPECT_EQ(held_reads(), 128 * kib);
    expect_in_sync();
}

/// Every part of a region is copied once it was split, also when the region is owed anew meanwhile.
TEST_F(MirrorSlowSource, M8ARegionThatIsOwedAnewWhileItsPartsAreCopiedIsCopiedAgain) {
    begin(mib);
    for (int parts = 0; parts < 3; ++parts) {
        EXPECT_EQ(held_reads(), 128 * kib);
        answer_reads_in(milliseconds(900));
    }
    // On the target alone, which lacks it from then on.
    EXPECT_EQ(held_reads(), 128 * kib);
    world.device(0).fail(Operation::write_zeroes, Errc::no_space, 1);
    TestRequest zeroes(Operation::write_zeroes, {12 * mib, 4096});
    zeroes.submit(*world.mirror);
    expect_in_sync();
    EXPECT_TRUE(zeroes.done);
}

}  // namespace
}  // namespace dst
