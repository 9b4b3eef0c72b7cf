#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "support/inner_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST_F(Inner, M7MirrorWhoseNodesComeAfterTheStartReturns) {
    serve_without_inner();
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("mirror-started"), 1u);
    EXPECT_EQ(world->label_of("/b")->served, world->label_of("/a")->served);
    expect_inner_has_all();
}

TEST_F(Inner, M7OneMemberOfItIsEnoughForTheJournal) {
    serve_without_inner();
    missing({"/c"}, false);
    ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60)));
    missing({"/b"}, false);
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_F(Inner, M7MirrorsBelowALinearReturn) {
    make(mirror_node("m0", {disk_node("/a"), linear_node("l0", {mirror_node("m1", {disk_node("/b"), disk_node("/c")}),
                                                                disk_node("/d")})}));
    serve();
    world->close(*head);
    missing({"/b", "/c", "/d"});
    serve();
    write();
    missing({"/b", "/d"}, false);
    world->loop.run_for(seconds(5));
    missing({"/c"}, false);
    EXPECT_TRUE(in_sync());
}

TEST_F(Inner, M7MirrorsBelowMirrorsReturn) {
    make(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {mirror_node("m2", {disk_node("/b"), disk_node("/c")}),
                                                                disk_node("/d")})}));
    serve();
    world->close(*head);
    missing({"/b", "/c", "/d"});
    serve();
    write();
    missing({"/c", "/d"}, false);
    ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60)));
    missing({"/b"}, false);
    EXPECT_TRUE(in_sync());
}

TEST_F(Inner, M7LeavesOfTheMirrorThatAreLostInTheMiddleAreTriedAgain) {
    serve_without_inner();
    for (int steps = 1; steps <= 40 && world->events.count("mirror-started") == 0; ++steps) {
        missing({"/b", "/c"}, false);
        world->loop.run_until([&] { return world->platter("/b").is_open() && world->platter("/c").is_open(); },
                              seconds(60));
        world->loop.run_for(std::chrono::microseconds(300 * steps));
        missing({steps % 2 == 0 ? "/b" : "/c"});
        world->loop.run_for(seconds(1));
        missing({"/b", "/c"});
        world->loop.run_for(seconds(1));
    }
    missing({"/b", "/c"}, false);
    EXPECT_TRUE(in_sync());
}

TEST_F(Inner, M7LastMemberThatWasReplacedByABlankOneIsFormedAnew) {
    make();
    serve();
    write();
    missing({"/c"});
    write();  // leaves m1
    missing({"/b"});
    write();  // m1 leaves m0
    world->platter("/b").replace_blank(16u << 20);
    missing({"/b"}, false);
    ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60)));
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 1u);
    missing({"/c"}, false);
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_F(Inner, M7BothMembersReplacedByBlankOnes) {
    serve_without_inner();
    world->platter("/b").replace_blank(16u << 20);
    world->platter("/c").replace_blank(16u << 20);
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_F(Inner, M7LeftMemberThatIsThereIsPreferredToABlankOne) {
    make();
    serve();
    write();
    missing({"/c"});
    write();
    missing({"/b"});
    write();
    world->platter("/b").replace_blank(16u << 20);
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
    expect_inner_has_all();
}

TEST_F(Inner, M7IsNotFormedAnewWhileAMemberInSyncIsAway) {
    serve_without_inner();
    world->platter("/b").replace_blank(16u << 20);
    missing({"/b"}, false);
    EXPECT_FALSE(happens("mirror-started"));
    EXPECT_TRUE(happens("mirror-waits"));
    EXPECT_THAT(second().reason, HasSubstr("/c"));
    EXPECT_FALSE(world->label_of("/b"));
    missing({"/c"}, false);
    EXPECT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_F(Inner, M7IsNotFormedAnewOnWhatIsNotBlank) {
    serve_without_inner();
    for (const std::string path : {"/b", "/c"}) {
        world->platter(path).replace_blank(16u << 20);
        world->platter(path).set_found("ext4 filesystem");
    }
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(happens("member-refused"));
    EXPECT_THAT(second().reason, HasSubstr("ext4 filesystem"));
    EXPECT_FALSE(world->label_of("/b"));
}

TEST_F(Inner, M7ExchangedMediaAreNotUsed) {
    for (const std::vector<std::string>& there : {std::vector<std::string>{"/b", "/c"}, {"/b"}}) {
        serve_without_inner();
        const Bytes b = world->platter("/b").read({0, 16u << 20});
        const Bytes c = world->platter("/c").read({0, 16u << 20});
        world->platter("/b").write(0, c);
        world->platter("/c").write(0, b);
        missing(there, false);
        ASSERT_TRUE(happens("member-refused"));
        EXPECT_THAT(second().reason, HasSubstr("swapped"));
        world->loop.run_for(seconds(30));
        EXPECT_EQ(world->events.count("mirror-started"), 0u);
        EXPECT_EQ(world->platter("/b").read({0, 16u << 20}), c) << "nothing was written to it";
        missing({"/b", "/c"});
        world->loop.run_for(seconds(1));
        world->platter("/b").write(0, b);
        world->platter("/c").write(0, c);
        missing({"/b", "/c"}, false);
        ASSERT_TRUE(in_sync());
        expect_inner_has_all();
    }
}

TEST_F(Inner, M7ExchangedOlderCopiesAreNotUsed) {
    make();
    const Bytes b = world->platter("/b").read({0, 16u << 20});
    const Bytes c = world->platter("/c").read({0, 16u << 20});
    serve();
    again();
    world->close(*head);
    missing({"/b", "/c"});
    serve();
    write();
    world->platter("/b").write(0, c);
    world->platter("/c").write(0, b);
    missing({"/b", "/c"}, false);
    EXPECT_TRUE(happens("member-refused"));
    EXPECT_EQ(world->events.count("mirror-started"), 0u);
    EXPECT_EQ(world->platter("/b").read({0, 16u << 20}), c) << "nothing was written to it";
}

/// Two mirrors of two, in a mirror.
spec::Node two_mirrors(const std::vector<std::string>& first, const std::vector<std::string>& second) {
    return mirror_node("m0", {mirror_node("m1", {disk_node(first[0]), disk_node(first[1])}),
                              mirror_node("m2", {disk_node(second[0]), disk_node(second[1])})});
}

TEST_F(Inner, M5JournalKeepsTheRecordOfAMirrorThatIsAwayWhileAnotherOneHasItsName) {
    make(two_mirrors({"/a", "/b"}, {"/c", "/d"}));
    serve();
    missing({"/b"});
    write();
    world->close(*head);
    // Now the file names them the other way round, and the one that was the first is not there.
    world->storage.tree = two_mirrors({"/c", "/d"}, {"/a", "/b"});
    missing({"/a"});
    serve();
    world->close(*head);
    // Only the journal knows that /b lacks a write, and that /a has it.
    missing({"/b"}, false);
    serve();
    world->loop.run_for(seconds(30));
    EXPECT_EQ(world->events.count("mirror-started"), 0u);
    missing({"/a"}, false);
    EXPECT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("mirror-started"), 1u);
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
}

TEST_F(Inner, M7MirrorReturnsAfterTheFileNamedAMediumOfTheOtherOneInItsPlace) {
    make(two_mirrors({"/a", "/b"}, {"/c", "/d"}));
    serve();
    missing({"/a", "/b"});
    write();
    world->close(*head);
    const spec::Node right = std::exchange(world->storage.tree, two_mirrors({"/a", "/d"}, {"/c", "/b"}));
    missing({"/c"});
    serve();
    write();
    world->close(*head);
    world->storage.tree = right;
    missing({"/c"}, false);
    serve();
    missing({"/a", "/b"}, false);
    EXPECT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
}

TEST_F(Inner, M5WithoutAJournalThatKnowsItAllInSyncMustBeThere) {
    make();
    serve();
    write();
    world->close(*head);
    missing({"/b", "/c"});
    serve();
    write();
    world->close(*head);
    serve_with("another");
    write();
    missing({"/b"}, false);
    EXPECT_TRUE(happens("mirror-waits"));
    EXPECT_EQ(world->events.count("mirror-started"), 0u);
    missing({"/c"}, false);
    EXPECT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_F(Inner, M5JournalThatNeverSawTheMirrorStartsWithoutIt) {
    serve_without_inner();
    world->close(*head);
    serve_with("another");
    world->close(*head);
    // The journal that was just written is good, and its head serves again.
    serve_with("another");
    EXPECT_EQ(world->events.count("journal-damaged"), 0u);
    write();
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(in_sync());
    world->close(*head);
    serve_with("another");
    EXPECT_TRUE(in_sync());
}

TEST_F(Inner, M5JournalDoesNotDecideForAMirrorThatAnotherHeadHasServedSince) {
    make();
    serve();
    write();
    world->close(*head);
    // Another head goes on without /b, then without the mirror below.
    serve_with("another");
    missing({"/b"});
    write();
    missing({"/c"});
    write();
    world->close(*head);
    // The first one starts on /a; its journal still calls /b in sync, which lacks a write.
    serve_with("head0");
    write();
    missing({"/b"}, false);
    EXPECT_FALSE(happens("mirror-started"));
    again();
    EXPECT_FALSE(happens("mirror-started"));
    missing({"/c"}, false);
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

/// Below a mirror in the middle, this head's own marks are in the place of those that the other one left.
TEST_F(Inner, M5JournalDoesNotDecideForAMirrorOfMirrorsThatAnotherHeadHasServedSince) {
    make(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {mirror_node("m2", {disk_node("/b"), disk_node("/c")}),
                                                                disk_node("/d")})}));
    serve();
    write();
    world->close(*head);
    // Another head goes on without the innermost one, which lacks a write of which no bit tells any more.
    serve_with("another");
    missing({"/b", "/c"});
    write();
    world->loop.run_for(seconds(20));
    missing({"/d"});
    write();
    world->close(*head);
    serve_with("head0");
    write();
    missing({"/b", "/c"}, false);
    for (int starts = 0; starts < 2; ++starts) {
        world->loop.run_for(seconds(30));
        EXPECT_NE(second().state, VertexState::in_sync) << starts;
        again();
    }
    missing({"/d"}, false);
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_F(Inner, M5SplitOfAMirrorThatIsNotNeededDoesNotStopTheStart) {
    const auto image = [&](const std::string& path) { return world->platter(path).read({0, 16u << 20}); };
    make();
    serve();
    write();
    world->close(*head);
    std::map<std::string, Bytes> before;
    for (const std::string path : {"/a", "/b", "/c"}) before[path] = image(path);
    serve();
    missing({"/c"});
    write();
    world->close(*head);
    const Bytes one_side = image("/b");
    missing({"/c"}, false);
    for (const auto& [path, bytes] : before) world->platter(path).write(0, bytes);
    serve_with("another");
    missing({"/b"});
    write();
    missing({"/c"});
    write();
    world->close(*head);
    world->platter("/b").write(0, one_side);
    missing({"/b", "/c"}, false);
    serve();
    write();
    ASSERT_TRUE(happens("member-split"));
    EXPECT_THAT(second().reason, HasSubstr("neither follows from the other"));
    world->platter("/b").set_missing(true);
    world->platter("/b").replace_blank(16u << 20);
    missing({"/b"}, false);
    EXPECT_TRUE(in_sync());
}

/// A start that is broken off may have left out a member of a mirror below: the others say that it has served.
TEST_F(Inner, M5HalfAStartThatLeftOutAMemberIsNoSplit) {
    for (int at = 0; at < 60; ++at) {
        make();
        serve();
        world->close(*head);
        head = &world->open("another");
        world->loop.run_for(std::chrono::microseconds(250 * at));
        world->platter("/a").set_hung(true);
        missing({"/c"});
        world->loop.run_for(seconds(5));
        world->crash(*head);
        world->platter("/a").set_hung(false);
        missing({"/c"}, false);
        missing({"/b"});
        head = &world->open();
        world->loop.run_for(seconds(5));
        missing({"/b"}, false);
        EXPECT_TRUE(world->loop.run_until([&] { return head->serving > 0; }, seconds(30)));
        // Promised to the other one alone, /b may fence this one for good.
        world->loop.run_for(seconds(5));
        if (head->engine->status().state == StorageState::fenced) again();
        EXPECT_TRUE(in_sync());
        EXPECT_EQ(world->events.count("member-split") + world->events.count("storage-split"), 0u) << at;
        world->close(*head);
    }
}

TEST_F(Inner, ClosesWhileADiskHangsInTheMiddleOfAStart) {
    for (int at = 0; at < 40; ++at) {
        serve_without_inner();
        missing({"/b", "/c"}, false);
        ASSERT_TRUE(world->loop.run_until(
            [&] { return world->platter("/b").is_open() && world->platter("/c").is_open(); }, seconds(60)));
        world->loop.run_for(std::chrono::microseconds(100 * at));
        world->platter(at % 2 == 0 ? "/b" : "/c").set_hung(true);
        world->loop.run_for(std::chrono::milliseconds(at % 3));
        world->close(*head);
        EXPECT_EQ(head->engine, nullptr) << at;
    }
}

TEST_F(Inner, M12MemberThatHangsInTheMiddleOfAStartIsLeftOut) {
    for (int at = 0; at < 40; ++at) {
        serve_without_inner();
        missing({"/b", "/c"}, false);
        ASSERT_TRUE(world->loop.run_until(
            [&] { return world->platter("/b").is_open() && world->platter("/c").is_open(); }, seconds(60)));
        world->loop.run_for(std::chrono::microseconds(100 * at));
        world->platter("/b").set_hung(true);
        ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(120))) << at;
        world->platter("/b").set_hung(false);
        EXPECT_TRUE(in_sync(seconds(120))) << at;
    }
}

TEST_F(Inner, ClosesWhileAMirrorIsBeingStarted) {
    for (int steps = 1; steps <= 12; ++steps) {
        serve_without_inner();
        missing({"/b", "/c"}, false);
        ASSERT_TRUE(world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60)));
        world->loop.run_for(std::chrono::milliseconds(1500) + std::chrono::microseconds(300 * steps));
        world->close(*head);
        world->events.entries.clear();
        serve();
        EXPECT_TRUE(in_sync());
        writes = 0;
    }
}

}  // namespace
}  // namespace dst
