#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/journal.h"
#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using ::testing::HasSubstr;

StartOrder order_in(EngineWorld& world, const std::string& journal = "head0") {
    const JournalChoice choice = choose_journal({world.journal(journal).slots, {}, 0, false});
    return choice.journal ? choice.journal->order : StartOrder::none;
}

/// Opens, waits a while, and gives the reason why it does not serve.
std::string waits(EngineWorld& world, const std::string& journal = "head0") {
    EngineWorld::Head& head = world.open(journal);
    world.loop.run_for(std::chrono::seconds(5));
    EXPECT_EQ(head.serving, 0);
    const std::string reason = head.engine->status().reason;
    world.close(head);
    return reason;
}

std::string split_reason(EngineWorld& world) {
    EngineWorld::Head& head = world.open();
    EXPECT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, std::chrono::seconds(10)));
    EXPECT_EQ(head.engine->status().state, StorageState::split);
    const std::string reason = head.engine->status().reason;
    world.close(head);
    return reason;
}

Bytes read_back(EngineWorld& world, EngineWorld::Head& head, std::uint64_t offset = 0) {
    Bytes bytes(4096);
    EXPECT_EQ(world.read(head, offset, bytes), Errc::ok);
    return bytes;
}

VertexState state_of(EngineWorld::Head& head, std::size_t child) {
    return head.engine->status().tree->children.at(child).state;
}

/// /b left the mirror, /a was written to alone and is gone.
void lose_the_newer_one(EngineWorld& world) {
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_EQ(world.flush(head), Errc::ok);
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.close(head);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
}

/// Both members of a mirror were written to without each other; both are there again.
void split_in_turn(EngineWorld& world, bool at_end = false) {
    const auto place = [&](EngineWorld::Head& head) { return at_end ? head.engine->status().size_bytes - 4096 : 0; };
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").set_missing(true);
    EngineWorld::Head& one = world.serve();
    EXPECT_EQ(world.write(one, place(one), EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(one);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "other"));
    EngineWorld::Head& other = world.serve("other");
    EXPECT_EQ(world.write(other, place(other), EngineWorld::pattern(4096, 2)), Errc::ok);
    world.close(other);
    world.platter("/a").set_missing(false);
}

TEST(StartOrder, WithoutOneTheStartWaitsAndNamesTheCommand) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.platter("/b").set_missing(true);
    const std::string reason = waits(world, "another");
    EXPECT_THAT(reason, HasSubstr("waits for /b"));
    EXPECT_THAT(reason, HasSubstr("'dstctl start vol0 --accept-data-loss' starts the storage without it, from /a"));
    EXPECT_THAT(reason, HasSubstr("what only /b holds is lost"));
}

TEST(StartOrder, TheCommandNamesTheFileOfAStorageThatIsOutermost) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.storage.file = "/etc/dst/vol0.yaml";
    world.platter("/b").set_missing(true);
    EXPECT_THAT(waits(world, "another"), HasSubstr("'dstctl start /etc/dst/vol0.yaml --accept-data-loss'"));
    world.outermost = false;
    EXPECT_THAT(waits(world, "yet-another"), HasSubstr("'dstctl start vol0 --accept-data-loss'"));
}

TEST(StartOrder, AcceptedLossStartsFromTheMemberThatIsThereWithoutAJournal) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EXPECT_EQ(world.write(first, 0, bytes), Errc::ok);
    world.crash(first);
    world.platter("/b").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "another"));
    EngineWorld::Head& head = world.serve("another");
    EXPECT_EQ(read_back(world, head), bytes);
    EXPECT_EQ(state_of(head, 0), VertexState::in_sync);
    EXPECT_EQ(state_of(head, 1), VertexState::dirty);
    EXPECT_EQ(head.engine->status().generation, 2u);
    EXPECT_EQ(world.events.count("start-forced"), 1u);
    const JournalChoice journal = choose_journal({world.journal("another").slots, {}, 0, false});
    ASSERT_TRUE(journal.journal);
    EXPECT_TRUE(journal.journal->records.at(0).forced);
    EXPECT_TRUE(find_member(journal.journal->records.at(0), 2)->last_generation.is_nil());
}

TEST(StartOrder, IsCarriedOutOnce) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/c").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "another"));
    EXPECT_EQ(order_in(world, "another"), StartOrder::accept_data_loss);
    world.close(world.serve("another"));
    EXPECT_EQ(order_in(world, "another"), StartOrder::none);
    world.journal("another").remove();
    world.platter("/b").set_missing(true);
    EXPECT_THAT(waits(world, "another"), HasSubstr("waits for /b"));
}

TEST(StartOrder, OneThatIsNotNeededChangesNothingAndIsTakenBack) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(head.engine->status().state, StorageState::healthy);
    EXPECT_EQ(head.engine->status().generation, 1u);
    EXPECT_EQ(world.events.count("start-forced"), 0u);
    EXPECT_EQ(world.events.count("start-order-done"), 1u);
    world.close(head);
    EXPECT_EQ(order_in(world), StartOrder::none);
}

TEST(StartOrder, ADirtyMemberIsUsedOnlyWhenOrdered) {
    EngineWorld world(two_disks());
    lose_the_newer_one(world);
    EXPECT_THAT(waits(world),
                HasSubstr("from /b, which is not in sync: it has generation 1, the newest that is known is 2"));
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, 1));
    EXPECT_EQ(state_of(head, 0), VertexState::dirty);
    EXPECT_EQ(state_of(head, 1), VertexState::in_sync);
}

TEST(StartOrder, TheNewestOfTheDirtyOnesIsUsed) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.platter("/c").set_missing(true);
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 3)), Errc::ok);
    world.close(first);
    for (const char* path : {"/b", "/c"}) world.platter(path).set_missing(false);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, 2));
    EXPECT_EQ(state_of(head, 1), VertexState::dirty);
    EXPECT_EQ(state_of(head, 2), VertexState::in_sync);
}

TEST(StartOrder, ACrashAfterTheForcedRecordCarriesItOutAgain) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        EngineWorld world(two_disks(), seed);
        lose_the_newer_one(world);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
        EngineWorld::Head& dies = world.open();
        // Anywhere in the start, which takes some 20 ms after the nodes were waited for.
        world.loop.run_for(std::chrono::microseconds(1500'000 + seed * 1500));
        world.crash(dies);
        EngineWorld::Head& head = world.serve();
        EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, 1)) << seed;
        EXPECT_EQ(state_of(head, 0), VertexState::dirty) << seed;
        world.close(head);
        EXPECT_EQ(order_in(world), StartOrder::none) << seed;
        world.platter("/a").set_missing(false);
        EngineWorld::Head& again = world.serve();
        EXPECT_EQ(read_back(world, again), EngineWorld::pattern(4096, 1)) << seed;
        EXPECT_EQ(state_of(again, 0), VertexState::dirty) << seed;
    }
}

TEST(StartOrder, AStartThatWaitsCarriesItOutWhenTheHeadIsTold) {
    EngineWorld world(two_disks());
    lose_the_newer_one(world);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(std::chrono::seconds(5));
    ASSERT_EQ(head.serving, 0);
    const auto answer = head.engine->order({StartOrder::accept_data_loss, "", {}, 0});
    ASSERT_TRUE(answer);
    EXPECT_THAT(*answer, HasSubstr("carries the order out now"));
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving > 0; }, std::chrono::seconds(10)));
    EXPECT_EQ(order_in(world), StartOrder::none);
    EXPECT_FALSE(head.engine->order({StartOrder::accept_data_loss, "", {}, 0}));
}

TEST(StartOrder, AHeadThatHasTheJournalKeepsOthersFromLeavingOne) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.serve();
    const auto left = order(world, StartOrder::accept_data_loss);
    ASSERT_FALSE(left);
    EXPECT_EQ(left.error().code, Errc::busy);
}

TEST(StartOrder, AnotherStoragesJournalTakesNone) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.storage.name = "vol1";
    const auto left = order(world, StartOrder::accept_data_loss);
    ASSERT_FALSE(left);
    EXPECT_THAT(left.error().text, HasSubstr("is of the storage 'vol0', not of 'vol1'"));
}

TEST(StartOrder, AMemberThatReturnsAfterAForcedStartIsOwedEverything) {
    EngineWorld world(two_disks());
    lose_the_newer_one(world);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.close(world.serve());
    world.platter("/a").set_missing(false);
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, 1));
    EXPECT_EQ(state_of(head, 0), VertexState::dirty);
}

TEST(StartOrder, AnInnerMirrorLosesDataOnlyWhenTheOuterOneCannotStartWithoutIt) {
    EngineWorld world(mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}), disk_node("/c")}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    EXPECT_EQ(world.flush(first), Errc::ok);
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.close(first);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "another"));
    EngineWorld::Head& head = world.serve("another");
    EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, 2));
    EXPECT_EQ(state_of(head, 0), VertexState::dirty);
    world.close(head);
    world.platter("/c").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "another"));
    EngineWorld::Head& last = world.serve("another");
    EXPECT_EQ(read_back(world, last), EngineWorld::pattern(4096, 1));
    EXPECT_EQ(state_of(last, 1), VertexState::dirty);
}

TEST(StartOrder, TakeoverGoesPastAnotherLiveHeadOnce) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.live_elsewhere = true;
    EXPECT_THAT(waits(world), HasSubstr("another head is alive on /a: tgtd[7] on alpha"));
    EXPECT_THAT(waits(world), HasSubstr("'dstctl start vol0 --takeover'"));
    ASSERT_TRUE(order(world, StartOrder::takeover));
    world.close(world.serve());
    EXPECT_EQ(order_in(world), StartOrder::none);
    EXPECT_THAT(waits(world), HasSubstr("another head is alive on /a: tgtd[7] on alpha (epoch 1);"));
}

/// Of two that hold a promise each and wait for each other neither would serve (M5 step 1).
TEST(StartOrder, AHeadThatServesIsWaitedForAndOneThatOnlyStartsIsNot) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.head_on = [](const Label& label) { return std::optional(label.served); };
    EXPECT_THAT(waits(world), HasSubstr("another head is alive on /a: tgtd[7] on alpha"));
    world.head_on = [](const Label& label) { return std::optional(Epoch{label.served.number + 1, Id{{7}}}); };
    EXPECT_EQ(world.serve().engine->status().state, StorageState::healthy);
}

TEST(StartOrder, ASplitNamesTheCommandsForBothSides) {
    EngineWorld world(two_disks());
    split_in_turn(world);
    const std::string reason = split_reason(world);
    EXPECT_THAT(reason, HasSubstr("'dstctl resolve vol0 --discard /a'"));
    EXPECT_THAT(reason, HasSubstr("'dstctl resolve vol0 --discard /b'"));
}

TEST(StartOrder, ResolveGivesUpTheMemberThatIsNamed) {
    for (const auto& [given_up, seed_kept] : {std::pair{0u, 2u}, std::pair{1u, 1u}}) {
        EngineWorld world(two_disks());
        split_in_turn(world);
        split_reason(world);
        ASSERT_TRUE(order(world, StartOrder::resolve, given_up == 0 ? "/a" : "/b"));
        EngineWorld::Head& head = world.serve();
        EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, seed_kept));
        EXPECT_EQ(state_of(head, given_up), VertexState::dirty);
        EXPECT_EQ(state_of(head, 1 - given_up), VertexState::in_sync);
        EXPECT_EQ(world.write(head, 4096, EngineWorld::pattern(4096, 3)), Errc::ok);
        world.close(head);
        EXPECT_EQ(order_in(world), StartOrder::none);
        // Resolved for good, with the journal and without.
        for (const char* journal : {"head0", "third"}) {
            EngineWorld::Head& again = world.serve(journal);
            EXPECT_EQ(read_back(world, again, 4096), EngineWorld::pattern(4096, 3));
            EXPECT_EQ(state_of(again, given_up), VertexState::dirty);
            world.close(again);
        }
    }
}

/// The journal is of the side that is given up, and decides for no other mirror either.
TEST(StartOrder, M5ResolveThatGivesUpTheJournalsSideNeedsAllInSyncOfOtherMirrors) {
    EngineWorld world(linear_node("l0", {mirror_node("m1", {disk_node("/c"), disk_node("/d")}), two_disks()}));
    split_in_turn(world, true);
    world.platter("/d").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b", "other"));
    EXPECT_THAT(waits(world, "other"), HasSubstr("waits for /d"));
    world.platter("/d").set_missing(false);
    EngineWorld::Head& head = world.serve("other");
    EXPECT_EQ(read_back(world, head, head.engine->status().size_bytes - 4096), EngineWorld::pattern(4096, 1));
}

/// The journal was made by a start that did not see the mirror below.
TEST(StartOrder, M5JournalThatKnowsNothingOfAMirrorDoesNotDecideForIt) {
    EngineWorld world(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {disk_node("/b"), disk_node("/c")})}));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& first = world.serve();
    world.platter("/a").set_missing(true);
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.loop.run_for(std::chrono::seconds(15));
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(first, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.crash(first);
    world.platter("/c").set_missing(true);
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "other"));
    world.close(world.serve("other"));
    world.platter("/b").set_missing(false);
    // /b was left out by a record that only /c has: it alone is not m1.
    EngineWorld::Head& head = world.serve("other");
    world.loop.run_for(std::chrono::seconds(5));
    EXPECT_EQ(world.events.count("mirror-started"), 0u);
    world.platter("/c").set_missing(false);
    EXPECT_TRUE(
        world.loop.run_until([&] { return world.events.count("member-split") == 1; }, std::chrono::seconds(60)));
    world.close(head);
}

TEST(StartOrder, ResolveOfAMemberThatIsNotSplitIsTakenBack) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(head.engine->status().state, StorageState::healthy);
    EXPECT_EQ(order_in(world), StartOrder::none);
}

TEST(StartOrder, ResolveOfAnUnknownMemberIsRefused) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const auto left = order(world, StartOrder::resolve, "/c");
    ASSERT_FALSE(left);
    EXPECT_EQ(left.error().code, Errc::not_found);
}

TEST(StartOrder, ACrashWhileASplitIsResolvedCarriesItOutAgain) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        EngineWorld world(two_disks(), seed);
        split_in_turn(world);
        ASSERT_TRUE(order(world, StartOrder::resolve, "/a"));
        EngineWorld::Head& dies = world.open();
        world.loop.run_for(std::chrono::microseconds(seed * 1500));
        world.crash(dies);
        EngineWorld::Head& head = world.serve();
        EXPECT_EQ(read_back(world, head), EngineWorld::pattern(4096, 2)) << seed;
        // Given up, or already brought up to date from the other one.
        ASSERT_TRUE(
            world.loop.run_until([&] { return state_of(head, 0) == VertexState::in_sync; }, std::chrono::minutes(1)));
        EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, 2)) << seed;
    }
}

}  // namespace
}  // namespace dst
