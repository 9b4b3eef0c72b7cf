// Who comes while an order to lose data is being carried out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/journal.h"
#include "media/label.h"
#include "media/record.h"
#include "start/order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// /a and /b have what was written last, /c has left before, and is all that is there.
struct OrderInTime : testing::Test {
    OrderInTime() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve("other"));
        EngineWorld::Head* head = &world.serve();
        EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world.close(*head);
        world.platter("/c").set_missing(true);
        head = &world.serve();
        EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
        world.close(*head);
        for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(true);
        world.platter("/c").set_missing(false);
    }
    void expect_last_data(EngineWorld::Head& head) {
        ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(60)));
        Bytes bytes(4096);
        ASSERT_EQ(world.read(head, 0, bytes), Errc::ok);
        EXPECT_EQ(bytes, EngineWorld::pattern(4096, 2));
    }
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
};

TEST_F(OrderInTime, AMemberThatIsALittleLateIsNotGivenUp) {
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(3));
    EXPECT_EQ(head.serving, 0);
    world.platter("/b").set_missing(false);
    expect_last_data(head);
}

TEST_F(OrderInTime, AMemberThatComesBeforeARecordIsWrittenIsNotGivenUp) {
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(20));
    const std::size_t ups = world.events.count("medium-up");
    bool writes = false;
    world.platter("/c").on_carry_out = [&](const Request& request) {
        if (request.operation != Operation::write || std::exchange(writes, true)) return;
        world.platter("/c").set_hung(true);
        world.platter("/b").set_missing(false);
    };
    ASSERT_TRUE(head.engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
    const auto is_up = [&] { return world.events.count("medium-up") == ups + 1; };
    ASSERT_TRUE(world.loop.run_until(is_up, seconds(12)));
    EXPECT_TRUE(writes);
    world.platter("/c").set_hung(false);
    expect_last_data(head);
}

/// The record is on a member when the attempt ends, or the head dies: what it gave up is given up, and told of once.
class OrderBegun : public OrderInTime {
public:
    EngineWorld::Head& begin_and_end(const std::string& journal = "head0") {
        EngineWorld::Head& head = world.open(journal);
        world.loop.run_for(seconds(20));
        sim::SimPlatter& platter = world.platter("/c");
        bool written = false;
        platter.on_carry_out = [&](const Request& request) {
            if (request.operation != Operation::write || written) return;
            Bytes bytes(request.extent.length);
            copy_from_pieces(request.pieces, bytes);
            const Result<DecodedRecord> record = decode_record(bytes);
            written = record && record->record.forced;
            // It stands, and the mark that it serves does not.
            const std::uint64_t labels = leaf_size_bytes(platter.geometry().size_bytes);
            if (written) platter.fail(Operation::write, {labels, label_area_bytes}, Errc::medium_error, 1);
        };
        EXPECT_TRUE(head.engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
        const auto again = [&] { return written && world.events.count("start-again") != 0; };
        EXPECT_TRUE(world.loop.run_until(again, seconds(12)));
        platter.on_carry_out = nullptr;
        EXPECT_EQ(head.serving, 0);
        return head;
    }
    std::string last(const std::string& id) const {
        std::string line;
        for (const auto& entry : world.events.entries) line = entry.id == id ? entry.line : line;
        return line;
    }
};

class OrderBegunAndDied : public OrderBegun, public testing::WithParamInterface<bool> {};

TEST_P(OrderBegunAndDied, IsToldOfWhenItIsCarriedOut) {
    EngineWorld::Head* head = &begin_and_end();
    if (GetParam()) {
        world.crash(*head);
        head = &world.open();
    }
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, seconds(60)));
    EXPECT_THAT(last("start-forced"), HasSubstr("mirror m0 starts from /c, as ordered"));
    EXPECT_THAT(last("start-order-done"), HasSubstr("is carried out"));
    world.close(*head);
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
    world.close(world.serve());
    EXPECT_EQ(world.events.count("start-forced"), 1u);
    EXPECT_THAT(last("start-order-done"), HasSubstr("was not needed"));
}

/// With the journal's write it is carried out, and no start after it follows it: so it is told of then.
TEST_F(OrderInTime, ItIsToldOfThoughAMemberIsLostBeforeItServes) {
    EngineWorld::Head& head = world.open();
    world.loop.run_for(seconds(20));
    ASSERT_TRUE(head.engine->order({StartOrder::accept_data_loss, {}, {}, 0}));
    bool lost = false;
    world.journal().on_written = [&](const Bytes& slot) {
        const Result<Journal> journal = decode_journal(slot);
        if (!journal || journal->order != StartOrder::none || std::exchange(lost, true)) return;
        world.platter("/c").set_missing(true);
    };
    ASSERT_TRUE(world.loop.run_until([&] { return lost; }, seconds(12)));
    world.loop.run_for(seconds(3));
    ASSERT_EQ(head.serving, 0);
    world.platter("/c").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, seconds(60)));
    EXPECT_EQ(world.events.count("start-forced"), 1u);
    EXPECT_EQ(world.events.count("start-order-done"), 1u);
    world.close(head);
}

/// The others are there when it begins again, and it is not: nothing was acknowledged by what it was given.
TEST_F(OrderBegun, IsToldOfWhenItIsNotNeededAnyMore) {
    EngineWorld::Head& head = begin_and_end("other");
    world.platter("/c").set_missing(true);
    for (const char* path : {"/a", "/b"}) world.platter(path).set_missing(false);
    expect_last_data(head);
    EXPECT_EQ(world.events.count("start-forced"), 0u);
    EXPECT_EQ(world.events.count("start-other-side"), 0u);
    EXPECT_THAT(last("start-order-done"), HasSubstr("is not needed any more, and is taken back. An attempt had begun"));
    world.close(head);
}

INSTANTIATE_TEST_SUITE_P(, OrderBegunAndDied, testing::Bool());

}  // namespace
}  // namespace dst
