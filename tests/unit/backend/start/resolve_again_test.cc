// A split of a mirror below another one is resolved, and the attempt ends after the first member has heard of it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "media/layout.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// How the first attempt ends, so many writes to /a after its record.
enum class Ended { write_fails, head_dies, another_goes_on };

/// m1 is split between /a and /b, and m0 has nothing but m1: /z left it before.
struct ResolveAgain : testing::TestWithParam<Ended> {
    static constexpr std::uint64_t place = 1u << 20;

    void make() {
        world = std::make_unique<EngineWorld>(
            mirror_node("m0", {disk_node("/z"), mirror_node("m1", {disk_node("/a"), disk_node("/b")})}));
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
        world->platter("/z").set_missing(true);
        ASSERT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        world->platter("/b").set_missing(true);
        ASSERT_EQ(world->write(*head, place, kept), Errc::ok);
        world->close(*head);
        world->platter("/b").set_missing(false);
        world->platter("/a").set_missing(true);
        ASSERT_TRUE(order(*world, StartOrder::accept_data_loss, {}, "other"));
        head = &world->serve("other");
        ASSERT_EQ(world->write(*head, place, EngineWorld::pattern(4096, 3)), Errc::ok);
        world->close(*head);
        world->platter("/a").set_missing(false);
        ASSERT_TRUE(order(*world, StartOrder::resolve, "/b", "head0"));
    }
    /// `then` follows once /a has both copies of m1's record and so many other writes. False: it serves before.
    bool start_until(unsigned writes, const std::function<void()>& then) {
        sim::SimPlatter& platter = world->platter("/a");
        const std::uint64_t labels = platter.geometry().size_bytes - label_area_bytes;
        const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
        unsigned copies = 0;
        unsigned others = 0;
        platter.on_carry_out = [&](const Request& request) {
            if (request.operation != Operation::write || copies + others == 2 + writes) return;
            const bool record = request.extent.offset >= records && request.extent.offset < labels;
            copies += record && copies < 2 ? 1 : 0;
            others += copies == 2 && !record ? 1 : 0;
            if (copies + others == 2 + writes) then();
        };
        head = &world->open();
        world->loop.run_until([&] { return copies + others == 2 + writes || head->serving == 1; }, seconds(30));
        platter.on_carry_out = nullptr;
        return head->serving == 0;
    }
    /// One after the other: every write from the record to the storage that serves.
    bool end_attempt(unsigned writes) {
        if (GetParam() == Ended::write_fails) {
            const auto fail = [&] {
                world->platter("/a").fail(Operation::write, {0, 16u << 20}, Errc::medium_error, 2);
            };
            return start_until(writes, fail);
        }
        if (!start_until(writes, [] {})) return false;
        world->crash(*head);
        const bool same = GetParam() == Ended::head_dies;
        EXPECT_TRUE(same || order(*world, StartOrder::resolve, "/b", "other"));
        head = &world->open(same ? "head0" : "other");
        return true;
    }
    void expect_resolved(unsigned writes) {
        ASSERT_TRUE(world->loop.run_until([&] { return head->serving == 1; }, minutes(1)))
            << writes << ": " << head->engine->status().reason;
        Bytes back(4096);
        ASSERT_EQ(world->read(*head, place, back), Errc::ok);
        EXPECT_EQ(back, kept) << writes;
        world->platter("/z").set_missing(false);
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        EXPECT_TRUE(world->loop.run_until(healthy, minutes(5))) << writes;
        for (const char* path : {"/z", "/a", "/b"}) {
            EXPECT_EQ(world->platter(path).read({place, 4096}), kept) << writes << path;
        }
        EXPECT_EQ(world->events.count("member-split"), 0u) << writes;
        begun_again += world->events.count("start-again") > 1 ? 1 : 0;
    }
    const Bytes kept = EngineWorld::pattern(4096, 2);
    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
    unsigned begun_again = 0;  ///< of the heads that live on
};

TEST_P(ResolveAgain, M7MirrorAboveGoesOnWithItToo) {
    unsigned writes = 0;
    for (;; ++writes) {
        make();
        if (!end_attempt(writes)) break;
        expect_resolved(writes);
        if (HasFailure()) return;
    }
    EXPECT_GT(writes, 5u) << "m1's maps, the mark, m0's record";
    EXPECT_TRUE(GetParam() != Ended::write_fails || begun_again > 2);
}

INSTANTIATE_TEST_SUITE_P(Ends, ResolveAgain,
                         testing::Values(Ended::write_fails, Ended::head_dies, Ended::another_goes_on));

}  // namespace
}  // namespace dst
