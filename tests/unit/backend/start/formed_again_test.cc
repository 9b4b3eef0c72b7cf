// A mirror that is formed anew, and whose first attempt ends when a member has its record.
#include <gtest/gtest.h>

#include <functional>

#include "media/layout.h"
#include "support/inner_world.h"

namespace dst {
namespace {

using std::chrono::seconds;

/// How the first attempt ends: the member with the record is lost, or the head dies.
enum class Ends { member_lost, head_dies };

struct FormedAgain : Inner, testing::WithParamInterface<Ends> {
    bool in_sync_above() {
        return world->loop.run_until([&] { return second().state == VertexState::in_sync; }, seconds(60));
    }
    /// Only /b is in sync then.
    void lose_one_after_the_other() {
        write();
        missing({"/c"});
        write();  // leaves m1
        missing({"/b"});
        write();  // m1 leaves m0
    }
    /// Until both copies of a record are written to it.
    void run_until_record_on(const std::string& path) {
        sim::SimPlatter& platter = world->platter(path);
        const std::uint64_t labels = platter.geometry().size_bytes - label_area_bytes;
        const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
        unsigned copies = 0;
        platter.on_carry_out = [&](const Request& request) {
            const bool record = request.operation == Operation::write && request.extent.offset >= records;
            if (record && request.extent.offset < labels) ++copies;
        };
        EXPECT_TRUE(world->loop.run_until([&] { return copies == 2; }, seconds(60)));
        platter.on_carry_out = nullptr;
    }
    /// /c has the record of the first attempt, and the next one does without it.
    void end_attempt(const std::function<void()>& meanwhile = [] {}) {
        if (GetParam() == Ends::head_dies) world->crash(*head);
        missing({"/c"});
        meanwhile();
        if (GetParam() == Ends::head_dies) serve();
        ASSERT_TRUE(in_sync_above());
        write();
    }
    void expect_no_split() {
        missing({"/c"}, false);
        ASSERT_TRUE(in_sync());
        ASSERT_EQ(world->events.count("member-split"), 0u);
        expect_inner_has_all();
    }
};

TEST_P(FormedAgain, MemberThatHasTheFirstGenerationIsNoOtherSideOfASplit) {
    make();
    serve();
    lose_one_after_the_other();
    world->platter("/b").replace_blank(16u << 20);
    missing({"/b", "/c"}, false);
    run_until_record_on("/c");
    end_attempt();
    expect_no_split();
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 1u);
}

/// The one in sync is back with its data, so that the generation that was formed is given up.
TEST_P(FormedAgain, MemberThatHasItIsOwedEverything) {
    make();
    serve();
    const Bytes older = world->platter("/c").read({0, 16u << 20});
    missing({"/c"});
    // In another region than the rest, which it will be owed in any case.
    const Bytes bytes = EngineWorld::pattern(4096, 100);
    ASSERT_EQ(world->write(*head, 8u << 20, bytes), Errc::ok);
    missing({"/c"}, false);
    ASSERT_TRUE(in_sync());
    world->loop.run_for(seconds(20));  // nothing is under way there any more
    lose_one_after_the_other();
    world->platter("/c").write(0, older);
    world->platter("/b").take_out();
    missing({"/b", "/c"}, false);
    run_until_record_on("/c");
    end_attempt([&] { ASSERT_TRUE(world->platter("/b").put_back()); });
    expect_no_split();
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
    missing({"/b"});
    again();
    expect_all_readable();
    Bytes back(4096);
    EXPECT_EQ(world->read(*head, 8u << 20, back), Errc::ok);
    EXPECT_TRUE(back == bytes);
}

INSTANTIATE_TEST_SUITE_P(Ends, FormedAgain, testing::Values(Ends::member_lost, Ends::head_dies));

}  // namespace
}  // namespace dst
