// A mirror below one that serves, which the head's journal has never seen.
#include <gtest/gtest.h>

#include "support/inner_world.h"

namespace dst {
namespace {

struct InnerUnseen : Inner {};

/// Nothing but its name in the file says which member the blank one is to be.
TEST_F(InnerUnseen, M7MemberReplacedByABlankOneIsFormedAnew) {
    make();
    serve();
    missing({"/b", "/c"});
    write();
    world->close(*head);
    serve_with("another");
    write();
    world->platter("/c").replace_blank(16u << 20);
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

}  // namespace
}  // namespace dst
