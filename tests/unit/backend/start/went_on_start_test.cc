// A member is given up by an order, and another head, which knows nothing of that, goes on with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// /b left the mirror; when /a was away, head0 was ordered to go on with /b.
struct WentOnStart : testing::Test {
    WentOnStart() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write(0);
        missing("/b");
        write(on_a);
        world.crash(*head);
        there("/b");
        missing("/a");
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss));
        head = &world.serve();
        EXPECT_EQ(read(), EngineWorld::pattern(4096, 0));
        write(on_b);
        world.close(*head);
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    Bytes read() {
        Bytes bytes(4096);
        EXPECT_EQ(world.read(*head, 0, bytes), Errc::ok);
        return bytes;
    }
    /// With /a alone, and often enough for its journal to decide then.
    void another_head_goes_on() {
        missing("/b");
        there("/a");
        for (int life = 0; life < 3; ++life) {
            head = &world.serve("other");
            if (life == 0) write(by_other);
            world.close(*head);
        }
        there("/b");
    }
    void expect_wait_for_b() {
        head = &world.open();
        world.loop.run_for(minutes(2));
        EXPECT_EQ(head->serving, 0);
        EXPECT_EQ(head->engine->status().state, StorageState::waiting);
        EXPECT_THAT(head->engine->status().reason,
                    HasSubstr("waits for /b: this head has served, as ordered, without"));
        EXPECT_THAT(head->engine->status().reason, HasSubstr("hold (/b: /b: no such file)")) << "why it is away";
    }
    void expect_split(const std::string& journal) {
        head = &world.open(journal);
        ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
        EXPECT_EQ(head->engine->status().state, StorageState::split);
        EXPECT_THAT(head->engine->status().reason, HasSubstr("'dstctl resolve vol0 --discard /a'"));
        EXPECT_THAT(head->engine->status().reason, HasSubstr("'dstctl resolve vol0 --discard /b'"));
        world.close(*head);
        EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, by_other));
        EXPECT_EQ(world.platter("/b").read({0, 4096}), EngineWorld::pattern(4096, on_b));
    }
    /// Both members get what is kept, and start after start serves it.
    void expect_resolved(const std::string& journal, const std::string& given_up, unsigned kept) {
        ASSERT_TRUE(order(world, StartOrder::resolve, given_up, journal));
        for (const std::string& next : {journal, std::string("third"), std::string("head0")}) {
            head = &world.serve(next);
            EXPECT_EQ(read(), EngineWorld::pattern(4096, kept)) << next;
            expect_in_sync();
            world.close(*head);
        }
        for (const char* path : {"/a", "/b"}) {
            EXPECT_EQ(world.platter(path).read({0, 4096}), EngineWorld::pattern(4096, kept)) << path;
        }
        EXPECT_EQ(world.events.count("storage-split"), 1u);
        EXPECT_EQ(world.events.count("member-split"), 0u);
    }
    void expect_in_sync() {
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        EXPECT_TRUE(world.loop.run_until(healthy, minutes(2)));
    }
    static constexpr unsigned on_a = 1;
    static constexpr unsigned on_b = 2;
    static constexpr unsigned by_other = 3;
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

TEST(WentOnAlone, M5HeadWhoseOwnSideIsNotThereSaysThatItServesTheOtherOne) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b")}));
    const auto write_and_close = [&world](EngineWorld::Head& head, unsigned seed) {
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        world.close(head);
    };
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").set_missing(true);
    write_and_close(world.serve(), 1);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    write_and_close(world.serve("other"), 2);
    EXPECT_EQ(world.events.count("start-other-side"), 0u) << "that one knows of no other";
    EngineWorld::Head& head = world.serve();
    Bytes bytes(4096);
    ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
    EXPECT_EQ(bytes, EngineWorld::pattern(4096, 2));
    EXPECT_EQ(world.events.count("start-other-side"), 1u);
    world.platter("/a").set_missing(false);
    world.loop.run_for(seconds(20));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, 1)) << "it is left alone";
    world.close(head);
}

TEST_F(WentOnStart, M5BothAreASplitAndWhatTheOtherHeadWroteCanBeKept) {
    another_head_goes_on();
    expect_split("other");
    expect_resolved("other", "/b", by_other);
}

TEST_F(WentOnStart, M5BothAreASplitAndWhatWasWrittenAfterTheOrderCanBeKept) {
    another_head_goes_on();
    expect_split("other");
    expect_resolved("other", "/a", on_b);
}

/// By the journal that was ordered to give /a up.
TEST_F(WentOnStart, M5TheHeadThatWasOrderedMeetsASplitTooAndCanGiveItsOwnUp) {
    another_head_goes_on();
    expect_split("head0");
    expect_resolved("head0", "/b", by_other);
}

TEST_F(WentOnStart, M5TheHeadThatWasOrderedMeetsASplitTooAndCanKeepItsOwn) {
    another_head_goes_on();
    expect_split("head0");
    expect_resolved("head0", "/a", on_b);
}

/// A head that serves without it touches nothing there.
TEST_F(WentOnStart, M7MemberThatComesBackToAHeadThatServesIsTheOtherSide) {
    another_head_goes_on();
    missing("/a");
    head = &world.serve();
    write(on_b);
    there("/a");
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 1; }, minutes(1)));
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, by_other));
}

/// Its journal does not decide when /b is all that is there, and tells nevertheless what it wrote on /a.
TEST_F(WentOnStart, M7WhatTheSameHeadWroteOnTheOtherSideIsNotOverwritten) {
    missing("/b");
    there("/a");
    head = &world.serve("other");
    write(by_other);
    world.close(*head);
    missing("/a");
    there("/b");
    head = &world.serve("other");
    EXPECT_EQ(read(), EngineWorld::pattern(4096, on_b));
    there("/a");
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("member-split") == 1; }, minutes(1)));
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, by_other));
    world.close(*head);
    expect_split("other");
}

/// The head that was ordered to give /a up finds it alone, with what another head has written there: nobody has ordered
/// that what it wrote itself since goes for that.
TEST_F(WentOnStart, M5TheOrderedHeadDoesNotGoOverToWhatItGaveUp) {
    another_head_goes_on();
    missing("/b");
    expect_wait_for_b();
    world.close(*head);
    there("/b");
    expect_split("head0");
    expect_split("third");
}

/// Nor to what nobody has gone on with, when its journal decides no more: others have taken its line over since.
TEST_F(WentOnStart, M5WhatAnOrderGaveUpIsNotServedByAJournalThatDecidesNoMore) {
    head = &world.serve("other");
    write(by_other);
    world.close(*head);
    ASSERT_NO_FATAL_FAILURE(die_when_it_has_the_record(world, "/b"));
    missing("/b");
    there("/a");
    expect_wait_for_b();
    there("/b");
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
    EXPECT_EQ(read(), EngineWorld::pattern(4096, by_other));
}

/// Who wants that says so.
TEST_F(WentOnStart, M5TheOrderedHeadGoesOverWhenThatIsOrdered) {
    another_head_goes_on();
    missing("/b");
    expect_wait_for_b();
    EXPECT_THAT(head->engine->status().reason, HasSubstr("'dstctl start vol0 --accept-data-loss'"));
    ASSERT_TRUE(head->engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
    EXPECT_EQ(read(), EngineWorld::pattern(4096, by_other));
    there("/b");
    world.loop.run_for(minutes(1));
    EXPECT_EQ(world.platter("/b").read({0, 4096}), EngineWorld::pattern(4096, on_b));
}

TEST_F(WentOnStart, M7WithoutAnotherHeadItIsOwedEverything) {
    there("/a");
    head = &world.serve();
    EXPECT_EQ(read(), EngineWorld::pattern(4096, on_b));
    EXPECT_EQ(head->engine->status().tree->children.at(0).state, VertexState::dirty);
    expect_in_sync();
    EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, on_b));
    EXPECT_EQ(world.events.count("member-split"), 0u);
    EXPECT_EQ(world.events.count("storage-split"), 0u);
}

}  // namespace
}  // namespace dst
