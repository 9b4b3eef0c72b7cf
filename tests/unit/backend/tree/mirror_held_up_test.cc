// A writer waits for a piece that a resync has locked: who is to blame for that.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void answer_all(FakeDevice& device) {
    for (std::size_t held = device.held(); held > 0; --held) device.answer();
}

/// Member 1 is being brought up to date, and a writer waits for a piece whose checksum it has given after 700 ms.
struct MirrorHeldUp : testing::Test {
    MirrorHeldUp() {
        world.device(1).fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 2)), Errc::ok);
        EXPECT_TRUE(world.mirror->wants_back(1));
        world.device(1).hold();
        world.admit(1);
        EXPECT_TRUE(world.loop.run_until([&] { return holds(1, Operation::checksum); }, milliseconds(100)));
        writer.submit(*world.mirror);
        world.loop.run_for(milliseconds(700));
        world.device(0).hold();
        answer_all(world.device(1));
    }
    /// What comes before is answered.
    bool holds(std::size_t index, Operation operation) {
        FakeDevice& device = world.device(index);
        if (device.held() != 0 && device.held_request(0).operation != operation) device.answer();
        return device.held() != 0 && device.held_request(0).operation == operation;
    }
    void expect_in_sync() {
        for (std::size_t i : {0, 1}) world.device(i).release();
        EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
        EXPECT_TRUE(writer.done);
        EXPECT_EQ(writer.result(), Errc::ok);
        EXPECT_EQ(world.device(0).bytes(0, 4u << 20), world.device(1).bytes(0, 4u << 20));
        EXPECT_EQ(world.events.count("resync-stopped"), 0u);
        EXPECT_EQ(world.events.count("member-dropped"), 1u) << "before the resync";
    }
    MirrorWorld world;
    TestRequest writer{Operation::write, {0, 512}, filled(512, 5)};
};

TEST_F(MirrorHeldUp, M8WhatASourceTakesToReadIsNotTheTargets) {
    world.loop.run_for(milliseconds(1200));
    ASSERT_TRUE(holds(0, Operation::read));
    answer_all(world.device(0));
    // The target is looked at while it has what was read for a short time.
    world.loop.run_for(milliseconds(600));
    EXPECT_EQ(world.device(1).cuts, 0u);
    EXPECT_TRUE(holds(1, Operation::write));
    EXPECT_FALSE(writer.done);
    expect_in_sync();
}

TEST_F(MirrorHeldUp, M8ATargetThatHoldsWhatWasReadIsDropped) {
    world.loop.run_for(milliseconds(10));
    answer_all(world.device(0));
    world.loop.run_for(milliseconds(1600));
    EXPECT_EQ(world.device(1).cuts, 1u);
    world.device(0).release();
    world.loop.run_for(milliseconds(100));
    EXPECT_TRUE(writer.done);
    EXPECT_EQ(world.events.count("resync-stopped"), 1u);
}

/// How long a target may hold a checksum that nobody waits for.
Duration cut_after(MirrorWorld& world) {
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 2)), Errc::ok);
    FakeDevice& target = world.device(1);
    target.hold();
    world.admit(1);
    const auto holds_checksum = [&] {
        if (target.held() != 0 && target.held_request(0).operation != Operation::checksum) target.answer();
        return target.held() != 0 && target.held_request(0).operation == Operation::checksum;
    };
    EXPECT_TRUE(world.loop.run_until(holds_checksum, milliseconds(100)));
    const TimePoint since = world.loop.now();
    EXPECT_TRUE(world.loop.run_until([&] { return target.cuts != 0; }, seconds(60)));
    return world.loop.now() - since;
}

TEST(MirrorTarget, M8OneWithMirrorsBelowItMayTakeLonger) {
    MirrorWorld flat;
    EXPECT_GE(cut_after(flat), seconds(8));
    flat.device(1).release();

    // The mirror below has the time to go on without a member of its own.
    MirrorWorld nested(2, spec::ReadPreference::automatic, nullptr, 4u << 20, region, 1);
    const Duration longer = cut_after(nested);
    EXPECT_GE(longer, seconds(12));
    EXPECT_LT(longer, seconds(14));
    nested.device(1).release();
}

/// Members 0 and 1 differ everywhere, and member 1 is brought up to date.
struct MirrorSlowSource : testing::Test {
    static constexpr std::uint64_t mib = 1u << 20;

    MirrorSlowSource() : world(2, spec::ReadPreference::automatic, nullptr, 64 * mib, 16 * mib) {
        for (std::uint64_t piece = 0; piece < 64; ++piece) world.device(0).put(piece * mib, filled(mib, 5));
        world.device(1).fail(Operation::write, Errc::medium_error);
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 2)), Errc::ok);
        EXPECT_TRUE(world.mirror->wants_back(1));
        world.device(0).hold();
        world.admit(1, true);
        EXPECT_EQ(held_reads(), 4 * mib) << "of several pieces";
        EXPECT_EQ(world.device(0).held(), 4u);
    }
    /// How much the source is asked to read and holds; all else is answered at once.
    std::uint64_t held_reads() {
        FakeDevice& source = world.device(0);
        const auto reads_only = [&] {
            while (source.held() != 0 && source.held_request(0).operation != Operation::read) source.answer();
            return source.held() != 0;
        };
        EXPECT_TRUE(world.loop.run_until(reads_only, seconds(20)));
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < source.held(); ++i) bytes += source.held_request(i).extent.length;
        return bytes;
    }
    void answer_reads_in(Duration time, Errc code = Errc::ok) {
        world.loop.run_for(time);
        for (std::size_t held = world.device(0).held(); held > 0; --held) world.device(0).answer(code);
    }
    void expect_in_sync() {
        world.device(0).release();
        EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(60)));
        EXPECT_EQ(world.device(0).bytes(0, 64 * mib), world.device(1).bytes(0, 64 * mib));
    }
    MirrorWorld world;
};

TEST_F(MirrorSlowSource, M8APieceIsWhatIsCopiedInASecond) {
    answer_reads_in(milliseconds(3900));
    EXPECT_EQ(held_reads(), mib / 4) << "one piece, of what a second is enough for";
    answer_reads_in(milliseconds(900));
    EXPECT_EQ(held_reads(), mib / 4) << "nor more when it is not";
    for (const std::uint64_t length : {mib / 2, mib}) {
        answer_reads_in(milliseconds(100));
        EXPECT_GE(held_reads(), length) << "twice as much while it takes far less";
    }
    expect_in_sync();
    EXPECT_EQ(world.events.count("resync-stopped"), 0u);
}

TEST_F(MirrorSlowSource, M8WhatItDidNotReadInTimeIsNotAskedForAtOnceOnceMore) {
    answer_reads_in(seconds(9), Errc::timed_out);
    EXPECT_EQ(held_reads(), mib / 16);
    expect_in_sync();
}

TEST_F(MirrorSlowSource, M8ASourceThatWasGoneAtOnceSaysNothingOfItsPace) {
    answer_reads_in(milliseconds(900), Errc::disconnected);
    EXPECT_EQ(held_reads(), 4 * mib);
    expect_in_sync();
}

/// It hung, or was away: what is compared goes on in large pieces soon, what is copied when it was seen how fast.
TEST_F(MirrorSlowSource, M8WhatIsComparedOnlyIsSoonAsLargeAsBefore) {
    for (std::uint64_t piece = 4; piece < 64; ++piece) world.device(1).put(piece * mib, filled(mib, 5));
    answer_reads_in(seconds(9), Errc::timed_out);
    world.device(0).release();
    world.device(0).log.clear();
    expect_in_sync();
    const std::size_t pieces =
        static_cast<std::size_t>(std::count_if(world.device(0).log.begin(), world.device(0).log.end(),
                                               [](const auto& done) { return done.first == Operation::checksum; }));
    EXPECT_LT(pieces, 64u + 20);
}

}  // namespace
}  // namespace dst
