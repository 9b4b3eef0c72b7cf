#include <gtest/gtest.h>

#include <algorithm>

#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t data_end = 4u << 20;

std::size_t data_writes(const FakeDevice& device, std::uint64_t end = data_end) {
    return static_cast<std::size_t>(std::count_if(device.log.begin(), device.log.end(), [end](const auto& done) {
        return done.first == Operation::write && done.second.offset < end;
    }));
}

TEST(MirrorResync, M8AMemberThatComesBackIsInSyncAgain) {
    MirrorWorld world;
    drop(world);
    world.device(1).log.clear();
    world.admit(1);
    EXPECT_FALSE(world.mirror->wants_back(1));
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::resyncing);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(world.device(0).bytes(0, data_end), world.device(1).bytes(0, data_end));
    EXPECT_FALSE(world.mirror->degraded());
    EXPECT_EQ(world.record_on(0), world.record_on(1));
    EXPECT_EQ(world.record_on(0), world.kept.back());
    EXPECT_EQ(world.record_on(0).generation, 3u);
    EXPECT_LE(checked_bytes(world.device(1)), 3 * region)
        << "only what it may lack, and what differs once more in parts";
    EXPECT_EQ(data_writes(world.device(1)), 1u) << "only what differs is written";
}

TEST(MirrorResync, M8EverythingIsComparedWhenNothingIsKnown) {
    MirrorWorld world;
    drop(world);
    world.device(1).put(3 * region, filled(512, 9));
    world.admit(1, true);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(world.device(0).bytes(0, data_end), world.device(1).bytes(0, data_end));
    EXPECT_GE(checked_bytes(world.device(1)), data_end);
    EXPECT_LE(checked_bytes(world.device(1)), data_end + 2 * region) << "what differs once more in parts";
}

TEST(MirrorResync, M8WhereAllDiffersMostIsCopiedWithoutAComparison) {
    MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, 64 * region);
    const Bytes data = filled(region, 5);
    for (std::uint64_t piece = 0; piece < 40; ++piece) world.device(0).put(piece * region, data);
    drop(world);
    world.device(1).log.clear();
    world.admit(1, true);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(60)));
    EXPECT_EQ(world.device(0).bytes(0, 64 * region), world.device(1).bytes(0, 64 * region));
    EXPECT_LE(checked_bytes(world.device(1)), 40 * region);
    EXPECT_LE(data_writes(world.device(1), 64 * region), 40u + 16u) << "what is equal is found out soon";
}

TEST(MirrorResync, M8ARecordThatCannotBeWrittenDoesNotHoldUpWhoWaitsForTheNext) {
    MirrorWorld world;
    drop(world);
    // The record that marks it waits for the journal when it is lost and comes back: now it waits for the next one.
    world.hold_journal = true;
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return static_cast<bool>(world.pending_keep); }, seconds(1)));
    world.device(1).go_down();
    world.loop.run_for(milliseconds(100));
    world.device(1).go_up();
    world.loop.run_for(milliseconds(100));
    world.admit(1);
    ASSERT_FALSE(world.mirror->wants_back(1));
    world.loop.run_for(milliseconds(100));
    world.hold_journal = false;
    std::exchange(world.pending_keep, nullptr)(Error{Errc::no_space, "the journal's filesystem is full"});
    // It may be taken back again, which the engine does after a pause.
    ASSERT_TRUE(world.loop.run_until([&] { return world.mirror->wants_back(1); }, seconds(10)));
    world.admit(1);
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
}

TEST(MirrorResync, M8ItIsMarkedBeforeItIsWrittenTo) {
    MirrorWorld world;
    drop(world);
    world.hold_journal = true;
    world.device(1).log.clear();
    world.admit(1);
    world.loop.run_for(seconds(1));
    EXPECT_EQ(data_writes(world.device(1)), 0u);
    world.release_journal();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    const auto marked = std::find_if(world.kept.begin(), world.kept.end(), [](const Record& record) {
        return record.members[1].state == MemberState::resyncing;
    });
    ASSERT_NE(marked, world.kept.end());
    EXPECT_EQ(marked->members[1].last_generation, marked->generation_id);
    EXPECT_EQ(marked->members[1].revision, marked->revision);
}

TEST(MirrorResync, M8ItGetsNewWritesMeanwhile) {
    MirrorWorld world;
    drop(world);
    world.admit(1, true);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, seconds(10)));
    for (unsigned char i = 1; i < 30; ++i) {
        EXPECT_EQ(write(world.loop, *world.mirror, i * 65536u, filled(4096, i)), Errc::ok);
    }
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
    EXPECT_EQ(world.device(0).bytes(0, data_end), world.device(1).bytes(0, data_end));
}

TEST(MirrorResync, M8ATargetThatFailsIsDroppedAndOwedWhatItMissed) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, seconds(10)));
    world.device(1).fail(Operation::write, Errc::medium_error, 1);
    EXPECT_EQ(write(world.loop, *world.mirror, 3 * region, filled(512, 5)), Errc::ok) << "nobody waits for it";
    EXPECT_EQ(world.events.count("resync-stopped"), 1u);
    world.loop.run_for(seconds(1));
    world.device(1).go_up();
    ASSERT_TRUE(world.mirror->wants_back(1));
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(world.device(0).bytes(0, data_end), world.device(1).bytes(0, data_end));
}

TEST(MirrorResync, M8ItIsNotWantedBackBeforeItsCopiesHaveEnded) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 0, Operation::checksum));
    world.device(1).go_down();
    world.loop.run_for(milliseconds(100));
    world.device(1).go_up();
    EXPECT_FALSE(world.mirror->wants_back(1)) << "what is read for it is under way";
    world.device(0).release();
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(world.mirror->wants_back(1));
    world.admit(1);
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
}

TEST(MirrorResync, M8ItIsNotWantedBackBeforeItsMapsAreNoLongerWritten) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(hold_before(world, 1, Operation::flush));
    ASSERT_TRUE(hold_before(world, 1, Operation::write));
    ASSERT_GE(world.device(1).held_request(0).extent.offset, data_end) << "a map slot";
    world.device(1).go_down();
    world.device(1).hold_no_more();
    world.device(1).go_up();
    EXPECT_FALSE(world.mirror->wants_back(1));
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(world.mirror->wants_back(1));
    world.device(1).go_up();  // it was cut
    world.admit(1);
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
}

TEST(MirrorResync, M8ATargetThatHangsMakesWritersWaitForASecondAtMost) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, seconds(10)));
    world.device(1).hold();
    TestRequest request(Operation::write, {3 * region, 512}, filled(512, 5));
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(1600));
    EXPECT_EQ(world.device(1).cuts, 1u);
    world.device(1).release();
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_FALSE(world.in_sync(1));
}

/// The way to it may be slow: what a resync had under way may be what the writer waited for.
TEST(MirrorResync, M8ATargetThatMadeAWriterWaitIsAskedForLessTheNextTime) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, seconds(10)));
    world.device(1).hold();
    world.loop.run_for(milliseconds(100));
    TestRequest request(Operation::write, {3 * region, 512}, filled(512, 5));
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(1600));
    world.device(1).release();
    world.loop.run_for(milliseconds(100));
    ASSERT_TRUE(request.done);
    world.device(1).go_up();
    ASSERT_TRUE(world.mirror->wants_back(1));
    world.device(1).log.clear();
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30)));
    for (const auto& [operation, extent] : world.device(1).log) {
        EXPECT_TRUE(operation != Operation::checksum || extent.length <= 256u << 10) << extent.length;
    }
}

TEST(MirrorResync, M8AnUnreadableSourceKeepsItFromBeingCalledInSync) {
    MirrorWorld world;
    drop(world);
    world.device(0).fail(Operation::checksum, Errc::medium_error, 3);
    world.admit(1);
    world.loop.run_for(seconds(1));
    EXPECT_EQ(world.mirror->child_status(1).state, VertexState::resyncing);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(30))) << "tried again";
    EXPECT_EQ(world.device(0).bytes(0, data_end), world.device(1).bytes(0, data_end));
}

TEST(MirrorResync, M8WithNobodyToCopyFromNobodyIsWantedAndNobodyIsSaidToCarryOn) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.events.count("resync-begins") == 1; }, seconds(10)));
    world.device(0).go_down();
    world.device(1).go_down();
    ASSERT_EQ(world.events.count("resync-stopped"), 1u);
    EXPECT_NE(world.events.entries.back().line.find("nothing is served"), std::string::npos);
    world.device(1).go_up();
    world.loop.run_for(seconds(1));
    EXPECT_FALSE(world.mirror->wants_back(1));
    world.device(0).go_up();
    EXPECT_TRUE(world.mirror->wants_back(1));
}

TEST(MirrorResync, M8OldMembersHaveTheAdditionBeforeTheNewOneAndTheJournalLast) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    std::vector<std::string> order;
    const auto in_sync_on = [&](std::size_t index) {
        return world.record_on(index).members[1].state == MemberState::in_sync;
    };
    const std::size_t before = world.kept.size();
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == before + 2; }, seconds(10)));
    const Record noted = world.kept.back();
    EXPECT_EQ(noted.members[1].state, MemberState::resyncing) << "the journal only names what comes";
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(world.kept.back().generation_id, noted.lineage.front());
    EXPECT_EQ(compare_descent(world.kept.back(), noted), Descent::newer);
    EXPECT_TRUE(in_sync_on(0));
    EXPECT_TRUE(in_sync_on(1));
}

TEST(MirrorResync, M8AFlushFromBeforeAnAdditionDoesNotDropTheNewMember) {
    MirrorWorld world;
    drop(world);
    world.device(0).hold();
    TestRequest request(Operation::flush, {});
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.device(0).held(), 1u);
    world.device(0).hold_no_more();
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    ASSERT_FALSE(request.done);
    const std::size_t records = world.kept.size();
    world.device(0).release();
    world.loop.run_for(seconds(1));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_TRUE(world.in_sync(1)) << "it had flushed before it counted";
    EXPECT_EQ(world.kept.size(), records);
}

/// The flush and the record would wait for each other's end in turn.
TEST(MirrorResync, M8AFlushFromBeforeAnAdditionDoesNotAskForOneRecordAfterAnother) {
    MirrorWorld world;
    drop(world);
    world.device(0).hold();
    TestRequest request(Operation::flush, {});
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(0).hold_no_more();
    world.admit(1);
    const std::size_t before = world.kept.size();
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == before + 2; }, seconds(10)));
    // The addition is on its way.
    world.hold_journal = true;
    world.device(0).release();
    world.loop.run_for(seconds(1));
    EXPECT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    world.release_journal();
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(world.kept.size(), before + 3);
}

TEST(MirrorResync, M2AMemberThatFailsDuringAnAdditionLeavesAndTheAdditionIsMadeAnew) {
    MirrorWorld world(3);
    drop(world);
    world.admit(1);
    const std::size_t before = world.kept.size();
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == before + 2; }, seconds(10)));
    // Its record write of the addition.
    world.device(2).fail(Operation::write, Errc::medium_error);
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1) && !world.in_sync(2); }, seconds(10)));
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 7)), Errc::ok);
    EXPECT_EQ(world.device(1).bytes(0, 512), filled(512, 7));
    EXPECT_EQ(world.record_on(0), world.record_on(1));
}

TEST(MirrorResync, M8TheLastOldMemberMayGoAtOnce) {
    MirrorWorld world;
    drop(world);
    world.admit(1);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_EQ(write(world.loop, *world.mirror, 512, filled(512, 8)), Errc::ok);
    world.device(0).go_down();
    EXPECT_EQ(write(world.loop, *world.mirror, 1024, filled(512, 9)), Errc::ok);
    TestRequest request(Operation::read, {512, 1024});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    EXPECT_EQ(request.bytes[0], std::byte{8});
    EXPECT_EQ(request.bytes[512], std::byte{9});
}

TEST(MirrorResync, M8TheOnlyOldMemberMayBeAwayWhileARecordIsSuperseded) {
    MirrorWorld world(3);
    drop(world);
    world.device(2).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 2 * region, filled(4096, 3)), Errc::ok);
    // What they are owed is durable already.
    for (std::size_t target : {1, 2}) {
        world.device(target).fail(Operation::write, Errc::medium_error);
        world.admit(target);
        world.loop.run_for(milliseconds(10));
        ASSERT_TRUE(world.mirror->wants_back(target));
    }
    world.device(0).hold();
    world.admit(1);
    world.loop.run_for(milliseconds(1));
    ASSERT_EQ(world.device(0).held(), 1u) << "the record that marks it";
    world.admit(2);
    world.loop.run_for(milliseconds(1));
    world.device(0).go_down();
    world.device(0).release();
    world.loop.run_for(milliseconds(100));
    world.device(0).go_up();
    EXPECT_TRUE(world.loop.run_until([&] { return world.in_sync(1) && world.in_sync(2); }, seconds(20)));
}

TEST(MirrorResync, M8ACleanEndDoesNotWaitForATargetThatHangsWhileItIsAdded) {
    MirrorWorld world;
    drop(world);
    world.loop.run_for(seconds(8));  // the next look for idle regions is near
    world.admit(1);
    const std::size_t before = world.kept.size();
    ASSERT_TRUE(world.loop.run_until([&] { return world.kept.size() == before + 2; }, seconds(10)));
    world.device(1).hold();
    ASSERT_TRUE(world.loop.run_until([&] { return world.device(1).held() == 2; }, milliseconds(7500)))
        << "its record, and a flush before idle regions are cleared";
    bool settled = false;
    world.mirror->settle([&](const Result<void>& result) { settled = result.has_value(); });
    world.loop.run_for(seconds(5));
    world.device(1).cut({Errc::timed_out, "it does not answer while the storage is closed"});
    EXPECT_TRUE(world.loop.run_until([&] { return settled; }, seconds(10)));
}

TEST(MirrorResync, M8ACleanEndInTheMiddleKeepsWhatIsOwed) {
    MirrorWorld world;
    drop(world);
    world.device(1).hold();
    world.admit(1, true);
    world.loop.run_for(milliseconds(10));
    world.device(1).release();
    bool settled = false;
    world.mirror->settle([&](const Result<void>& result) { settled = result.has_value(); });
    ASSERT_TRUE(world.loop.run_until([&] { return settled; }, seconds(5)));
    RegionMap owed;
    MemberMetadata metadata(world.device(0));
    metadata.set_number(1);
    metadata.read_map(world.mirror->record(), {world.mirror->record().mirror, MapKind::owed, 2},
                      [&](const Result<RegionMap>& map) { owed = *map; });
    world.loop.run_for(milliseconds(1));
    EXPECT_TRUE(owed.test(1));
}

}  // namespace
}  // namespace dst
