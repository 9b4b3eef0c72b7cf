#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

/// A mirror that serves and has dropped its second member.
struct Join : ::testing::Test {
    void serve(spec::Node tree) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
    }
    void write() { EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, ++writes)), Errc::ok); }
    void lose(const std::string& path) {
        world->platter(path).set_missing(true);
        write();
        EXPECT_GE(world->events.count("member-dropped"), 1u);
    }
    bool happens(const std::string& event, Duration limit = seconds(60)) {
        return world->loop.run_until([&] { return world->events.count(event) > 0; }, limit);
    }
    /// The first event of that kind as it is logged.
    std::string line(const std::string& event) const {
        for (const auto& entry : world->events.entries) {
            if (entry.id == event) return entry.line;
        }
        return {};
    }
    /// What is said of the second member.
    VertexStatus second() const { return head->engine->status().tree->children.at(1); }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    unsigned writes = 0;
};

spec::Node disk_and_linear() {
    return mirror_node("m0", {disk_node("/a"), linear_node("l0", {disk_node("/b"), disk_node("/c")})});
}

TEST_F(Join, M7MemberThatWasDroppedReturns) {
    serve(two_disks());
    lose("/b");
    world->platter("/b").set_missing(false);
    EXPECT_TRUE(happens("member-returns"));
    EXPECT_EQ(world->events.count("member-refused"), 0u);
    EXPECT_EQ(world->label_of("/b")->promised, world->label_of("/a")->promised);
}

TEST_F(Join, M7MemberThatWasDirtyAtTheStartReturns) {
    serve(two_disks());
    lose("/b");
    world->close(*head);
    world->platter("/b").set_missing(false);
    head = &world->serve();
    EXPECT_TRUE(happens("member-returns"));
    EXPECT_EQ(world->label_of("/b")->served, world->label_of("/a")->served);
}

TEST_F(Join, M7LinearReturnsWhenAllItsLeavesAreThere) {
    serve(disk_and_linear());
    world->platter("/c").set_missing(true);
    lose("/b");
    world->platter("/b").set_missing(false);
    EXPECT_FALSE(happens("member-returns"));
    world->platter("/c").set_missing(false);
    EXPECT_TRUE(happens("member-returns"));
}

TEST_F(Join, M7ForeignMediumIsRefusedUntilTheRightOneIsBack) {
    serve(two_disks());
    lose("/b");
    const Bytes right = world->platter("/b").read({0, 16u << 20});
    EngineWorld other(two_disks(), 2);
    ASSERT_TRUE(other.init().done);
    world->platter("/b").write(0, other.platter("/b").read({0, 16u << 20}));
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-refused"));
    EXPECT_THAT(second().reason, HasSubstr("/b carries a medium of the storage 'vol0'"));
    EXPECT_EQ(second().state, VertexState::refused);
    world->loop.run_for(seconds(60));
    EXPECT_EQ(world->events.count("member-refused"), 1u);
    world->platter("/b").set_missing(true);
    world->platter("/b").write(0, right);
    world->platter("/b").set_missing(false);
    EXPECT_TRUE(happens("member-returns"));
    EXPECT_EQ(second().reason.find("carries"), std::string::npos);
}

TEST_F(Join, M7OlderCopyIsOwedEverything) {
    world = std::make_unique<EngineWorld>(two_disks());
    ASSERT_TRUE(world->init().done);
    const Bytes old = world->platter("/b").read({0, 16u << 20});
    head = &world->serve();
    lose("/b");
    world->platter("/b").write(0, old);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-returns"));
    EXPECT_THAT(line("member-returns"), HasSubstr("owed=everything"));
    EXPECT_THAT(line("member-returns"), HasSubstr("since /b is another medium, or an older copy"));
}

TEST_F(Join, M7BlankMediumIsLabelledAndOwedEverything) {
    serve(two_disks());
    const Id before = world->label_of("/b")->medium;
    lose("/b");
    world->platter("/b").replace_blank(16u << 20);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-returns"));
    EXPECT_THAT(line("member-returns"), HasSubstr("since /b was blank"));
    ASSERT_TRUE(world->label_of("/b"));
    EXPECT_NE(world->label_of("/b")->medium, before);
    EXPECT_EQ(world->label_of("/b")->place, "/2");
    EXPECT_EQ(world->label_of("/b")->member, 2u);
}

TEST_F(Join, M7RightMediumThatIsRenamedOverARefusedOneIsFound) {
    serve(two_disks());
    const sim::SimPlatter::Content right = world->platter("/b").durable();
    lose("/b");
    world->platter("/b").replace_blank(17u << 20);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-refused"));
    world->platter("/b").rename_over(right);
    ASSERT_TRUE(happens("member-in-sync"));
    EXPECT_EQ(world->platter("/b").geometry().size_bytes, 16u << 20);
}

TEST_F(Join, M7BlankMediumThatIsRenamedOverOneThatFailsIsTakenIn) {
    serve(two_disks());
    const Id before = world->label_of("/b")->medium;
    world->platter("/b").fail(Operation::write, {0, 16u << 20}, Errc::medium_error);
    write();
    ASSERT_TRUE(happens("member-dropped"));
    world->platter("/b").rename_over({{}, 16u << 20});
    world->loop.run_for(seconds(15));
    world->platter("/b").clear_failures();
    ASSERT_TRUE(happens("member-in-sync"));
    EXPECT_NE(world->label_of("/b")->medium, before);
}

TEST_F(Join, M7MediumInUseIsNotLeftForOneThatIsRenamedOverIt) {
    serve(two_disks());
    const Id before = world->label_of("/b")->medium;
    world->platter("/b").rename_over({{}, 16u << 20});
    for (int i = 0; i < 20; ++i) {
        write();
        world->loop.run_for(seconds(5));
    }
    EXPECT_EQ(world->label_of("/b")->medium, before);
    EXPECT_EQ(world->events.count("member-dropped"), 0u);
}

TEST_F(Join, M7BlankPartOfALinearIsLabelled) {
    serve(disk_and_linear());
    lose("/b");
    world->platter("/b").replace_blank(16u << 20);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-returns"));
    EXPECT_EQ(world->label_of("/b")->place, "/2.0");
}

TEST_F(Join, M7BlankMediumIsNotTakenWithReplaceNever) {
    world = std::make_unique<EngineWorld>(two_disks());
    world->storage.policy.replace = spec::Replace::never;
    ASSERT_TRUE(world->init().done);
    head = &world->serve();
    lose("/b");
    world->platter("/b").replace_blank(16u << 20);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-refused"));
    EXPECT_THAT(second().reason, HasSubstr("replace: never"));
    EXPECT_FALSE(world->label_of("/b"));
}

TEST_F(Join, M7BlankMediumOfAnotherSizeIsRefused) {
    serve(two_disks());
    lose("/b");
    world->platter("/b").replace_blank(17u << 20);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-refused"));
    EXPECT_THAT(second().reason, HasSubstr("belongs"));
    EXPECT_FALSE(world->label_of("/b"));
}

TEST_F(Join, M7MediumThatOthersKnowIsRefused) {
    serve(two_disks());
    lose("/b");
    world->platter("/b").replace_blank(16u << 20);
    world->platter("/b").set_found("ext4 filesystem");
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-refused"));
    EXPECT_THAT(second().reason, HasSubstr("ext4 filesystem"));
    EXPECT_FALSE(world->label_of("/b"));
}

TEST_F(Join, M7ExchangedMediumBelowAnInnerMirrorIsNotTheOuterOnesMatter) {
    serve(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})}));
    lose("/c");
    world->platter("/c").replace_blank(16u << 20);
    world->platter("/c").set_missing(false);
    ASSERT_TRUE(happens("member-returns"));
    EXPECT_EQ(world->label_of("/c")->place, "/2/2");
    world->close(*head);
    head = &world->serve();
    EXPECT_EQ(second().state, VertexState::in_sync) << second().reason;
}

TEST_F(Join, M7LostInTheMiddleItIsTakenLater) {
    serve(two_disks());
    lose("/b");
    for (int steps = 1; steps <= 12 && world->events.count("member-returns") == 0; ++steps) {
        world->platter("/b").set_missing(false);
        world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60));
        world->loop.run_for(std::chrono::microseconds(300 * steps));
        world->platter("/b").set_missing(true);
        world->loop.run_for(seconds(1));
    }
    world->platter("/b").set_missing(false);
    EXPECT_TRUE(happens("member-returns"));
}

/// A start that its journal does not decide promises on it, too, although it leaves with it.
TEST_F(Join, M7BlankMediumReplacesAMemberThatLeftWithTheStart) {
    world = std::make_unique<EngineWorld>(two_disks());
    ASSERT_TRUE(world->init().done);
    head = &world->serve();
    write();
    world->crash(*head);
    world->platter("/b").power_loss();
    head = &world->serve("another");
    ASSERT_EQ(world->events.count("member-dropped"), 1u);
    world->platter("/b").set_missing(true);
    write();
    world->platter("/b").replace_blank(16u << 20);
    world->platter("/b").set_missing(false);
    EXPECT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60)));
}

/// Another head has begun a start on the member meanwhile, with a higher epoch (M6).
TEST_F(Join, M6PromiseThatIsRefusedAsFencedEndsTheHead) {
    serve(two_disks());
    lose("/b");
    Label label = *world->label_of("/b");
    label.promised = {label.promised.number + 5, world->loop.random_id()};
    ++label.sequence;
    const LabelImage image = encode_label(label);
    const std::uint64_t end = world->platter("/b").geometry().size_bytes / 4096 * 4096;
    for (std::uint64_t at = end - label_area_bytes; at < end; at += 4096) {
        world->platter("/b").write(at, Bytes(image.begin(), image.end()));
    }
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("storage-fenced"));
    EXPECT_TRUE(world->loop.run_until([&] { return head->fenced == 1; }, seconds(1)));
    EXPECT_EQ(head->engine->status().state, StorageState::fenced);
    EXPECT_EQ(world->events.count("member-returns"), 0u);
    EXPECT_EQ(world->label_of("/b")->promised, label.promised);
}

TEST_F(Join, M7SplitOfAMemberAtReturnIsShown) {
    world = std::make_unique<EngineWorld>(two_disks());
    ASSERT_TRUE(world->init().done);
    const auto image = [&](const std::string& path) { return world->platter(path).read({0, 16u << 20}); };
    const Bytes first = image("/a");
    const Bytes second_disk = image("/b");
    head = &world->serve();
    lose("/b");
    world->close(*head);
    const Bytes one_side = image("/a");
    // Another head goes on from before, without the first member.
    world->platter("/a").write(0, first);
    world->platter("/b").write(0, second_disk);
    world->platter("/b").set_missing(false);
    head = &world->serve("another");
    lose("/a");
    world->close(*head);
    world->platter("/a").write(0, one_side);
    world->platter("/a").set_missing(false);
    world->platter("/b").set_missing(true);
    head = &world->serve();
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("member-split"));
    EXPECT_EQ(second().state, VertexState::refused);
    EXPECT_THAT(second().reason, HasSubstr("neither follows from the other"));
    EXPECT_THAT(second().reason, HasSubstr("dstctl resolve"));
    world->loop.run_for(seconds(30));
    EXPECT_EQ(world->events.count("member-split"), 1u);
    EXPECT_EQ(world->events.count("member-returns"), 0u);
}

/// The disk hangs at some moment of a look, and the storage is closed.
TEST_F(Join, ClosesWhileADiskHangsInTheMiddleOfALook) {
    for (const bool blank : {false, true}) {
        for (int at = 0; at < 40; ++at) {
            serve(two_disks());
            lose("/b");
            if (blank) world->platter("/b").replace_blank(16u << 20);
            world->platter("/b").set_missing(false);
            ASSERT_TRUE(world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60)));
            world->loop.run_for(std::chrono::microseconds(100 * at));
            world->platter("/b").set_hung(true);
            world->loop.run_for(std::chrono::milliseconds(at % 5));
            world->close(*head);
            EXPECT_EQ(head->engine, nullptr) << "hung " << 100 * at << " us after it was opened";
        }
    }
}

TEST_F(Join, M7AMemberWhoseResyncFailsAtOnceIsTakenLessAndLessOften) {
    serve(two_disks());
    lose("/b");
    // The first piece of the data cannot be written; metadata and everything else can.
    world->platter("/b").fail(Operation::write, {0, 4096}, Errc::medium_error);
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(happens("resync-stopped"));
    world->loop.run_for(seconds(120));
    const std::size_t stopped = world->events.count("resync-stopped");
    EXPECT_GE(stopped, 8u);
    EXPECT_LE(stopped, 20u);
    world->platter("/b").clear_failures();
    EXPECT_TRUE(happens("member-in-sync", seconds(15)));
    // Once it was in sync it is taken at once again.
    world->loop.run_for(seconds(5));
    lose("/b");
    const std::size_t returned = world->events.count("member-returns");
    world->platter("/b").set_missing(false);
    EXPECT_TRUE(world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60)));
    EXPECT_TRUE(world->loop.run_until([&] { return world->events.count("member-returns") > returned; },
                                      std::chrono::milliseconds(500)));
}

TEST_F(Join, ClosesWhileAMemberIsLookedAt) {
    serve(two_disks());
    lose("/b");
    world->platter("/b").set_missing(false);
    ASSERT_TRUE(world->loop.run_until([&] { return world->platter("/b").is_open(); }, seconds(60)));
    world->platter("/b").set_hung(true);
    world->loop.run_for(std::chrono::milliseconds(5));
    world->close(*head);
    EXPECT_EQ(world->events.count("member-returns"), 0u);
}

}  // namespace
}  // namespace dst
