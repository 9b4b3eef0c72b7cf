// A member that was away at the start and is named in another way than the record knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

struct Renamed : testing::Test {
    static spec::Node members(spec::Node second) { return mirror_node("m0", {disk_node("/a"), std::move(second)}); }

    /// The second member is away while the storage starts with a file that names it `second`.
    void begin(spec::Node before, spec::Node second, const std::vector<std::string>& away) {
        world = std::make_unique<EngineWorld>(members(std::move(before)));
        ASSERT_TRUE(world->init().done);
        world->close(world->serve());
        world->storage.tree = members(std::move(second));
        for (const std::string& path : away) world->platter(path).set_missing(true);
        head = &world->serve();
        EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    }
    /// The disk is there under its new name.
    void move(const std::string& from, const std::string& to) {
        const std::uint64_t size = world->platter(from).geometry().size_bytes;
        world->platter(to).write(0, world->platter(from).read({0, size}));
        world->platter(to).set_missing(false);
    }
    VertexStatus second() const { return head->engine->status().tree->children.at(1); }
    bool becomes(VertexState state) {
        return world->loop.run_until([&] { return second().state == state; }, seconds(60));
    }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
};

TEST_F(Renamed, M7ItsLabelTellsWhichMemberItIsAndItReturns) {
    begin(disk_node("/b"), disk_node("/x"), {"/x"});
    move("/b", "/x");
    EXPECT_TRUE(becomes(VertexState::in_sync)) << second().reason;
    EXPECT_EQ(world->platter("/x").read({0, 4096}), EngineWorld::pattern(4096, 1));
}

TEST_F(Renamed, M7ALinearOfSeveralReturns) {
    begin(linear_node("l0", {disk_node("/b"), disk_node("/c")}), linear_node("l1", {disk_node("/x"), disk_node("/y")}),
          {"/x", "/y"});
    move("/b", "/x");
    move("/c", "/y");
    EXPECT_TRUE(becomes(VertexState::in_sync)) << second().reason;
}

/// Mirrors without a name of their own are named by their order in the file, which means nothing.
TEST_F(Renamed, M7AMirrorReturns) {
    const std::vector<std::string> paths = {"/b", "/c"};
    for (const bool linear : {false, true}) {
        const auto second_member = [&](const std::string& name) {
            spec::Node mirror = mirror_node(name, {disk_node("/b"), disk_node("/c")});
            return linear ? linear_node("l" + name, {std::move(mirror), disk_node("/d")}) : mirror;
        };
        begin(second_member("m1"), second_member("m2"), linear ? std::vector<std::string>{"/b", "/c", "/d"} : paths);
        for (const std::string& path : paths) world->platter(path).set_missing(false);
        if (linear) world->platter("/d").set_missing(false);
        EXPECT_TRUE(becomes(VertexState::in_sync)) << second().reason;
        world->close(*head);
    }
}

TEST_F(Renamed, M7AMirrorOfWhichOneMemberIsThereReturns) {
    begin(mirror_node("m1", {disk_node("/b"), disk_node("/c")}), mirror_node("m2", {disk_node("/b"), disk_node("/c")}),
          {"/b", "/c"});
    world->platter("/c").set_missing(false);
    EXPECT_TRUE(becomes(VertexState::in_sync)) << second().reason;
}

TEST_F(Renamed, M7ABlankMediumIsNotTakenForIt) {
    begin(disk_node("/b"), disk_node("/x"), {"/x"});
    world->platter("/x").set_missing(false);
    EXPECT_TRUE(becomes(VertexState::refused));
    EXPECT_THAT(second().reason, HasSubstr("no label on it tells which member it is"));
    EXPECT_THAT(second().reason, HasSubstr("give it the name that it had: name: \"/b\", and open"));
    EXPECT_EQ(world->label_of("/x"), std::nullopt);
}

TEST_F(Renamed, M7ABlankMediumThatIsNamedAsItIsFilled) {
    begin(disk_node("/b"), disk_node("/x"), {"/x"});
    world->close(*head);
    world->platter("/x").set_missing(false);
    spec::Node named = disk_node("/x");
    named.name = "/b";
    world->storage.tree = members(std::move(named));
    head = &world->serve();
    EXPECT_TRUE(becomes(VertexState::in_sync)) << second().reason;
    EXPECT_EQ(world->platter("/x").read({0, 4096}), EngineWorld::pattern(4096, 1));
}

TEST_F(Renamed, M7OfSeveralThatAreNotNamedAllAreTold) {
    world = std::make_unique<EngineWorld>(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    ASSERT_TRUE(world->init().done);
    world->close(world->serve());
    world->storage.tree = members(disk_node("/x"));
    world->platter("/x").set_missing(true);
    head = &world->serve();
    world->platter("/x").set_missing(false);
    EXPECT_TRUE(becomes(VertexState::refused));
    EXPECT_THAT(second().reason, HasSubstr("name: \"/b\" or name: \"/c\""));
}

TEST_F(Renamed, M7OneMoreThanTheRecordHasIsNotTakenIn) {
    world = std::make_unique<EngineWorld>(members(disk_node("/b")));
    ASSERT_TRUE(world->init().done);
    world->close(world->serve());
    world->storage.tree = mirror_node("m0", {disk_node("/a"), disk_node("/x"), disk_node("/b")});
    world->platter("/x").set_missing(true);
    head = &world->serve();
    world->platter("/x").set_missing(false);
    EXPECT_TRUE(becomes(VertexState::refused));
    EXPECT_THAT(second().reason, HasSubstr("none can be added to it yet: take it out of the file"));
}

TEST_F(Renamed, M7ACopyOfAMemberThatIsThereIsNotTakenForIt) {
    begin(disk_node("/b"), disk_node("/x"), {"/x"});
    move("/a", "/x");
    EXPECT_TRUE(becomes(VertexState::refused));
    EXPECT_THAT(second().reason, HasSubstr("as /a does"));
}

}  // namespace
}  // namespace dst
