// Several members of one mirror are lost at about the same time.
#include <gtest/gtest.h>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The record that one leaves with takes another one along that came back changed as well, and is away again.
TEST(MirrorSeveral, M14MembersThatAreBackChangedLeaveOnceEach) {
    MirrorWorld world(3);
    for (int i : {0, 1, 2}) world.device(i).go_down();
    for (int i : {1, 2}) {
        world.device(i).change_incarnation();
        world.device(i).go_up();
    }
    world.device(2).go_down();
    world.loop.run_for(seconds(2));
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(world.in_sync(0));
    for (int i : {1, 2}) EXPECT_EQ(world.mirror->child_status(i).state, VertexState::dirty);
    EXPECT_EQ(world.events.count("member-dropped"), 2u);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
}

}  // namespace
}  // namespace dst
