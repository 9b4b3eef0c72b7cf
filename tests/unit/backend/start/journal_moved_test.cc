// A journal that is moved away under a head that goes on with another one, and that comes back.
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Mirror of /a and /b; /b left and came back, and then /a left: that only the journal knows that was made anew.
struct JournalMoved : testing::Test {
    JournalMoved() {
        EXPECT_TRUE(world.init().done);
        head = &world.serve();
        EXPECT_EQ(world.write(*head, 0, older), Errc::ok);
        world.journal().swap_aside();
        world.platter("/b").set_missing(true);
        EXPECT_EQ(world.write(*head, 0, older), Errc::ok);
        EXPECT_EQ(world.events.count("journal-made-anew"), 1u);
        world.platter("/b").set_missing(false);
        EXPECT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(3)));
        world.platter("/a").set_missing(true);
        EXPECT_EQ(world.write(*head, 0, newer), Errc::ok);
        world.loop.run_for(seconds(1));
        world.crash(*head);
    }
    bool healthy() const { return head->engine->status().state == StorageState::healthy; }
    void only(const char* there, const char* away) {
        world.platter(there).set_missing(false);
        world.platter(away).set_missing(true);
    }
    Bytes read() {
        Bytes bytes(newer.size());
        EXPECT_EQ(world.read(*head, 0, bytes), Errc::ok);
        return bytes;
    }

    const Bytes older = EngineWorld::pattern(4096, 1);
    const Bytes newer = EngineWorld::pattern(4096, 2);
    EngineWorld world{two_disks()};
    EngineWorld::Head* head = nullptr;
};

TEST_F(JournalMoved, M5DecidesNothingWhenItIsBack) {
    world.journal().swap_aside();
    only("/a", "/b");
    head = &world.open();
    world.loop.run_for(minutes(2));
    EXPECT_EQ(head->serving, 0);
    world.platter("/b").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
    EXPECT_EQ(read(), newer);
    EXPECT_EQ(world.events.count("journal-copied"), 1u);
}

TEST_F(JournalMoved, M5TheOneThatWasMadeAnewDecides) {
    only("/b", "/a");
    head = &world.serve();
    EXPECT_EQ(read(), newer);
}

/// Two files of one head, and each is used while the other one is away.
TEST_F(JournalMoved, M5NorDoesTheOtherOneAfterThat) {
    world.journal().swap_aside();
    world.platter("/a").set_missing(false);
    head = &world.serve();
    ASSERT_TRUE(world.loop.run_until([&] { return healthy(); }, minutes(3)));
    const Bytes newest = EngineWorld::pattern(4096, 3);
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(*head, 0, newest), Errc::ok);
    world.crash(*head);
    world.journal().swap_aside();
    only("/b", "/a");
    head = &world.open();
    world.loop.run_for(minutes(2));
    EXPECT_EQ(head->serving, 0);
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
    EXPECT_EQ(read(), newest);
}

}  // namespace
}  // namespace dst
