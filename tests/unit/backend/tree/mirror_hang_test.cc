// What a member still holds when it has left already.
#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Writes of two regions, so that they need no intent bit any more.
void write_once(MirrorWorld& world) {
    for (std::uint64_t offset : {0u, 1u << 20}) {
        EXPECT_EQ(write(world.loop, *world.mirror, offset, filled(4096, 1)), Errc::ok);
    }
}

TEST(MirrorHang, M12WhatAMemberHoldsThatLeftForAnErrorDoesNotHoldUpRequestsMuchLongerThanMemberTimeout) {
    MirrorWorld world;
    write_once(world);
    world.device(1).hold();
    TestRequest failed = write_of(0, 7);
    failed.submit(*world.mirror);
    TestRequest held = write_of(1u << 20, 7);
    held.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(1).answer(Errc::io_error);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(failed.done);
    EXPECT_FALSE(held.done);
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::dirty);
    world.loop.run_for(seconds(7));
    EXPECT_EQ(world.device(1).cuts, 0u);
    world.loop.run_for(seconds(3));
    EXPECT_EQ(world.device(1).cuts, 1u);
    ASSERT_TRUE(held.done);
    EXPECT_EQ(held.result(), Errc::ok);
}

TEST(MirrorHang, M12ARecordThatAMemberHoldsThatLeftDoesNotKeepItFromComingBack) {
    MirrorWorld world(3);
    write_once(world);
    world.device(2).fail(Operation::write, Errc::medium_error);
    TestRequest failed = write_of(0, 7);
    failed.submit(*world.mirror);
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == 1; }));
    world.device(1).hold();
    TestRequest other = write_of(1u << 20, 7);
    other.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.device(1).held(), 2u) << "a write and the record";
    world.device(1).answer(Errc::io_error);
    world.loop.run_for(milliseconds(10));
    ASSERT_FALSE(world.in_sync(1));
    EXPECT_FALSE(world.mirror->wants_back(1));
    world.loop.run_for(seconds(10));
    world.device(1).go_up();
    EXPECT_TRUE(failed.done && other.done);
    EXPECT_TRUE(world.mirror->wants_back(1));
}

}  // namespace
}  // namespace dst
