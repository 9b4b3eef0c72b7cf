// What an order gave up is not gone over to by a head that has served what the order made (docs/mirror.md, "Orders").
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>

#include "start/served_order.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct ServedOrders : testing::Test {
    void initialise() {
        ASSERT_TRUE(world.init().done);
        head = &world.serve();
        write(0);
        world.close(*head);
    }
    void only(std::initializer_list<const char*> there) {
        for (const char* path : {"/a", "/b", "/c"}) {
            const bool is_there = std::find(there.begin(), there.end(), std::string(path)) != there.end();
            world.platter(path).set_missing(!is_there);
        }
    }
    void write(unsigned seed) { EXPECT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, seed)), Errc::ok); }
    void serve(const std::string& journal, unsigned expected) {
        head = &world.serve(journal);
        Bytes bytes(4096);
        EXPECT_EQ(world.read(*head, 0, bytes), Errc::ok);
        EXPECT_EQ(bytes, EngineWorld::pattern(4096, expected)) << journal;
    }
    void serve_as_ordered(const std::string& journal, unsigned expected) {
        EXPECT_TRUE(order(world, StartOrder::accept_data_loss, {}, journal));
        serve(journal, expected);
    }
    void expect_wait(const std::string& journal, const std::string& reason) {
        head = &world.open(journal);
        world.loop.run_for(minutes(2));
        EXPECT_EQ(head->serving, 0);
        EXPECT_THAT(head->engine->status().reason, HasSubstr(reason));
        world.close(*head);
    }
    void expect_healthy(unsigned members) {
        const auto in_sync = [&] {
            unsigned count = 0;
            const StorageStatus status = head->engine->status();
            for (const VertexStatus& member : status.tree->children) {
                count += member.state == VertexState::in_sync ? 1 : 0;
            }
            return count == members;
        };
        EXPECT_TRUE(world.loop.run_until(in_sync, minutes(5)));
    }
    EngineWorld world{mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")})};
    EngineWorld::Head* head = nullptr;
};

/// /c has heard of nothing: neither of the order, nor of another head that was ordered to go on with /b.
TEST_F(ServedOrders, M5NorToAnOlderMemberWhenTheOtherSideIsGivenUp) {
    initialise();
    only({"/b", "/c"});
    serve("head0", 0);
    write(1);
    world.close(*head);
    only({"/a"});
    serve_as_ordered("head0", 0);
    write(2);
    world.close(*head);
    only({"/b"});
    serve_as_ordered("other", 1);
    write(3);
    world.close(*head);
    only({"/b", "/c"});
    expect_wait("head0", "waits for /a: this head has served, as ordered, without");
    ASSERT_TRUE(order(world, StartOrder::resolve, "/b"));
    expect_wait("head0", "waits for /a: this head has served, as ordered, without");
    only({"/a", "/b", "/c"});
    serve("head0", 2);
    expect_healthy(3);
    for (const char* path : {"/a", "/b", "/c"}) {
        EXPECT_EQ(world.platter(path).read({0, 4096}), EngineWorld::pattern(4096, 2)) << path;
    }
}

/// One member descends from both sides, and calls another one in sync, which is away.
TEST_F(ServedOrders, M5AMemberThatKnowsBothSidesIsNotEnoughAlone) {
    initialise();
    only({"/a"});
    serve_as_ordered("head0", 0);
    write(1);
    world.close(*head);
    only({"/b", "/c"});
    serve_as_ordered("other", 0);
    write(2);
    world.close(*head);
    only({"/a", "/c"});
    ASSERT_TRUE(order(world, StartOrder::resolve, "/c", "other"));
    serve("other", 1);
    expect_healthy(2);
    only({"/c"});
    write(3);
    world.close(*head);
    only({"/a", "/b"});
    expect_wait("head0", "waits for /c");
    only({"/a", "/b", "/c"});
    serve("head0", 3);
}

/// Only a member that was seen on the other side may have nothing any more of what the order made.
TEST(ServedOrder, MayBeHeldByWhoeverHasNotGoneOver) {
    const auto may_be_held = [](const Record& by, const Id& order, const auto& views, const LinesBelow& below = {}) {
        return !may_hold(by, order, views, below).empty();
    };
    const Id made{{3}};
    Record journal;
    journal.generation_id = made;
    journal.members.resize(2);
    journal.members[0].number = 1;
    journal.members[1].number = 2;
    journal.members[1].state = MemberState::dirty;
    Record other;
    other.generation_id = Id{{4}};
    std::vector<MemberView> views{{.name = "/a", .number = 1}, {.name = "/b", .number = 2}};
    EXPECT_TRUE(may_be_held(journal, made, views)) << "it is away";
    EXPECT_FALSE(may_be_held(journal, made, views, {.gone = 1})) << "and nobody below it has it";
    views[0].reachable = true;
    views[0].record = journal;
    EXPECT_TRUE(may_be_held(journal, made, views));
    views[0].record = other;
    EXPECT_FALSE(may_be_held(journal, made, views));
    EXPECT_TRUE(may_be_held(journal, made, views, {.other = 1})) << "what is below it stands on the other side";
    EXPECT_FALSE(may_be_held(journal, made, views, {.other = 2}));

    views[0].record->generation_id = Id{{2}};
    journal.lineage = {Id{{2}}};
    EXPECT_TRUE(may_be_held(journal, made, views)) << "a copy from before the order";
    EXPECT_FALSE(may_be_held(journal, made, views, {.resolved = 1})) << "which it became as ordered";
    views[0].record = other;

    other.members = journal.members;
    EXPECT_TRUE(may_be_held(other, made, views)) << "which of them were in sync the other line does not tell";
    views[1].reachable = true;
    views[1].record = other;
    EXPECT_FALSE(may_be_held(other, made, views));
}

}  // namespace
}  // namespace dst
