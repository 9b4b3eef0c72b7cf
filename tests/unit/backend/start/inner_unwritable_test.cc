// A mirror below one that serves is started, and a disk below it can be read and does not take writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/layout.h"
#include "support/inner_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

/// Which of the writes of such a start the disk does not take.
enum class Untaken { any, promise, record, maps, mark, read_only };

struct InnerUnwritable : Inner, testing::WithParamInterface<Untaken> {
    void break_writes(const std::string& path) {
        sim::SimPlatter& platter = world->platter(path);
        const std::uint64_t size = platter.geometry().size_bytes;
        const std::uint64_t labels = size - label_area_bytes;
        const MirrorLayout layout = mirror_layout(labels, default_region_bytes(labels));
        const std::uint64_t records = layout.record_copy(0).offset;
        const auto fail = [&platter](std::uint64_t from, std::uint64_t end, Errc code = Errc::medium_error) {
            platter.fail(Operation::write, {from, end - from}, code);
        };
        switch (GetParam()) {
            case Untaken::any: return fail(0, size);
            case Untaken::promise: return fail(labels, size);
            case Untaken::record: return fail(records, labels);
            case Untaken::maps:
                // So that the map has to be written at all.
                for (const unsigned copy : {0u, 1u}) {
                    const Extent slot = layout.map_slot(0, 0, copy);
                    platter.write(slot.offset, Bytes(slot.length));
                }
                return fail(0, records);
            case Untaken::mark:
                platter.on_carry_out = [=, broken = false](const Request& request) mutable {
                    const bool record = request.operation == Operation::write && request.extent.offset >= records;
                    if (record && request.extent.offset < labels && !std::exchange(broken, true)) fail(labels, size);
                };
                return;
            case Untaken::read_only: return fail(0, size, Errc::refused);
        }
    }
    void mend(const std::string& path) {
        world->platter(path).on_carry_out = nullptr;
        world->platter(path).clear_failures();
    }
    /// The last of those events.
    std::string told(const std::string& event) const {
        std::string line;
        for (const auto& entry : world->events.entries) {
            if (entry.id == event) line = entry.line;
        }
        return line;
    }
};

TEST_P(InnerUnwritable, M5MemberIsLeftOutWhereTheJournalDecides) {
    serve_without_inner();
    break_writes("/b");
    missing({"/b", "/c"}, false);
    ASSERT_TRUE(happens("mirror-started"));
    EXPECT_THAT(told("mirror-started"), HasSubstr("members=1"));
    ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60)));
    EXPECT_THAT(told("member-dropped"), HasSubstr("/b does not take writes"));
    write();
    mend("/b");
    ASSERT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
    expect_inner_has_all();
}

/// Another head, which reaches that member alone, would not hear of this one.
TEST_P(InnerUnwritable, M5MemberIsNeededWhereTheJournalDoesNotDecide) {
    make();
    serve();
    write();
    world->close(*head);
    missing({"/b", "/c"});
    serve();
    write();
    world->close(*head);
    serve_with("another");
    write();
    break_writes("/b");
    missing({"/b", "/c"}, false);
    EXPECT_FALSE(happens("mirror-started"));
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
    mend("/b");
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

TEST_P(InnerUnwritable, WaitsForOneWhenNoneTakesWritesAndSaysSoOnce) {
    serve_without_inner();
    for (const char* path : {"/b", "/c"}) break_writes(path);
    missing({"/b", "/c"}, false);
    EXPECT_FALSE(happens("mirror-started"));
    EXPECT_THAT(told("mirror-waits"), HasSubstr("/c does not take writes"));
    EXPECT_EQ(world->events.count("mirror-waits"), 1u);
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
    mend("/c");
    ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60)));
    mend("/b");
    ASSERT_TRUE(in_sync());
    expect_inner_has_all();
}

INSTANTIATE_TEST_SUITE_P(Writes, InnerUnwritable,
                         testing::Values(Untaken::any, Untaken::promise, Untaken::record, Untaken::maps, Untaken::mark,
                                         Untaken::read_only));

/// Writes succeed and flushes do not: it goes down with each, and may be up again before the next attempt.
TEST(InnerUnflushable, M5MemberIsLeftOutByTheSecondAttemptWhereTheJournalDecides) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        EngineWorld world(Inner::tree(), seed);
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        world.close(world.serve());
        for (const char* path : {"/b", "/c"}) world.platter(path).set_missing(true);
        const EngineWorld::Head& head = world.serve();
        world.platter("/b").fail(Operation::flush, {0, 16u << 20}, Errc::io_error);
        for (const char* path : {"/b", "/c"}) world.platter(path).set_missing(false);
        const auto started = [&] { return world.events.count("mirror-started") == 1; };
        ASSERT_TRUE(world.loop.run_until(started, seconds(3))) << seed;
        EXPECT_EQ(world.events.count("mirror-formed-anew"), 0u);
        world.platter("/b").clear_failures();
        const auto healthy = [&] { return head.engine->status().state == StorageState::healthy; };
        EXPECT_TRUE(world.loop.run_until(healthy, seconds(60))) << seed;
    }
}

TEST_F(Inner, TheUserIsToldWhichDiskOfALinearDoesNotTakeWrites) {
    make(mirror_node("m0", {disk_node("/a"), mirror_node("m1", {linear_node("l0", {disk_node("/b"), disk_node("/c")}),
                                                                disk_node("/d")})}));
    serve();
    world->close(*head);
    missing({"/b", "/c", "/d"});
    serve();
    write();
    world->platter("/b").fail(Operation::write, {0, 16u << 20}, Errc::medium_error);
    missing({"/b", "/c", "/d"}, false);
    ASSERT_TRUE(happens("mirror-started"));
    EXPECT_THAT(second().children.at(0).reason, HasSubstr("/b does not take writes"));
    world->platter("/b").clear_failures();
    EXPECT_TRUE(in_sync());
}

}  // namespace
}  // namespace dst
