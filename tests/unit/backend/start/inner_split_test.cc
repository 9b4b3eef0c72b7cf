// A mirror below one that serves is the other side of a split: nothing below it is touched (M7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "start/order.h"
#include "support/inner_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

struct InnerSplit : Inner {
    /// m1 has what was written last, and is not there; another head was ordered to go on from /a alone.
    void go_on_without_inner() {
        make();
        // Its journal knows all mirrors.
        serve_with("another");
        write();
        world->close(*head);
        serve_with("head0");
        missing({"/a"});
        write();
        world->close(*head);
        missing({"/a"}, false);
        missing({"/b", "/c"});
        journal = "another";
        ASSERT_TRUE(order(*world, StartOrder::accept_data_loss, {}, journal));
        serve();
        ASSERT_EQ(world->write(*head, 1u << 20, EngineWorld::pattern(4096, 100)), Errc::ok);
    }
    Bytes image(const std::string& path) { return world->platter(path).read({0, 16u << 20}); }
    void comes_back_untouched() {
        std::map<std::string, Bytes> before;
        for (const std::string path : {"/b", "/c"}) before[path] = image(path);
        missing({"/b", "/c"}, false);
        ASSERT_TRUE(happens("member-split"));
        world->loop.run_for(seconds(30));
        EXPECT_THAT(second().reason, HasSubstr("neither follows from the other"));
        for (const auto& [path, bytes] : before) EXPECT_TRUE(bytes == image(path)) << path;
    }
    void resolve_for_inner() {
        world->close(*head);
        ASSERT_TRUE(order(*world, StartOrder::resolve, "/a", journal));
        serve();
        expect_all_readable();
        EXPECT_TRUE(in_sync());
    }
};

TEST_F(InnerSplit, M7ItIsNotStarted) {
    go_on_without_inner();
    comes_back_untouched();
    resolve_for_inner();
}

/// No start could read it else.
TEST_F(InnerSplit, M7OneThatIsFormedAnewCanBeGivenUpOrKept) {
    for (const bool kept : {true, false}) {
        go_on_without_inner();
        world->platter("/c").replace_blank(16u << 20);
        missing({"/b", "/c"}, false);
        ASSERT_TRUE(happens("member-split"));
        world->close(*head);
        ASSERT_TRUE(order(*world, StartOrder::resolve, kept ? "/a" : "m1", journal));
        serve();
        if (kept) expect_all_readable();
        EXPECT_TRUE(in_sync()) << kept;
    }
}

}  // namespace
}  // namespace dst
