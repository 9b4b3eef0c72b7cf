// When an order is taken, what is told of it, and when it is taken back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>

#include "media/journal.h"
#include "media/label.h"
#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct OrderTaken : testing::Test {
    OrderTaken() { EXPECT_TRUE(world.init().done); }
    /// Opens, and writes to the storage without `missing`, by what `journal` knows.
    void go_on_without(const char* missing, const std::string& journal, unsigned seed) {
        world.platter(missing).set_missing(true);
        EngineWorld::Head& head = world.serve(journal);
        EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, seed)), Errc::ok);
        world.close(head);
        world.platter(missing).set_missing(false);
    }
    void split() {
        world.close(world.serve());
        go_on_without("/b", "head0", 1);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss, "", "other"));
        go_on_without("/a", "other", 2);
    }
    static Result<std::string> order_of(EngineWorld::Head& head, StartOrder what, const std::string& member = "") {
        return head.engine->order({what, member, {}, 0});
    }
    StartOrder ordered() {
        const JournalChoice choice = choose_journal({world.journal().slots, {}, 0, false});
        return choice.journal ? choice.journal->order : StartOrder::none;
    }
    bool claims(const std::string& journal) {
        const JournalChoice choice = choose_journal({world.journal(journal).slots, {}, 0, false});
        return choice.journal && !choice.journal->established.none();
    }
    EngineWorld::Head& open_split() {
        EngineWorld::Head& head = world.open();
        EXPECT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, seconds(10)));
        EXPECT_EQ(head.engine->status().state, StorageState::split);
        return head;
    }
    /// `then` hears whether it writes a label.
    void on_request(const char* path, const std::function<void(bool label)>& then) {
        const std::uint64_t labels = world.platter(path).geometry().size_bytes - label_area_bytes;
        world.platter(path).on_carry_out = [=](const Request& request) {
            then(request.operation == Operation::write && request.extent.offset >= labels);
        };
    }
    void at_first_promise(const char* path, const std::function<void()>& then) {
        on_request(path, [then, promised = std::make_shared<bool>(false)](bool label) {
            if (label && !std::exchange(*promised, true)) then();
        });
    }
    void expect_data(EngineWorld::Head& head, unsigned seed) {
        Bytes bytes(4096);
        ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
        EXPECT_EQ(bytes, EngineWorld::pattern(4096, seed));
    }
    std::string told(const std::string& id) const {
        std::string lines;
        for (const auto& entry : world.events.entries) {
            if (entry.id == id) lines += entry.line + "\n";
        }
        return lines;
    }
    EngineWorld world{two_disks()};
};

TEST_F(OrderTaken, ToLoseDataDecidesNoSplitAndDoesNotStay) {
    split();
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = open_split();
    EXPECT_THAT(head.failed->text, HasSubstr("decides no split, and is taken back: 'dstctl resolve' decides it"));
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(order_of(head, StartOrder::none)) << "there is none any more";
    world.close(head);
    EXPECT_EQ(ordered(), StartOrder::none);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/a"));
    world.close(world.serve());
}

TEST_F(OrderTaken, ToLoseDataNotWhileNothingIsThereToStartFrom) {
    world.close(world.serve());
    go_on_without("/b", "head0", 1);
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(true);
    EngineWorld::Head& head = world.open();
    const auto give = [&] { return head.engine->order({StartOrder::accept_data_loss, {}, {}, 0}); };
    for (int time = 0; time < 5; ++time) {
        const auto given = give();
        ASSERT_FALSE(given);
        EXPECT_THAT(given.error().text, HasSubstr(time == 0 ? "journal is being opened" : "can be reached now: "));
        world.loop.run_for(seconds(1));
    }
    EXPECT_THAT(give().error().text, AllOf(HasSubstr("no node can be reached: /a"), HasSubstr("give the order again")));
    EXPECT_THAT(head.engine->status().reason, Not(HasSubstr("it is ordered")));
    // The older one: it is told what that costs, and then it is followed.
    world.platter("/b").set_missing(false);
    world.loop.run_for(seconds(6));
    EXPECT_EQ(head.serving, 0);
    ASSERT_TRUE(give());
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(10)));
}

/// What would be started from is lost before it is ordered.
TEST_F(OrderTaken, ToLoseDataNotWhenWhatWasToldOfIsGoneAgain) {
    world.close(world.serve());
    go_on_without("/b", "head0", 1);
    world.platter("/a").set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(5));
    ASSERT_THAT(head.engine->status().reason, HasSubstr("--accept-data-loss"));
    world.platter("/b").set_missing(true);
    world.loop.run_for(seconds(3));
    EXPECT_FALSE(head.engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
    EXPECT_EQ(ordered(), StartOrder::none);
}

TEST_F(OrderTaken, IsToldOfWhenItIsGivenAndWhenItLiesInTheJournal) {
    world.live_elsewhere = true;
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(5));
    ASSERT_TRUE(order_of(head, StartOrder::resolve, "/b"));
    EXPECT_THAT(told("start-order-taken"), HasSubstr("the storage is ordered to give up one side of a split"));
    world.loop.run_for(seconds(3));
    EXPECT_THAT(head.engine->status().reason, HasSubstr("; it is ordered to give up one side of a split"));
    world.close(head);
    ASSERT_EQ(ordered(), StartOrder::resolve);
    EngineWorld::Head& again = world.open();
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.events.count("start-order-taken"), 2u);
    EXPECT_THAT(again.engine->status().reason, HasSubstr("; it is ordered to give up one side of a split"));
}

TEST_F(OrderTaken, IsTakenBackByAHeadThatWaits) {
    world.close(world.serve());
    go_on_without("/b", "head0", 1);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(true);
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(8));
    EXPECT_THAT(head.engine->status().reason, HasSubstr("it is ordered to start with loss of data"));
    ASSERT_TRUE(order_of(head, StartOrder::none));
    world.loop.run_for(seconds(1));
    EXPECT_THAT(told("start-order-done"), HasSubstr("the order to start with loss of data is taken back"));
    world.platter("/b").set_missing(false);
    world.loop.run_for(seconds(20));
    EXPECT_EQ(head.serving, 0);
    EXPECT_EQ(ordered(), StartOrder::none);
    EXPECT_FALSE(order_of(head, StartOrder::none)) << "there is none any more";
}

/// At any moment of the start that follows it: either it is taken back, or it is too late.
TEST_F(OrderTaken, IsTakenBackOrCarriedOutButNotBoth) {
    unsigned times[2] = {0, 0};
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        struct Each : OrderTaken {
            void TestBody() override {}
        } each;
        each.world.close(each.world.serve());
        each.go_on_without("/b", "head0", 1);
        ASSERT_TRUE(order(each.world, StartOrder::accept_data_loss));
        each.world.platter("/a").set_missing(true);
        EngineWorld::Head& head = each.world.open();
        each.world.loop.run_for(std::chrono::microseconds(4990'000 + seed * 1500));
        if (head.serving != 0) continue;
        const bool taken_back = order_of(head, StartOrder::none).has_value();
        each.world.loop.run_for(seconds(10));
        EXPECT_EQ(head.serving, taken_back ? 0 : 1) << seed;
        ++times[taken_back ? 1 : 0];
    }
    EXPECT_GT(times[0], 0u);
    EXPECT_GT(times[1], 0u);
}

TEST_F(OrderTaken, ToResolveNotByAStorageThatServesWhichSaysTheWay) {
    world.storage.file = "/etc/dst/vol0.yaml";
    EngineWorld::Head& head = world.serve();
    const auto given = order_of(head, StartOrder::resolve, "/b");
    ASSERT_FALSE(given);
    EXPECT_THAT(given.error().text,
                AllOf(HasSubstr("close the storage (end its sessions, remove the LUN), order 'dstctl resolve "
                                "/etc/dst/vol0.yaml --discard /b' again"),
                      HasSubstr("open it (add the LUN)")));
}

TEST_F(OrderTaken, ToLoseDataNotByOneThatHoldsWhichSaysTheWay) {
    world.storage.file = "/etc/dst/vol0.yaml";
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(order_of(head, StartOrder::accept_data_loss).error().text, HasSubstr("nothing is to be ordered"));
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(true);
    world.loop.run_for(seconds(10));
    ASSERT_EQ(head.engine->status().state, StorageState::held);
    const std::string way = "'dstctl start /etc/dst/vol0.yaml --accept-data-loss'";
    EXPECT_THAT(head.engine->status().reason, HasSubstr(way));
    const auto given = order_of(head, StartOrder::accept_data_loss);
    ASSERT_FALSE(given);
    EXPECT_THAT(given.error().text,
                AllOf(HasSubstr("waits for what is away"), HasSubstr("remove the LUN"), HasSubstr(way)));
}

TEST_F(OrderTaken, StandsWhenTheStartFailsWhichSaysSo) {
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    for (const char* path : {"/a", "/b"}) world.platter(path).replace_blank(16u << 20);
    EngineWorld::Head& head = world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, seconds(30)));
    EXPECT_THAT(head.failed->text, HasSubstr("the order that lies in the journal, to start with loss of data"));
    EXPECT_THAT(head.failed->text, HasSubstr("--cancel' takes it back"));
}

TEST_F(OrderTaken, AndNotNeededClaimsNotThatNothingIsLost) {
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.close(world.serve());
    EXPECT_THAT(told("start-order-done"),
                AllOf(HasSubstr("was not needed, and is taken back"), Not(HasSubstr("nothing is lost"))));
}

/// A member has the record without /a, and the attempt ends: what it gives up it has given up.
TEST_F(OrderTaken, IsNotTakenBackWhenAMemberMayHaveItsRecord) {
    world.close(world.serve());
    world.platter("/a").set_missing(true);
    EngineWorld::Head& head = world.open("another");
    world.loop.run_for(seconds(10));
    // The record is written, the mark that the head has served is not.
    unsigned labels = 0;
    world.platter("/b").on_carry_out = [&](const Request& request) {
        const bool label = request.extent.offset >= world.platter("/b").geometry().size_bytes - label_area_bytes;
        if (request.operation == Operation::write && label && ++labels == 3) world.platter("/b").set_missing(true);
    };
    ASSERT_TRUE(order_of(head, StartOrder::accept_data_loss));
    ASSERT_TRUE(
        world.loop.run_until([&] { return labels > 3 || world.events.count("start-again") != 0; }, seconds(30)));
    const Result<std::string> answer = order_of(head, StartOrder::none);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::busy);
    world.close(head);
}

TEST_F(OrderTaken, StandsWhenTheJournalDoesNotTakeThatItIsTakenBack) {
    world.close(world.serve());
    world.platter("/a").set_missing(true);
    world.platter("/b").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(1));
    world.journal().fail_write = Errc::no_space;
    EXPECT_TRUE(order_of(head, StartOrder::none));
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.events.count("start-order-done"), 0u);
    EXPECT_EQ(world.events.count("start-order-stays"), 1u);
    EXPECT_THAT(head.engine->status().reason, HasSubstr("it is ordered to start with loss of data"));
    world.journal().fail_write = Errc::ok;
    EXPECT_TRUE(order_of(head, StartOrder::none));
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.events.count("start-order-done"), 1u);
    EXPECT_EQ(ordered(), StartOrder::none);
    world.close(head);
}

/// At a split: the head knows of it as the journal does, and it can be taken back when that is mended.
TEST_F(OrderTaken, ToLoseDataStandsWhenTheJournalDoesNotTakeThatASplitEndsIt) {
    split();
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.journal().fail_write = Errc::no_space;
    EngineWorld::Head& head = open_split();
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("journal-write-failed") == 1; }, seconds(1)));
    world.journal().fail_write = Errc::ok;
    EXPECT_EQ(ordered(), StartOrder::accept_data_loss);
    EXPECT_THAT(told("start-order-stays"), HasSubstr("'dstctl start vol0 --cancel'"));
    EXPECT_TRUE(order_of(head, StartOrder::none));
    world.loop.run_for(seconds(1));
    EXPECT_EQ(ordered(), StartOrder::none);
    world.close(head);
}

TEST_F(OrderTaken, ToResolveStaysWhenTheJournalDoesNotTakeThatASplitEndsTheOneBefore) {
    split();
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.journal().fail_write = Errc::no_space;
    EngineWorld::Head& head = open_split();
    ASSERT_TRUE(order_of(head, StartOrder::resolve, "/a"));
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("journal-write-failed") == 1; }, seconds(1)));
    world.journal().fail_write = Errc::ok;
    EXPECT_EQ(told("start-order-stays"), "");
    world.close(head);
    EXPECT_EQ(ordered(), StartOrder::resolve);
    expect_data(world.serve(), 2);
}

/// The members have been promised its epoch, and none has a record by it.
TEST_F(OrderTaken, InTheMiddleOfAnAttemptIsFollowedInPlaceOfTheOneBefore) {
    split();
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    EngineWorld::Head& head = world.open();
    bool given = false;
    at_first_promise("/a", [&] { given = order_of(head, StartOrder::resolve, "/a").has_value(); });
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    EXPECT_TRUE(given);
    expect_data(head, 2);
}

TEST_F(OrderTaken, InTheMiddleOfAnAttemptEndsTheOneToLoseData) {
    world.close(world.serve());
    go_on_without("/b", "head0", 1);
    world.platter("/a").set_missing(true);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = world.open();
    bool given = false;
    at_first_promise("/b", [&] { given = order_of(head, StartOrder::takeover).has_value(); });
    world.loop.run_for(seconds(30));
    EXPECT_TRUE(given);
    EXPECT_EQ(head.serving, 0);
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    expect_data(head, 1);
    EXPECT_EQ(world.events.count("start-forced"), 0u);
}

/// The journal is of the side that is given up. Whenever another order comes: once members are promised an epoch, it
/// claims nothing.
TEST_F(OrderTaken, M5InTheMiddleOfAnAttemptDoesNotBringBackTheJournalThatIsGivenUp) {
    bool promised = false;
    for (unsigned at = 1; !promised; ++at) {
        struct Each : OrderTaken {
            void TestBody() override {}
        } each;
        each.split();
        // Of an epoch that the other side has not heard of, it decides.
        each.go_on_without("/a", "other", 3);
        ASSERT_TRUE(order(each.world, StartOrder::resolve, "/b", "other"));
        EngineWorld::Head& head = each.world.open("other");
        const auto again = [&] { return each.world.events.count("start-again") == 1; };
        ASSERT_TRUE(each.world.loop.run_until(again, seconds(30))) << "the journal does not count from now on";
        unsigned requests = 0;
        bool given = false;
        each.on_request("/a", [&](bool label) {
            if (++requests == at) given = order_of(head, StartOrder::resolve, "/b").has_value();
            if (!label) return;
            EXPECT_FALSE(each.claims("other")) << at;
            promised = promised || requests <= at;
        });
        ASSERT_TRUE(each.world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
        EXPECT_TRUE(given) << at;
        each.expect_data(head, 1);
        each.world.close(head);
    }
}

/// What it says of the split it says after the next attempt, too.
TEST_F(OrderTaken, ToResolveIsKeptWholeWhenTheJournalDoesNotTakeItsEnd) {
    split();
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    EngineWorld::Head& head = world.open();
    world.journal().on_written = [&](const Bytes&) {
        if (ordered() == StartOrder::none) world.journal().fail_write = Errc::no_space;
    };
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("journal-write-failed") == 1; }, seconds(30)));
    world.journal().on_written = nullptr;
    world.journal().fail_write = Errc::ok;
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    EXPECT_THAT(told("start-order-done"), HasSubstr("the split is resolved as ordered"));
    expect_data(head, 1);
}

TEST_F(OrderTaken, ToResolveIsKeptWholeWhenTheJournalDoesNotTakeThatItIsTakenBack) {
    split();
    world.live_elsewhere = true;
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(5));
    world.journal().fail_write = Errc::no_space;
    EXPECT_TRUE(order_of(head, StartOrder::none));
    world.loop.run_for(seconds(1));
    ASSERT_EQ(world.events.count("start-order-stays"), 1u);
    world.journal().fail_write = Errc::ok;
    world.live_elsewhere = false;
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(30)));
    expect_data(head, 1);
}

}  // namespace
}  // namespace dst
