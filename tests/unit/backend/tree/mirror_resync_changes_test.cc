// What changes while a member is brought up to date: on the others alone, or on it alone.
#include <gtest/gtest.h>

#include "support/maps.h"
#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void expect_equal_in_the_end(MirrorWorld& world) {
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
    EXPECT_EQ(world.device(0).bytes(0, 4 * region), world.device(1).bytes(0, 4 * region));
}

/// A write that the target takes, and the only member in sync does not.
void fail_on_the_source(MirrorWorld& world, std::uint64_t offset) {
    world.device(0).fail(Operation::write, Errc::no_space);
    EXPECT_EQ(write(world.loop, *world.mirror, offset, filled(4096, 9)), Errc::no_space);
    ASSERT_NE(world.device(0).bytes(offset, 4096), world.device(1).bytes(offset, 4096));
}

TEST(MirrorResyncChanges, M8WhatIsWrittenBeforeItIsMarkedIsCopied) {
    MirrorWorld world;
    drop(world);
    world.hold_journal = true;
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    EXPECT_EQ(write(world.loop, *world.mirror, 3 * region, filled(4096, 9)), Errc::ok);
    ASSERT_NE(world.device(1).bytes(3 * region, 4096), filled(4096, 9));
    world.release_journal();
    expect_equal_in_the_end(world);
}

/// Before it was lost, by a head that could not reach the others any more.
TEST(MirrorResyncChanges, M7WhatItsOwnIntentMapSaysIsCopied) {
    MirrorWorld world;
    drop(world);
    world.device(1).put(3 * region, filled(4096, 9));
    MemberMetadata metadata(world.device(1));
    metadata.set_number(2);
    RegionMap own(4, region);
    own.set(3);
    const Record& record = world.mirror->record();
    metadata.write_map(record, {record.mirror, MapKind::intent, 0}, own,
                       [](const Result<void>& written) { EXPECT_TRUE(written); });
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(intent_on(world, 1).test(3));
    world.admit(1);
    expect_equal_in_the_end(world);
}

/// The target flushes what was copied, and before it is added what was written meanwhile.
TEST(MirrorResyncChanges, M8WhatIsOwedOnceMoreDuringAFlushIsCopiedAgain) {
    for (const bool before_it_is_added : {false, true}) {
        MirrorWorld world;
        drop(world);
        world.admit(1);
        ASSERT_TRUE(hold_before(world, 1, Operation::flush));
        if (before_it_is_added) {
            world.device(1).answer();
            ASSERT_TRUE(hold_before(world, 1, Operation::flush));
        }
        world.device(1).hold_no_more();
        fail_on_the_source(world, region);
        ASSERT_EQ(world.device(1).held(), 1u);
        world.device(1).release();
        expect_equal_in_the_end(world);
    }
}

TEST(MirrorResyncChanges, M8WhatIsOwedOnceMoreWhileItIsAddedKeepsItOut) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    for (int flushes = 0; flushes < 2; ++flushes) {
        ASSERT_TRUE(hold_before(world, 1, Operation::flush));
        world.hold_journal = flushes == 1;
        world.device(1).answer();
    }
    world.device(1).release();
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    fail_on_the_source(world, region);
    world.release_journal();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1) || world.mirror->wants_back(1); }, seconds(10)));
    ASSERT_FALSE(world.in_sync(1));
    world.admit(1);
    expect_equal_in_the_end(world);
}

/// A region of several pieces, of which one is there already.
TEST(MirrorResyncChanges, M8WhatIsOwedOnceMoreWhileItsRegionIsCopiedIsCopiedAgain) {
    MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, 16 * region, 4 * region);
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::checksum));
    world.device(1).hold_no_more();
    ASSERT_EQ(world.device(1).held(), 4u);
    ASSERT_EQ(world.device(1).held_request(0).extent.offset, 0u);
    world.device(1).answer();
    world.loop.run_for(milliseconds(10));
    fail_on_the_source(world, 0);
    ASSERT_EQ(world.device(1).held(), 3u);
    world.device(1).release();
    expect_equal_in_the_end(world);
}

}  // namespace
}  // namespace dst
