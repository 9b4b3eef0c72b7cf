// When an order is taken, what is told of it, and when it is taken back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/journal.h"
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
    StartOrder ordered() {
        const JournalChoice choice = choose_journal({world.journal().slots, {}, 0, false});
        return choice.journal ? choice.journal->order : StartOrder::none;
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
    EngineWorld::Head& head = world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, seconds(10)));
    EXPECT_EQ(head.engine->status().state, StorageState::split);
    EXPECT_THAT(head.failed->text, HasSubstr("decides no split, and is taken back: 'dstctl resolve' decides it"));
    world.close(head);
    EXPECT_EQ(ordered(), StartOrder::none);
    ASSERT_TRUE(order(world, StartOrder::resolve, "/a"));
    world.close(world.serve());
}

TEST_F(OrderTaken, AndNotNeededClaimsNotThatNothingIsLost) {
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.close(world.serve());
    EXPECT_THAT(told("start-order-done"),
                AllOf(HasSubstr("was not needed, and is taken back"), Not(HasSubstr("nothing is lost"))));
}

}  // namespace
}  // namespace dst
