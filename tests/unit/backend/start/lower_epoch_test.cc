// M5: a head was ordered to go on with a member that had not heard of the epochs in which another one served.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct LowerEpoch : testing::Test {
    void only(const std::string& there) {
        for (const std::string path : {"/a", "/b", "/c"}) {
            world.platter(path).set_missing(there.find(path) == std::string::npos);
        }
    }
    /// Another head was about to start there.
    void promise(const std::string& path, const Epoch& epoch) {
        std::optional<Label> label = world.label_of(path);
        label->promised = epoch;
        sim::SimPlatter& platter = world.platter(path);
        for (unsigned copy = 0; copy < 2; ++copy) {
            platter.write(label_copy(platter.geometry().size_bytes, copy).offset, encode_label(*label));
        }
    }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

TEST_F(LowerEpoch, M5AJournalDoesNotDecideOverARecordThatFollowsFromItsOwn) {
    ASSERT_TRUE(world.init().done);
    world.crash(world.serve());
    // Both lives write a record of the same revision.
    only("/b /c");
    die_when_it_has_the_record(world, "/c", "head0");
    only("/a");
    promise("/a", {10, Id{{7}}});
    world.crash(world.serve());
    const std::uint64_t here = world.label_of("/a")->served.number;

    only("/b");
    ASSERT_TRUE(order(world, StartOrder::accept_data_loss, {}, "other"));
    head = &world.serve("other");
    only("/b /c");
    const auto in_sync = [&] { return world.events.count("member-in-sync") == 1; };
    ASSERT_TRUE(world.loop.run_until(in_sync, minutes(2)));
    only("/b");
    write(5);
    ASSERT_LT(world.label_of("/c")->served.number, here);
    world.crash(*head);

    only("/c");
    head = &world.open("head0");
    world.loop.run_for(minutes(1));
    EXPECT_EQ(head->serving, 0u) << "/b has more";
    only("/b /c");
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1))) << head->engine->status().reason;
    Bytes back(4096);
    EXPECT_EQ(world.read(*head, 0, back), Errc::ok);
    EXPECT_EQ(back, EngineWorld::pattern(4096, 5));
    const auto healthy = [&] { return head->engine->status().tree->children.at(2).state == VertexState::in_sync; };
    ASSERT_TRUE(world.loop.run_until(healthy, minutes(2)));
    EXPECT_EQ(world.platter("/c").read({0, 4096}), back);
    // What it knows now decides again.
    world.crash(*head);
    only("/c");
    head = &world.serve();
    EXPECT_EQ(world.read(*head, 0, back), Errc::ok);
    EXPECT_EQ(back, EngineWorld::pattern(4096, 5));
}

}  // namespace
}  // namespace dst
