// M12: a member of a mirror below another one hangs.
#include <gtest/gtest.h>

#include "support/inner_world.h"

namespace dst {
namespace {

struct InnerHang : Inner {};

/// The mirror above, which waits as well, does not give up the whole child meanwhile.
TEST_F(InnerHang, M12MemberLeavesItsOwnMirrorAlone) {
    make();
    serve();
    write();
    world->platter("/b").set_hung(true);
    write();
    EXPECT_EQ(world->events.count("member-dropped"), 1u);
    EXPECT_EQ(second().state, VertexState::in_sync);
    EXPECT_EQ(second().children.at(0).state, VertexState::dirty);
    world->platter("/b").set_hung(false);
    EXPECT_TRUE(in_sync());
}

}  // namespace
}  // namespace dst
