// A generation that was given up by an order, and in which another head has gone on since.
#include <gtest/gtest.h>

#include "media/record.h"
#include "support/samples.h"

namespace dst {
namespace {

using test::id_of;
using test::sample_record;

/// Generation 2 is that of member 1 alone; a start without it went on from what member 2 has, as generation 3.
struct WentOn : testing::Test {
    WentOn() {
        found.generation = 2;
        found.generation_id = id_of(2);
        found.lineage = {id_of(1)};
        found.revision = 5;
        found.epoch = {1, id_of(0xa)};
        found.forced = false;
        RecordMember& used = found.members[0];
        used.state = MemberState::in_sync;
        used.revision = 5;
        used.last_generation = {};
        used.may_have = {};
        RecordMember& dirty = found.members[1];
        dirty.state = MemberState::dirty;
        dirty.last_generation = id_of(1);
        dirty.may_have = {};
        record = found;
        record.generation = 3;
        record.generation_id = id_of(3);
        record.lineage = {id_of(2), id_of(1)};
        record.revision = 6;
        record.epoch = {2, id_of(0xa)};
        record.forced = true;
        record.members[0].state = MemberState::dirty;
        record.members[0].may_have = {{id_of(2), 5, record.epoch}};
        record.members[1].state = MemberState::in_sync;
        record.members[1].last_generation = {};
    }
    /// As a start of another head does.
    void go_on() {
        found.epoch = {2, id_of(0xb)};
        found.revision = 6;
    }
    void expect(bool went, Descent descent) {
        EXPECT_EQ(went_on(record, found), went);
        EXPECT_FALSE(went_on(found, record));
        EXPECT_EQ(compare_descent(record, found), descent);
        const Descent turned = descent == Descent::newer ? Descent::older : descent;
        EXPECT_EQ(compare_descent(found, record), turned);
    }
    Record found = sample_record();
    Record record = sample_record();
};

TEST_F(WentOn, M5WhatWasGivenUpIsAnAncestorAsLongAsItIsAsItWas) { expect(false, Descent::newer); }

TEST_F(WentOn, M5ARecordOfAnotherHeadSinceIsTheOtherSideOfASplit) {
    go_on();
    expect(true, Descent::split);
}

TEST_F(WentOn, M5ItIsSplitFromWhatFollowedAsWell) {
    go_on();
    record.generation = 9;
    record.generation_id = id_of(9);
    record.lineage.insert(record.lineage.begin(), {id_of(8), id_of(3)});
    record.epoch = {7, id_of(0xc)};
    record.revision = 40;
    expect(true, Descent::split);
}

/// It has begun a start from there, after others had written, and then one from here.
TEST_F(WentOn, M5WhoWroteTheRecordLastNeedNotBeWhoGaveItUp) {
    go_on();
    record.epoch = {3, id_of(0xb)};
    expect(true, Descent::split);
}

/// Who gave it up is the same head still, and knows what it wrote itself.
TEST_F(WentOn, ALaterAttemptOfTheHeadThatGaveItUpIsAnAncestor) {
    found.epoch = {5, id_of(0xa)};
    found.revision = 30;
    expect(true, Descent::split);
    record.epoch = {6, id_of(0xa)};
    expect(false, Descent::newer);
}

TEST_F(WentOn, M5OfEachGenerationItIsKnownUpToWhichRevision) {
    go_on();
    record.members[0].may_have.push_back({id_of(9), 100, record.epoch});
    record.members[0].revision = 100;
    expect(true, Descent::split);
}

TEST_F(WentOn, M5WhatItBecameByChangesOfTheOtherHeadIsSplitByItsLineage) {
    go_on();
    found.generation = 3;
    found.generation_id = id_of(4);
    found.lineage.insert(found.lineage.begin(), id_of(2));
    EXPECT_EQ(compare_descent(record, found), Descent::split);
}

/// A write that the order did not see: the head's own, which died.
TEST_F(WentOn, ALaterRecordOfTheSameHeadIsAnAncestor) {
    found.revision = 6;
    expect(false, Descent::newer);
}

TEST_F(WentOn, ARecordThatWasKnownWhenItWasGivenUpIsAnAncestor) {
    go_on();
    record.members[0].may_have[0].revision = 6;
    expect(false, Descent::newer);
}

TEST_F(WentOn, AMemberThatIsBackHoldsWhatTheOthersHold) {
    go_on();
    record.members[0].state = MemberState::in_sync;
    expect(false, Descent::newer);
}

TEST_F(WentOn, AMemberThatLeftByItselfWasNotGivenUp) {
    go_on();
    record.members[0].last_generation = id_of(2);
    record.members[0].may_have = {};
    expect(false, Descent::newer);
}

/// It may have been the only one in sync by that.
TEST_F(WentOn, M7NorWasItButWhatAnOrderMadeOthersMayHaveGoneOnWith) {
    go_on();
    record.members[0].last_generation = id_of(1);
    expect(false, Descent::newer);
    record.members[0].may_have[0].ordered = true;
    expect(true, Descent::split);
}

/// A note of a member that was in sync, by a journal that does not decide any more.
TEST_F(WentOn, M5NorNeedItHaveLeftTheRecordThatNotesIt) {
    go_on();
    record.members[0].state = MemberState::in_sync;
    record.members[0].last_generation = {};
    expect(false, Descent::newer);
    record.members[0].may_have[0].ordered = true;
    expect(true, Descent::split);
}

TEST_F(WentOn, OnlyAMemberInSyncHasGoneOn) {
    go_on();
    found.members[0].state = MemberState::resyncing;
    expect(false, Descent::newer);
}

TEST_F(WentOn, AGenerationThatItIsNotKnownToHaveHadIsNoneThatWasGivenUp) {
    go_on();
    record.members[0].may_have = {{id_of(1), 5, record.epoch}};
    expect(false, Descent::newer);
}

}  // namespace
}  // namespace dst
