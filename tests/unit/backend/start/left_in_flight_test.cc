// A member was sent a record, and left before anybody knew that it has it; later it is given up by an order (M7).
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "media/layout.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Who carries the order out: the same machine, whose journal is lost, or another one.
enum class Orders { without_journal, elsewhere };

struct LeftInFlight : testing::TestWithParam<Orders> {
    LeftInFlight() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        write(0);
        world.close(*head);
    }
    void missing(const char* path) { world.platter(path).set_missing(true); }
    void there(const char* path) { world.platter(path).set_missing(false); }
    void write(std::uint64_t offset) { EXPECT_EQ(world.write(*head, offset, bytes), Errc::ok); }
    /// All members have the record of a start that the journal does not come to know.
    void crash_before_the_journal() {
        std::map<std::string, unsigned> copies;
        for (const char* path : {"/a", "/b", "/c"}) {
            sim::SimPlatter& platter = world.platter(path);
            const std::uint64_t labels = platter.geometry().size_bytes - label_area_bytes;
            const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
            platter.on_carry_out = [&copies, path, records, labels](const Request& request) {
                const bool record = request.operation == Operation::write && request.extent.offset >= records;
                if (record && request.extent.offset < labels) ++copies[path];
            };
        }
        head = &world.open();
        const auto all = [&] { return copies["/a"] == 2 && copies["/b"] == 2 && copies["/c"] == 2; };
        ASSERT_TRUE(world.loop.run_until(all, seconds(30)));
        ASSERT_EQ(head->serving, 0);
        world.crash(*head);
        for (const char* path : {"/a", "/b", "/c"}) world.platter(path).on_carry_out = nullptr;
    }
    /// By the journal, /a has acknowledged nothing of that.
    void go_on_without_a() {
        missing("/a");
        head = &world.serve();
        write(4u << 20);
        world.close(*head);
    }
    void give_up_all_but_b() {
        missing("/c");
        if (GetParam() == Orders::without_journal) {
            world.journal("head0").remove();
        } else {
            journal = "other";
        }
        ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, journal));
        head = &world.serve(journal);
        ASSERT_EQ(world.events.count("start-forced"), 1u);
    }
    void expect_owed_everything(const char* path, std::size_t child) {
        // In a region that nobody has changed since.
        world.platter(path).write(0, EngineWorld::pattern(4096, 2));
        there(path);
        const auto in_sync = [&] {
            return head->engine->status().tree->children.at(child).state == VertexState::in_sync;
        };
        EXPECT_TRUE(world.loop.run_until(in_sync, minutes(2))) << path;
        EXPECT_EQ(world.platter(path).read({0, 4096}), bytes) << path;
        EXPECT_EQ(world.platter(path).read({4u << 20, 4096}), bytes) << path;
        EXPECT_EQ(world.events.count("member-split"), 0u);
    }
    void expect_no_split(const std::string& next) {
        head = &world.open(next);
        ASSERT_TRUE(world.loop.run_until([&] { return head->failed || head->serving > 0; }, seconds(30)));
        EXPECT_EQ(head->serving, 1) << next << ": " << head->engine->status().reason;
    }
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
    std::string journal = "head0";
};

TEST_P(LeftInFlight, M7MemberThatComesBackIsOwedEverything) {
    crash_before_the_journal();
    go_on_without_a();
    give_up_all_but_b();
    expect_owed_everything("/a", 0);
    expect_owed_everything("/c", 2);
    world.close(*head);
    expect_no_split("third");
}

TEST_P(LeftInFlight, M5NextStartIsNoSplit) {
    crash_before_the_journal();
    go_on_without_a();
    give_up_all_but_b();
    world.close(*head);
    there("/a");
    for (const std::string& next : {journal, std::string("third")}) {
        expect_no_split(next);
        world.close(*head);
    }
    expect_no_split(journal);
    expect_owed_everything("/c", 2);
    EXPECT_EQ(world.events.count("storage-split"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Orders, LeftInFlight, testing::Values(Orders::without_journal, Orders::elsewhere));

}  // namespace
}  // namespace dst
