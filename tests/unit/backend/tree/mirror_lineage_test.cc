#include <gtest/gtest.h>

#include <algorithm>

#include "support/mirror_world.h"
#include "tree/member_return.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// As it is when it was kept while many more changes followed.
Record after_many_changes(Record record, MirrorWorld& world) {
    for (int i = 0; i < 100; ++i) {
        record.lineage.insert(record.lineage.begin(), record.generation_id);
        record.generation_id = world.loop.random_id();
        ++record.generation;
        ++record.revision;
        bound_lineage(record);
    }
    return record;
}

ReturnKind judged(const Record& mine, std::uint32_t number, const Record& found) {
    return judge_return(mine, *find_member(mine, number), found).kind;
}

/// The record of a new generation on its way to members 1 and 2; 3 has left.
void give_record(MirrorWorld& world, TestRequest& request) {
    world.hold_journal = true;
    world.device(2).fail(Operation::write, Errc::medium_error);
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    world.device(1).hold();
    world.release_journal();
    world.loop.run_for(milliseconds(10));
    ASSERT_EQ(world.device(1).held(), 1u);
}

TEST(MirrorLineage, M7AMemberThatWasLostWhileARecordWasWrittenToItIsNoSplitLater) {
    MirrorWorld world(3);
    const Record before = world.record_on(1);
    TestRequest request = write_of(0, 7);
    give_record(world, request);
    const Record given = world.kept.back();
    world.device(1).go_down();
    world.loop.run_for(seconds(2));
    ASSERT_TRUE(request.done);
    const Record after = world.record_on(0);
    ASSERT_EQ(find_member(after, 2)->state, MemberState::dirty);
    EXPECT_EQ(find_member(after, 2)->last_generation, before.generation_id);
    EXPECT_EQ(find_member(after, 2)->may_have, std::vector<MayHave>{may_have_of(given)});
    const Record later = after_many_changes(after, world);
    EXPECT_EQ(judged(later, 2, before), ReturnKind::known);
    EXPECT_EQ(judged(later, 2, given), ReturnKind::known);
}

TEST(MirrorLineage, M7AMemberThatTheLastHeadGaveARecordIsNoSplitLater) {
    MirrorWorld world(3);
    const Record before = world.record_on(1);
    TestRequest request = write_of(0, 7);
    give_record(world, request);
    // As a head finds it that starts with this record, without that member.
    const Record stood_on = world.kept.back();
    EXPECT_EQ(find_member(stood_on, 2)->may_have, std::vector<MayHave>{may_have_of(before)});
    world.device(1).release();
    world.loop.run_for(seconds(1));
    Mirror next(MirrorEnvironment{world.loop, world.events, &world, seconds(8)}, "m1",
                {{&world.device(0), "d0"}, {&world.device(1), "d1"}, {&world.device(2), "d2"}});
    for (std::uint32_t i = 0; i < 3; ++i) next.set_number(i, i + 1);
    next.stand(stood_on, 1);
    next.serve(2, [](const Result<void>&) {});
    world.loop.run_for(seconds(1));
    Record stands = next.record();
    // Its last generation is the same one.
    find_member(stands, 3)->last_generation = {};
    const Record later = after_many_changes(stands, world);
    EXPECT_EQ(judged(later, 2, stood_on), ReturnKind::known);
    EXPECT_EQ(judged(later, 2, before), ReturnKind::everything);
    bool closed = false;
    next.close([&] { closed = true; });
    EXPECT_TRUE(world.loop.run_until([&] { return closed; }, seconds(60)));
}

TEST(MirrorLineage, M7AMemberThatWasNotMarkedAfterAllIsNoSplitLater) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    const Record had = world.record_on(1);
    world.device(1).fail(Operation::write, Errc::medium_error);
    world.mirror->admit(1, {false, {}, may_have_of(had)});
    world.loop.run_for(seconds(1));
    ASSERT_EQ(world.events.count("resync-stopped"), 1u);
    const Record marked = world.record_on(0);
    ASSERT_EQ(find_member(marked, 2)->state, MemberState::resyncing);
    EXPECT_EQ(judged(after_many_changes(marked, world), 2, had), ReturnKind::everything);
}

TEST(MirrorLineage, M2ARecordThatOnlyTheJournalMayHaveIsNoNewGenerationEachTime) {
    MirrorWorld world;
    const Record before = world.record_on(0);
    world.fail_journal = true;
    world.device(1).fail(Operation::write, Errc::medium_error);
    for (int i = 0; i < 100; ++i) EXPECT_NE(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.fail_journal = false;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    const Record after = world.record_on(0);
    EXPECT_EQ(after.generation, before.generation + 1);
    EXPECT_EQ(after.lineage, std::vector<Id>{before.generation_id});
    EXPECT_GE(after.revision, before.revision + 100);
}

TEST(MirrorLineage, M2ARecordThatSomeMemberMayHaveIsFollowedByANewGeneration) {
    MirrorWorld world(3);
    TestRequest request = write_of(0, 7);
    give_record(world, request);
    const Record given = world.kept.back();
    world.device(1).answer(Errc::medium_error);
    world.device(1).release();
    world.loop.run_for(seconds(1));
    const Record after = world.record_on(0);
    EXPECT_EQ(after.generation, given.generation + 1);
    EXPECT_EQ(compare_descent(after, given), Descent::newer);
}

}  // namespace
}  // namespace dst
