// Who may hold what a served order made: told by all that was found, and remembered until a start stands on something
// else (docs/mirror.md, "Orders").
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct Held : testing::Test {
    explicit Held(spec::Node tree = mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}),
                  std::vector<std::string> paths = {"/a", "/b", "/c"})
        : world(std::move(tree)), paths_(std::move(paths)) {
        EXPECT_TRUE(world.init().done);
        serve("head0");
        write(0);
        world.close(*head);
    }
    void only(std::initializer_list<const char*> there) {
        for (const std::string& path : paths_) {
            world.platter(path).set_missing(std::find(there.begin(), there.end(), path) == there.end());
        }
    }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void serve(const std::string& journal) { head = &world.serve(journal, minutes(2)); }
    void expect_reads(unsigned seed) {
        Bytes bytes(4096);
        EXPECT_EQ(world.read(*head, 0, bytes), Errc::ok);
        EXPECT_EQ(bytes, EngineWorld::pattern(4096, seed));
    }
    /// It serves what is there, as ordered, and writes.
    void go_on(const std::string& journal, std::initializer_list<const char*> there, unsigned seed,
               bool inner_in_sync = false) {
        only(there);
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, journal));
        serve(journal);
        write(seed);
        if (inner_in_sync) {
            EXPECT_TRUE(world.loop.run_until([&] { return state_of(0) == VertexState::in_sync; }, minutes(5)));
        }
        world.close(*head);
    }
    VertexState state_of(std::size_t child) { return head->engine->status().tree->children[child].state; }
    void expect_wait(const std::string& reason) {
        world.loop.run_for(minutes(2));
        EXPECT_EQ(head->serving, 0);
        EXPECT_THAT(head->engine->status().reason, HasSubstr(reason));
    }
    /// /a alone had what this head served as ordered, and was replaced by a blank one, which another head has brought
    /// in. /c has been away for long.
    void hold_and_lose_it() {
        go_on("mine", {"/a"}, 1);
        go_on("other", {"/b"}, 2);
        world.platter("/a").replace_blank(16u << 20);
        only({"/a", "/b"});
        serve("other");
        EXPECT_TRUE(world.loop.run_until([&] { return state_of(0) == VertexState::in_sync; }, minutes(5)));
        world.close(*head);
    }
    /// The same with /c, which has been there.
    void hold_and_lose_it_to_all() {
        go_on("mine", {"/a"}, 1);
        go_on("other", {"/b", "/c"}, 2);
        world.platter("/a").replace_blank(16u << 20);
        only({"/a", "/b", "/c"});
        serve("other");
        EXPECT_TRUE(becomes_healthy());
        world.close(*head);
    }
    bool becomes_healthy() {
        return world.loop.run_until([&] { return head->engine->status().state == StorageState::healthy; }, minutes(5));
    }
    EngineWorld world;
    EngineWorld::Head* head = nullptr;

private:
    std::vector<std::string> paths_;
};

/// /a alone has what this head served as ordered, /b what another one did; an attempt to go over to that, as ordered,
/// has come so far that the journal in memory knows of it, and no further.
struct NotedAttempt : Held {
    NotedAttempt() {
        go_on("mine", {"/a"}, 1);
        go_on("other", {"/b"}, 2);
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, "mine"));
        EXPECT_EQ(world.events.count("start-forced"), 2u);
        world.journal("mine").fail_write = Errc::no_space;
        head = &world.open("mine");
        EXPECT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(30)));
        world.journal("mine").fail_write = Errc::ok;
    }
};

TEST_F(NotedAttempt, M5IsNoReasonToGoOverWithoutTheOrder) {
    ASSERT_TRUE(head->engine->order({StartOrder::none, "", {}, 0}));
    expect_wait("this head has served, as ordered, without");
    world.close(*head);
    only({"/a"});
    serve("mine");
    expect_reads(1);
}

TEST_F(NotedAttempt, M5IsCarriedOutByTheNextOneAndTold) {
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(2)));
    EXPECT_EQ(world.events.count("start-forced"), 3u);
    expect_reads(2);
}

TEST_F(Held, M5NobodyIsWaitedForWhenNobodyHasItAnyMore) {
    hold_and_lose_it();
    // The write of the journal that would have established the start.
    head = &world.open("mine");
    world.journal("mine").on_written = [this, copies = 0](const Bytes&) mutable {
        if (++copies == 2) world.journal("mine").fail_write = Errc::no_space;
    };
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(30)));
    world.journal("mine").on_written = nullptr;
    world.journal("mine").fail_write = Errc::ok;
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(2))) << head->engine->status().reason;
    expect_reads(2);
}

/// The same, by a start that was ordered to lose what the other line holds elsewhere, and was not carried out.
TEST_F(Held, M5NobodyIsWaitedForAfterAnOrderThatWasTakenBack) {
    hold_and_lose_it();
    only({"/a"});
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "mine"));
    world.journal("mine").fail_write = Errc::no_space;
    head = &world.open("mine");
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("start-again") == 1; }, seconds(30)));
    world.journal("mine").fail_write = Errc::ok;
    ASSERT_TRUE(head->engine->order({StartOrder::none, "", {}, 0}));
    expect_wait("waits for /b");
    only({"/a", "/b"});
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(2))) << head->engine->status().reason;
    expect_reads(2);
}

/// It was seen on the other line; that its data are given up there, too, does not bring back what it held.
TEST_F(Held, M5OneThatHasGoneOverHoldsNothingWhatBecomesOfItThere) {
    hold_and_lose_it_to_all();
    go_on("other", {"/a"}, 3);
    go_on("third", {"/b", "/c"}, 4);
    only({"/a", "/b", "/c"});
    ASSERT_TRUE(order(world, StartOrder::resolve, "/a", "mine"));
    serve("mine");
    expect_reads(4);
    EXPECT_TRUE(becomes_healthy());
}

/// One side of the mirror below is given up; what this head served, as ordered, of the one above is not.
struct HeldAbove : Held {
    HeldAbove()
        : Held(mirror_node("m0",
                           {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/c"), disk_node("/d")}),
               {"/a", "/b", "/c", "/d"}) {
        // Its journal knows all mirrors, and does not decide.
        serve("mine");
        world.close(*head);
        serve("head0");
        world.close(*head);
    }
};

TEST_F(HeldAbove, M5AResolveBelowIsNoOrderToGoOver) {
    go_on("mine", {"/d"}, 1);
    go_on("other", {"/a", "/b", "/c"}, 2, true);
    only({"/a", "/c"});
    serve("other");
    write(3);
    world.close(*head);
    go_on("third", {"/b"}, 4);
    world.platter("/c").replace_blank(16u << 20);
    only({"/b", "/c"});
    serve("third");
    ASSERT_TRUE(world.loop.run_until([&] { return state_of(1) == VertexState::in_sync; }, minutes(5)));
    world.close(*head);
    only({"/a", "/b", "/c"});
    head = &world.open("mine");
    world.loop.run_for(minutes(1));
    EXPECT_EQ(head->serving, 0);
    world.close(*head);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/a", "mine"));
    head = &world.open("mine");
    expect_wait("this head has served, as ordered, without");
    world.close(*head);
    only({"/d"});
    serve("mine");
    expect_reads(1);
}

/// The mirror below has /a alone in this head's line, and /b alone in another head's, who was ordered to go on with it.
struct HeldBelow : Held {
    HeldBelow() : Held(mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/c")})) {}
};

TEST_F(HeldBelow, M5OnePartOfAMirrorBelowThatHasGoneOverIsNotAllOfIt) {
    only({"/a", "/c"});
    serve("head0");
    write(1);
    world.close(*head);
    go_on("mine", {"/a"}, 2);
    go_on("other", {"/b"}, 3);
    // Until its epoch is the higher one.
    for (int starts = 0; starts < 3; ++starts) {
        serve("other");
        world.close(*head);
    }
    head = &world.open("mine");
    expect_wait("waits for m1: this head has served, as ordered, without");
    world.close(*head);
    only({"/a"});
    serve("mine");
    expect_reads(2);
}

/// /a alone had it, and is now a blank one that another head has brought in. Without /b the mirror below cannot be
/// used.
TEST_F(HeldBelow, M5AMirrorBelowThatCannotBeUsedHoldsNothingWhenNobodyBelowItDoes) {
    hold_and_lose_it_to_all();
    only({"/c"});
    serve("other");
    write(3);
    world.close(*head);
    only({"/a", "/c"});
    serve("mine");
    expect_reads(3);
}

}  // namespace
}  // namespace dst
