// What members that are away wait for, and what is said of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

/// A mirror that serves, and whose maps are clear.
struct Away : ::testing::Test {
    void serve(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
        write();
        world->loop.run_for(seconds(30));
    }
    void write() { EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, ++writes)), Errc::ok); }
    void set_missing(const std::string& path, bool missing) { world->platter(path).set_missing(missing); }
    /// It leaves with a write that it misses.
    void drop(const std::string& path) {
        set_missing(path, true);
        write();
        ASSERT_EQ(second().state, VertexState::dirty);
    }
    bool comes(const std::function<bool()>& what, Duration limit = seconds(60)) {
        return world->loop.run_until(what, limit);
    }
    bool in_sync(std::size_t child) {
        return comes([&] { return head->engine->status().tree->children.at(child).state == VertexState::in_sync; });
    }
    std::size_t told(const std::string& event) const { return world->events.count(event); }
    /// What is said of the second member.
    VertexStatus second() const { return head->engine->status().tree->children.at(1); }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    unsigned writes = 0;
};

TEST_F(Away, M7NobodyIsTakenBackWhileThereIsNothingToCopyFrom) {
    serve(two_disks());
    drop("/b");
    set_missing("/a", true);
    world->loop.run_for(seconds(5));
    set_missing("/b", false);
    world->loop.run_for(seconds(60));
    EXPECT_EQ(told("member-returns"), 0u);
    EXPECT_EQ(told("resync-stopped"), 0u);
    EXPECT_EQ(second().state, VertexState::dirty);
    set_missing("/a", false);
    EXPECT_TRUE(in_sync(1));
    EXPECT_EQ(told("resync-stopped"), 0u);
}

TEST_F(Away, M2AnotherMediumInAMembersPlaceIsNoticedWhileNothingIsSent) {
    serve(two_disks());
    const Id before = world->label_of("/b")->medium;
    set_missing("/b", true);
    world->loop.run_for(seconds(30));
    EXPECT_EQ(told("member-dropped"), 0u) << "it has missed nothing";
    world->platter("/b").replace_blank(16u << 20);
    set_missing("/b", false);
    EXPECT_TRUE(comes([&] { return told("member-dropped") == 1; }));
    EXPECT_TRUE(in_sync(1)) << second().reason;
    EXPECT_NE(world->label_of("/b")->medium, before);
    Bytes bytes(4096);
    set_missing("/a", true);
    EXPECT_EQ(world->read(*head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, writes));
}

TEST_F(Away, M2AnotherMediumBelowALinearIsNoticedWhileNothingIsSent) {
    serve(mirror_node("m0", {disk_node("/a"), linear_node("l0", {disk_node("/b"), disk_node("/c")})}));
    world->platter("/c").replace_blank(16u << 20);
    EXPECT_TRUE(comes([&] { return told("member-dropped") == 1; }));
    EXPECT_TRUE(in_sync(1)) << second().reason;
}

TEST_F(Away, M2AnInnerMirrorOfWhichNothingIsLeftIsFormedAnewWhileNothingIsSent) {
    serve(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})}));
    for (const char* path : {"/b", "/c"}) set_missing(path, true);
    world->loop.run_for(seconds(5));
    for (const char* path : {"/b", "/c"}) world->platter(path).replace_blank(16u << 20);
    set_missing("/b", false);
    world->loop.run_for(seconds(30));
    EXPECT_EQ(told("member-dropped"), 0u) << "the other one may come back as it was";
    set_missing("/c", false);
    EXPECT_TRUE(comes([&] { return told("mirror-formed-anew") == 1; }));
    EXPECT_TRUE(in_sync(1)) << second().reason;
}

TEST_F(Away, M10TheLastMemberStaysWhateverLiesInItsPlace) {
    serve(two_disks());
    drop("/b");
    world->platter("/a").replace_blank(16u << 20);
    set_missing("/b", false);
    world->loop.run_for(seconds(60));
    EXPECT_EQ(told("member-dropped"), 1u);
    EXPECT_EQ(head->engine->status().tree->children.at(0).state, VertexState::unreachable);
}

TEST_F(Away, AMemberWhoseLabelDoesNotReadStays) {
    serve(two_disks());
    set_missing("/b", true);
    world->loop.run_for(seconds(1));
    world->platter("/b").fail(Operation::read, {0, ~0ull}, Errc::medium_error);
    set_missing("/b", false);
    world->loop.run_for(seconds(60));
    EXPECT_EQ(told("member-dropped"), 0u);
    world->platter("/b").clear_failures();
    EXPECT_TRUE(in_sync(1)) << second().reason;
    EXPECT_EQ(told("member-dropped"), 0u);
}

/// What is said of a member is what keeps it out now; what it failed at when it left comes after that.
struct AwayText : Away {
    std::string reason() const { return second().reason; }
    void hang_and_drop() {
        serve(two_disks());
        world->platter("/b").set_hung(true);
        write();
        ASSERT_EQ(second().state, VertexState::dirty);
        world->platter("/b").set_hung(false);
        set_missing("/b", true);
        world->loop.run_for(seconds(30));
    }
};

TEST_F(AwayText, OfOneThatHungAndCannotBeReached) {
    hang_and_drop();
    EXPECT_THAT(reason(), MatchesRegex("/b.*; before: it held a request for 8... ms while others answered"));
}

TEST_F(AwayText, OfOneThatWasNotThereWhenItLeft) {
    serve(two_disks());
    drop("/b");
    EXPECT_THAT(reason(), Not(HasSubstr("before")));
    EXPECT_THAT(reason(), HasSubstr("/b"));
}

TEST_F(AwayText, OfOneThatWaitsForAMemberToCopyFrom) {
    hang_and_drop();
    set_missing("/a", true);
    world->loop.run_for(seconds(30));
    set_missing("/b", false);
    world->loop.run_for(seconds(60));
    EXPECT_THAT(reason(),
                StartsWith("there is nothing to copy from: no member in sync can be reached; before: it held"));
    set_missing("/a", false);
    EXPECT_TRUE(in_sync(1));
    drop("/b");
    EXPECT_THAT(reason(), Not(HasSubstr("before"))) << "that is history";
}

TEST_F(AwayText, OfOneWhoseMediumIsRefused) {
    hang_and_drop();
    world->platter("/b").replace_blank(17u << 20);
    set_missing("/b", false);
    EXPECT_TRUE(comes([&] { return second().state == VertexState::refused; }));
    EXPECT_THAT(reason(), HasSubstr("belongs"));
    EXPECT_THAT(reason(), Not(HasSubstr("before")));
}

TEST_F(AwayText, OfALinearNamesThePartThatIsMissing) {
    serve(mirror_node("m0", {disk_node("/a"), linear_node("l0", {disk_node("/b"), disk_node("/c")})}));
    set_missing("/c", true);
    EXPECT_EQ(world->write(*head, 12u << 20, EngineWorld::pattern(4096, 7)), Errc::ok);
    EXPECT_EQ(second().state, VertexState::dirty);
    world->loop.run_for(seconds(30));
    EXPECT_THAT(reason(), StartsWith("/c: "));
}

TEST_F(AwayText, OfOneWhoseResyncIsBrokenOff) {
    serve(two_disks());
    drop("/b");
    world->platter("/b").fail(Operation::write, {0, 4096}, Errc::medium_error);
    set_missing("/b", false);
    ASSERT_TRUE(comes([&] { return told("resync-stopped") == 3; }));
    world->loop.run_for(std::chrono::milliseconds(500));
    EXPECT_THAT(reason(), StartsWith("it is there, and is tried again soon; before: bringing it up to date was broken "
                                     "off: "));
}

TEST_F(AwayText, OfOneThatWaitsWhileAnotherIsLookedAt) {
    serve(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    set_missing("/c", true);
    drop("/b");
    set_missing("/c", false);
    const auto third = [&] { return head->engine->status().tree->children.at(2).reason; };
    ASSERT_TRUE(comes([&] { return third() == "it is there, and is looked at now"; }));
    world->platter("/c").set_hung(true);
    set_missing("/b", false);
    EXPECT_TRUE(comes([&] { return reason() == "it waits for its turn to be looked at, after /c"; })) << reason();
    world->platter("/c").set_hung(false);
    EXPECT_TRUE(in_sync(1)) << reason();
}

TEST_F(AwayText, OfOneThatWasCutOffSaysItOnce) {
    serve(two_disks());
    world->platter("/b").set_hung(true);
    write();
    ASSERT_TRUE(comes([&] { return second().state == VertexState::dirty; }));
    EXPECT_THAT(reason(), MatchesRegex("it held a request for 8... ms while others answered .timed out."));
}

}  // namespace
}  // namespace dst
