// A writer waits for a piece that a resync has locked: who is to blame for that.
#include <gtest/gtest.h>

#include "support/mirror_world.h"
#include "tree/copy_pace.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void answer_all(FakeDevice& device) {
    for (std::size_t held = device.held(); held > 0; --held) device.answer();
}

/// Member 1 is being brought up to date, and a writer waits for a piece whose checksum it has given after 700 ms.
struct MirrorHeldUp : testing::Test {
    MirrorHeldUp() : world(2, spec::ReadPreference::automatic, nullptr, 4u << 20, CopyPace::bytes_at_first / 2) {
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

}  // namespace
}  // namespace dst
