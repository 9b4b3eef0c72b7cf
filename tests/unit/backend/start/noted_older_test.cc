// A start that an order forced from a stale member ends; that member was an older copy of itself (M7).
#include <gtest/gtest.h>

#include "media/layout.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// How the attempt ends when /b has its record: the head dies; a copy of the record, or the mark, is not written, and
/// the head goes on, or is ended in order.
enum class Attempt { head_dies, copy_fails, mark_fails_and_head_ends };

/// /b missed what is in one region, had it copied, and left with another region owed to it; then an older copy of it,
/// from before all that, was put in its place.
struct NotedOlder : testing::TestWithParam<Attempt> {
    static constexpr std::uint64_t long_ago = 8u << 20;

    NotedOlder() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        sim::SimPlatter& b = world.platter("/b");
        const Bytes older = b.read({0, b.geometry().size_bytes});
        write_without_b(long_ago);
        b.set_missing(false);
        EXPECT_TRUE(healthy());
        world.loop.run_for(seconds(20));  // nothing is under way there any more
        write_without_b(0);
        world.close(*head);
        b.write(0, older);
        b.set_missing(false);
    }
    void write_without_b(std::uint64_t offset) {
        world.platter("/b").set_missing(true);
        EXPECT_EQ(world.write(*head, offset, bytes), Errc::ok);
    }
    bool healthy() {
        return world.loop.run_until([&] { return head->engine->status().state == StorageState::healthy; }, minutes(2));
    }
    /// /a is away, and the order is to do without it.
    void force_until_record() {
        world.platter("/a").set_missing(true);
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss));
        sim::SimPlatter& b = world.platter("/b");
        const std::uint64_t size = b.geometry().size_bytes;
        const std::uint64_t labels = size - label_area_bytes;
        const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
        unsigned copies = 0;
        b.on_carry_out = [&](const Request& request) {
            const bool record = request.operation == Operation::write && request.extent.offset >= records;
            if (!record || request.extent.offset >= labels) return;
            ++copies;
            if (GetParam() == Attempt::head_dies) return;
            const bool marks = GetParam() == Attempt::mark_fails_and_head_ends;
            b.fail(Operation::write, {marks ? labels : records, marks ? size - labels : labels - records},
                   Errc::io_error);
        };
        head = &world.open();
        const auto ends = [&] {
            return GetParam() == Attempt::head_dies ? copies == 2 : world.events.count("start-again") == 1;
        };
        EXPECT_TRUE(world.loop.run_until(ends, seconds(30)));
        b.on_carry_out = nullptr;
        ASSERT_EQ(world.events.count("start-forced"), 0u);
    }
    /// /a is there again, and the storage starts without /b.
    void go_on_with_a() {
        if (GetParam() == Attempt::head_dies) world.crash(*head);
        if (GetParam() == Attempt::mark_fails_and_head_ends) world.close(*head);
        world.platter("/b").set_missing(true);
        world.platter("/b").clear_failures();
        world.platter("/a").set_missing(false);
        if (GetParam() != Attempt::copy_fails) head = &world.open();
        ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
        EXPECT_EQ(world.events.count("start-forced"), 0u);
        ASSERT_EQ(world.write(*head, 4u << 20, bytes), Errc::ok);
    }
    void expect_owed_everything() {
        world.platter("/b").set_missing(false);
        ASSERT_TRUE(healthy());
        EXPECT_EQ(world.events.count("member-split"), 0u);
        for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{4u << 20}, long_ago}) {
            EXPECT_EQ(world.platter("/b").read({offset, 4096}), bytes) << offset;
        }
    }
    const Bytes bytes = EngineWorld::pattern(4096, 7);
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

TEST_P(NotedOlder, M7MemberIsOwedEverything) {
    force_until_record();
    go_on_with_a();
    expect_owed_everything();
}

INSTANTIATE_TEST_SUITE_P(Attempts, NotedOlder,
                         testing::Values(Attempt::head_dies, Attempt::copy_fails, Attempt::mark_fails_and_head_ends));

}  // namespace
}  // namespace dst
