// The end of a resync: what a member has when it counts as in sync.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/maps.h"
#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The target has flushed what was copied, and holds what comes then.
void hold_after_first_flush(MirrorWorld& world) {
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::flush));
    world.device(1).answer();
    ASSERT_TRUE(world.loop.run_until([&] { return world.device(1).held() != 0; }, seconds(1)));
}

TEST(MirrorAddition, M3ItHasTheIntentBitsThatAreSetWhileMapsAreCopiedToIt) {
    MirrorWorld world;
    hold_after_first_flush(world);
    ASSERT_NE(world.device(1).held_request(0).operation, Operation::flush);
    world.device(1).answer();
    ASSERT_TRUE(hold_before(world, 1, Operation::write)) << "a slot";
    world.device(1).hold_no_more();
    EXPECT_EQ(write(world.loop, *world.mirror, 3 * region, filled(4096, 9)), Errc::ok);
    world.device(1).release();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(1)));
    EXPECT_TRUE(intent_on(world, 1).same_bits(intent_on(world, 0)));
    EXPECT_TRUE(intent_on(world, 1).test(3));
}

TEST(MirrorAddition, M3ItHasTheIntentBitsThatAreSetAfterMapsWereCopiedToIt) {
    MirrorWorld world;
    hold_after_first_flush(world);
    ASSERT_TRUE(hold_before(world, 1, Operation::flush));
    world.device(1).hold_no_more();
    EXPECT_EQ(write(world.loop, *world.mirror, 3 * region, filled(4096, 9)), Errc::ok);
    EXPECT_TRUE(intent_on(world, 1).test(3)) << "before it is acknowledged";
    world.device(1).release();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(1)));
    EXPECT_TRUE(intent_on(world, 1).test(3));
}

/// Flushes do not go to a target: what it was written to is durable on the others alone until then.
TEST(MirrorAddition, M8ItFlushesWhatWasWrittenToItMeanwhile) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::flush));
    world.device(1).hold_no_more();
    world.device(1).log.clear();
    EXPECT_EQ(write(world.loop, *world.mirror, region, filled(4096, 9)), Errc::ok);
    EXPECT_EQ(flush(world.loop, *world.mirror), Errc::ok);
    world.device(1).release();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(1)));
    const auto& log = world.device(1).log;
    ASSERT_EQ(log.front(), (std::pair{Operation::write, Extent{region, 4096}}));
    EXPECT_TRUE(std::any_of(log.begin(), log.end(), [](const auto& done) { return done.first == Operation::flush; }));
}

TEST(MirrorAddition, M8OneThatWasNotThereAtTheStartIsWrittenToAndReadFrom) {
    MirrorWorld world;
    const Record record = world.mirror->record();
    world.mirror->stop();
    world.loop.run_for(milliseconds(10));
    world.mirror->stand(record, 1);
    world.mirror->serve(2, [](const Result<void>& serving) { EXPECT_TRUE(serving); });
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(1); }, seconds(1)));
    world.admit(1, true);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    EXPECT_TRUE(world.in_sync(1));
    world.device(0).go_down();
    TestRequest request(Operation::read, {0, 4096});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    EXPECT_EQ(request.bytes, filled(4096, 7));
}

/// Whoever starts from the members takes it for in sync.
TEST(MirrorAddition, M8StandsWhenTheJournalDoesNotTakeItInTheEnd) {
    std::size_t records = 0;
    for (const bool fails : {false, true}) {
        MirrorWorld world;
        drop(world);
        world.admit(1);
        if (!fails) {
            ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
            records = world.kept.size();
            continue;
        }
        ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == records; }, seconds(10)));
        world.fail_journal = true;
        ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
        EXPECT_EQ(world.device(1).bytes(0, 4096), filled(4096, 7));
        world.device(1).log.clear();
        EXPECT_EQ(flush(world.loop, *world.mirror), Errc::ok);
        const auto& log = world.device(1).log;
        EXPECT_TRUE(std::any_of(log.begin(), log.end(), [](const auto& one) { return one.first == Operation::flush; }));
    }
}

/// The only other one may have it, and its answer was lost: what the new one lacks is not read before that is out.
TEST(MirrorAddition, M4APieceThatADoubtfulOneLacksIsNotReadFromTheOldOneAlone) {
    std::size_t records = 0;
    for (const bool lost : {false, true}) {
        MirrorWorld world;
        drop(world);
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 1)), Errc::ok);
        world.admit(1);
        if (!lost) {
            ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
            records = world.kept.size();
            continue;
        }
        ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() + 1 == records; }, seconds(10)));
        world.device(0).hold();
        ASSERT_TRUE(world.loop.run_until([&] { return world.device(0).held() != 0; }, seconds(10)));
        world.device(0).go_down();
        world.device(0).hold_no_more();
        world.loop.run_for(seconds(2));
        ASSERT_EQ(world.events.count("mirror-record-failed"), 1u);
        world.device(1).go_down();
        world.fail_journal = true;
        world.device(0).go_up();
        world.loop.run_for(milliseconds(10));
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 9)), Errc::io_error);
        EXPECT_EQ(world.device(0).bytes(0, 4096), filled(4096, 9)) << "which nobody else has";
        const auto read = [&] {
            TestRequest request(Operation::read, {0, 4096});
            return run(world.loop, *world.mirror, request);
        };
        EXPECT_NE(read(), Errc::ok);
        world.fail_journal = false;
        EXPECT_EQ(read(), Errc::ok);
        EXPECT_EQ(find_member(world.record_on(0), 2)->state, MemberState::resyncing);
        EXPECT_EQ(world.record_on(0).generation_id, world.mirror->record().generation_id);
    }
}

/// Another head may go on with it when this one has died.
TEST(MirrorAddition, M8NoteOfTheComingGenerationNamesWhoMayHaveIt) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    const Record now = world.record_on(0);
    const auto is_note = [&](const Record& kept) {
        return !kept.lineage.empty() && kept.lineage.front() == now.generation_id;
    };
    const auto note = std::find_if(world.kept.begin(), world.kept.end(), is_note);
    ASSERT_NE(note, world.kept.end());
    for (const RecordMember& member : note->members) {
        ASSERT_FALSE(member.may_have.empty()) << member.number;
        EXPECT_EQ(member.may_have.front(), may_have_of(now));
    }
}

/// They are newer than what the mirror, which has not read them, would write first.
TEST(MirrorAddition, M8ItHasOwedMapsOfOthersWhateverLayThere) {
    MirrorWorld world(3);
    const Record record = world.mirror->record();
    const MapIdentity third{record.mirror, MapKind::owed, 3};
    MemberMetadata metadata(world.device(1));
    metadata.set_number(2);
    for (const bool set : {true, false}) {
        RegionMap map(4, region);
        if (set) map.set_all();
        metadata.write_map(record, third, map, [](const Result<void>& written) { EXPECT_TRUE(written); });
        world.loop.run_for(milliseconds(10));
    }
    drop(world);
    world.device(2).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 2 * region, filled(4096, 3)), Errc::ok);
    world.loop.run_for(seconds(15));
    ASSERT_TRUE(owed_on(world, 0, 3).test(2));
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_TRUE(owed_on(world, 1, 3).same_bits(owed_on(world, 0, 3)));
}

}  // namespace
}  // namespace dst
