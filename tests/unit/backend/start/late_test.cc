#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// A mirror whose second member is not there at the start, and has missed nothing.
struct Late : ::testing::Test {
    static spec::Node disk_and_mirror() {
        return mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})});
    }
    void begin(spec::Node tree, const std::vector<std::string>& late) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
        write();
        world->close(*head);
        begin_again(late);
    }
    void begin_again(const std::vector<std::string>& late) {
        for (const std::string& path : late) world->platter(path).set_missing(true);
        head = &world->serve();
        world->loop.run_for(seconds(5));
        generation = head->engine->status().generation;
        EXPECT_EQ(second().state, VertexState::unreachable);
    }
    void come(const std::vector<std::string>& late) {
        for (const std::string& path : late) world->platter(path).set_missing(false);
    }
    void write() { EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, ++writes)), Errc::ok); }
    VertexStatus second() const { return head->engine->status().tree->children.at(1); }
    bool in_sync(Duration limit) {
        return world->loop.run_until([&] { return second().state == VertexState::in_sync; }, limit);
    }
    void expect_taken_in() {
        EXPECT_TRUE(in_sync(seconds(3))) << second().reason;
        EXPECT_EQ(head->engine->status().generation, generation);
        EXPECT_EQ(world->events.count("member-taken-in"), 1u) << last("member-dropped");
        EXPECT_EQ(world->events.count("member-dropped"), 0u);
    }
    std::string last(const std::string& event) const {
        std::string line;
        for (const auto& entry : world->events.entries) {
            if (entry.id == event) line = entry.line;
        }
        return line;
    }
    void expect_left_and_back() {
        EXPECT_TRUE(in_sync(seconds(60))) << second().reason;
        EXPECT_EQ(world->events.count("member-taken-in"), 0u);
        EXPECT_GE(world->events.count("member-dropped"), 1u);
        EXPECT_GT(head->engine->status().generation, generation);
    }
    /// The last write, from the second member alone.
    void expect_it_has_all() {
        world->close(*head);
        world->platter("/a").set_missing(true);
        head = &world->serve();
        Bytes found(4096);
        EXPECT_EQ(world->read(*head, 0, found), Errc::ok);
        EXPECT_EQ(found, EngineWorld::pattern(4096, writes));
    }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    unsigned writes = 0;
    std::uint64_t generation = 0;
};

TEST_F(Late, M7MemberThatHasMissedNothingIsTakenInWithoutLeaving) {
    begin(two_disks(), {"/b"});
    come({"/b"});
    expect_taken_in();
    EXPECT_EQ(head->engine->status().state, StorageState::healthy);
    EXPECT_EQ(world->label_of("/b")->served, world->label_of("/a")->served);
    write();
    EXPECT_EQ(world->events.count("member-dropped"), 0u);
    expect_it_has_all();
}

TEST_F(Late, M7MirrorThatHasMissedNothingIsStartedAndTakenIn) {
    begin(disk_and_mirror(), {"/b", "/c"});
    come({"/b", "/c"});
    expect_taken_in();
    write();
    expect_it_has_all();
}

TEST_F(Late, M7LinearThatHasMissedNothingIsTakenIn) {
    begin(mirror_node("m0", {disk_node("/a"), linear_node("l0", {disk_node("/b"), disk_node("/c")})}), {"/c"});
    come({"/c"});
    expect_taken_in();
    write();
    expect_it_has_all();
}

TEST_F(Late, M7ItIsAllThatIsLeftWhenTheOthersGoMeanwhile) {
    begin(two_disks(), {"/b"});
    world->platter("/a").set_missing(true);
    world->loop.run_for(seconds(1));
    come({"/b"});
    EXPECT_TRUE(in_sync(seconds(20))) << second().reason;
    write();
    Bytes found(4096);
    EXPECT_EQ(world->read(*head, 0, found), Errc::ok);
    EXPECT_EQ(found, EngineWorld::pattern(4096, writes));
    world->platter("/a").set_missing(false);
    EXPECT_TRUE(
        world->loop.run_until([&] { return head->engine->status().state == StorageState::healthy; }, seconds(60)));
}

TEST_F(Late, M7AfterAnUncleanEndItIsBroughtUpToDate) {
    world = std::make_unique<EngineWorld>(two_disks());
    ASSERT_TRUE(world->init().done);
    head = &world->serve();
    write();
    world->crash(*head);
    for (const std::string path : {"/b"}) world->platter(path).set_missing(true);
    head = &world->serve();
    generation = head->engine->status().generation;
    come({"/b"});
    expect_left_and_back();
    expect_it_has_all();
}

TEST_F(Late, M7OlderCopyLeavesAndIsOwedEverything) {
    world = std::make_unique<EngineWorld>(two_disks());
    ASSERT_TRUE(world->init().done);
    head = &world->serve();
    write();
    world->close(*head);
    const Bytes old = world->platter("/b").read({0, 16u << 20});
    head = &world->serve();
    write();
    world->close(*head);
    world->platter("/b").write(0, old);
    begin_again({"/b"});
    come({"/b"});
    expect_left_and_back();
    expect_it_has_all();
}

TEST_F(Late, M7OlderCopyOfTheOtherOneIsToldAfterItWasTakenIn) {
    world = std::make_unique<EngineWorld>(two_disks());
    ASSERT_TRUE(world->init().done);
    head = &world->serve();
    write();
    world->close(*head);
    const Bytes old = world->platter("/a").read({0, 16u << 20});
    begin_again({"/b"});
    come({"/b"});
    expect_taken_in();
    write();
    world->close(*head);
    // The journal decides, and /a alone would do if it were what it was.
    world->platter("/a").write(0, old);
    world->platter("/b").set_missing(true);
    head = &world->open();
    world->loop.run_for(seconds(30));
    EXPECT_EQ(head->serving, 0);
    EXPECT_THAT(head->engine->status().reason, HasSubstr("older copy"));
    world->platter("/b").set_missing(false);
    EXPECT_TRUE(world->loop.run_until([&] { return head->serving > 0; }, seconds(30)));
    Bytes found(4096);
    EXPECT_EQ(world->read(*head, 0, found), Errc::ok);
    EXPECT_EQ(found, EngineWorld::pattern(4096, writes));
}

TEST_F(Late, M7BlankMediumLeavesAndIsFilled) {
    begin(two_disks(), {"/b"});
    world->platter("/b").replace_blank(16u << 20);
    come({"/b"});
    expect_left_and_back();
    expect_it_has_all();
}

TEST_F(Late, M7ForeignMediumIsRefused) {
    begin(two_disks(), {"/b"});
    EngineWorld other(two_disks(), 2);
    ASSERT_TRUE(other.init().done);
    world->platter("/b").write(0, other.platter("/b").read({0, 16u << 20}));
    come({"/b"});
    EXPECT_TRUE(world->loop.run_until([&] { return world->events.count("member-refused") > 0; }, seconds(10)));
    EXPECT_THAT(second().reason, HasSubstr("/b carries a medium of the storage 'vol0'"));
}

TEST_F(Late, M7MirrorWithOtherMediaLeavesAndIsFormedAnew) {
    begin(disk_and_mirror(), {"/b", "/c"});
    for (const std::string path : {"/b", "/c"}) world->platter(path).replace_blank(16u << 20);
    come({"/b", "/c"});
    expect_left_and_back();
    expect_it_has_all();
}

TEST_F(Late, ClosesWhileADiskHangsInTheMiddleOfALook) {
    for (int at = 0; at < 40; ++at) {
        begin(two_disks(), {"/b"});
        come({"/b"});
        world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60));
        world->loop.run_for(microseconds(100 * at));
        world->platter("/b").set_hung(true);
        world->loop.run_for(std::chrono::milliseconds(at % 3));
        world->close(*head);
        EXPECT_EQ(head->engine, nullptr) << at;
    }
}

TEST_F(Late, M12ItHangsInTheMiddleOfALookAndNobodyWaitsForIt) {
    for (int at = 0; at < 40; ++at) {
        begin(two_disks(), {"/b"});
        come({"/b"});
        world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60));
        world->loop.run_for(microseconds(100 * at));
        world->platter("/b").set_hung(true);
        const TimePoint before = world->loop.now();
        write();
        EXPECT_LT((world->loop.now() - before), seconds(12)) << at;
        world->platter("/b").set_hung(false);
        EXPECT_TRUE(in_sync(seconds(120))) << at;
        expect_it_has_all();
        writes = 0;
    }
}

/// M1, M2: whatever moment a write comes at while it is looked at.
TEST_F(Late, M2WriteThatComesMeanwhileIsOnItOrItLeaves) {
    for (int at = 0; at < 60; ++at) {
        begin(two_disks(), {"/b"});
        world->platter("/b").set_missing(false);
        world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60));
        world->loop.run_for(microseconds(100 * at));
        write();
        EXPECT_TRUE(in_sync(seconds(60)));
        expect_it_has_all();
        writes = 0;
    }
}

}  // namespace
}  // namespace dst
