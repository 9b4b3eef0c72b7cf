#include "start/forced_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "start/served_order.h"
#include "tree/member_return.h"

namespace dst {
namespace {

Id id(std::uint8_t number) {
    Id made;
    made.bytes[0] = number;
    return made;
}

/// A line 1, 2, which went on as 3 on the first member without the second, and as 4 on the second without the first.
struct ForcedChoice : ::testing::Test {
    ForcedChoice() {
        common.generation = 2;
        common.generation_id = id(2);
        common.lineage = {id(1)};
        common.revision = 9;
        common.members.resize(2);
        common.members[0].number = 1;
        common.members[0].name = "/a";
        common.members[1].number = 2;
        common.members[1].name = "/b";
        mine = one_side(3, common.members[1].number);
        theirs = one_side(4, common.members[0].number);
        views.resize(2);
        views[0] = {"/a", 1, true, {}, mine, {}, {}, false};
        views[1] = {"/b", 2, true, {}, theirs, {}, {}, false};
    }

    Record one_side(std::uint8_t generation, std::uint32_t left) const {
        Record record = common;
        record.generation = 3;
        record.generation_id = id(generation);
        record.lineage = {id(2), id(1)};
        record.revision = 10;
        find_member(record, left)->state = MemberState::dirty;
        find_member(record, left)->last_generation = id(2);
        return record;
    }

    static Record after_many_changes(Record record) {
        for (std::uint8_t i = 0; i < 100; ++i) {
            record.generation_id = id(static_cast<std::uint8_t>(100 + i));
            record.lineage.insert(record.lineage.begin(), id(static_cast<std::uint8_t>(99 + i)));
            bound_lineage(record);
        }
        return record;
    }
    static ReturnKind judged(const Record& record, const Record& found) {
        return judge_return(record, *find_member(record, 2), found).kind;
    }

    Record common;
    Record mine;
    Record theirs;
    std::vector<MemberView> views;
    std::optional<Record> journal;
};

TEST_F(ForcedChoice, OfASplitEitherSideMayBeGivenUp) {
    const StartChoice choice = choose_record(journal, false, views);
    ASSERT_EQ(choice.verdict, Verdict::split);
    EXPECT_EQ(choice.one_side + choice.other_side, "/a/b");
}

/// The second one was being brought up to date from what the first one held before: it holds no side by itself.
TEST_F(ForcedChoice, NotTheOneWithoutWhichNobodyInSyncIsLeft) {
    find_member(theirs, 1)->state = MemberState::in_sync;
    find_member(theirs, 2)->state = MemberState::resyncing;
    views[1].record = theirs;
    const StartChoice choice = choose_record(journal, false, views);
    ASSERT_EQ(choice.verdict, Verdict::split);
    EXPECT_EQ(choice.one_side + choice.other_side, "/b");
    // Ordered all the same, it says why nothing comes of it.
    ASSERT_TRUE(discard_side(journal, false, views, 1));
    const StartChoice left = choose_record(journal, false, views);
    EXPECT_EQ(left.verdict, Verdict::wait);
    EXPECT_EQ(left.reason,
              "all members that are in sync by the newest record that counts are given up, as ordered: give up the "
              "other side instead");
}

/// By their records they are as new; one of them is a copy that was put in its place.
TEST_F(ForcedChoice, OfTwoThatLeftTogetherTheSameFileIsUsed) {
    const Incarnation file = of_file(id(7));
    for (RecordMember& member : common.members) member.incarnation = file;
    Record newest = common;
    newest.generation = 3;
    newest.generation_id = id(3);
    newest.lineage = {id(2), id(1)};
    newest.members.push_back(newest.members.back());
    newest.members.back().number = 3;
    for (const std::uint32_t number : {1, 2}) {
        find_member(newest, number)->state = MemberState::dirty;
        find_member(newest, number)->last_generation = id(2);
    }
    journal = newest;
    for (const std::size_t copied : {0, 1}) {
        for (const std::size_t i : {0, 1}) {
            views[i].record = common;
            views[i].incarnation = i == copied ? of_file(id(8)) : file;
        }
        const auto choice = force_choice(journal, true, views);
        ASSERT_TRUE(choice);
        EXPECT_EQ(choice->used, copied == 0 ? 2u : 1u);
    }
}

/// Its own record marks it as being brought up to date; another head's line never had it in sync since.
TEST_F(ForcedChoice, OneThatWasMarkedOnAnotherLineIsAMixture) {
    Record marked = mine;
    find_member(marked, 2)->state = MemberState::resyncing;
    views[0].reachable = false;
    views[1].record = marked;
    Record newest = mine;
    newest.generation = 4;
    newest.generation_id = id(5);
    newest.lineage = {id(3), id(2), id(1)};
    find_member(newest, 2)->last_generation = {};
    journal = newest;
    const auto choice = force_choice(journal, true, views);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->used, 2u);
    EXPECT_NE(choice->reason.find("a mixture of old and new"), std::string::npos) << choice->reason;
    // It was in sync when it left with what it is marked in: the record that said so has not reached it.
    find_member(newest, 2)->last_generation = marked.generation_id;
    journal = newest;
    EXPECT_EQ(force_choice(journal, true, views)->reason.find("a mixture"), std::string::npos);
    // So it was when a head that stood on that record without it left it out.
    find_member(newest, 2)->last_generation = newest.generation_id;
    journal = newest;
    EXPECT_EQ(force_choice(journal, true, views)->reason.find("a mixture"), std::string::npos);
    find_member(newest, 2)->last_generation = id(2);
    journal = newest;
    EXPECT_NE(force_choice(journal, true, views)->reason.find("a mixture"), std::string::npos) << "it was marked later";
}

/// Both were started without the machine whose journal still decides: to give up one of them must not leave the other
/// one out as well.
TEST_F(ForcedChoice, AJournalOfWhoseSideNobodyIsLeftIsNoSideThatStays) {
    journal = common;
    journal->generation = 3;
    journal->generation_id = id(5);
    journal->lineage = {id(2), id(1)};
    const StartChoice choice = choose_record(journal, true, views);
    ASSERT_EQ(choice.verdict, Verdict::split);
    EXPECT_EQ(choice.one_side + choice.other_side, "/a/b");
    EXPECT_EQ(choice.reason.find("the journal"), std::string::npos) << choice.reason;

    const std::optional<Discard> discard = discard_side(journal, true, views, 2);
    ASSERT_TRUE(discard);
    EXPECT_TRUE(discard->journal);
    EXPECT_EQ(discard->names, std::vector<std::string>{"/b"});
    const StartChoice left = choose_record(journal, false, views);
    EXPECT_EQ(left.verdict, Verdict::use);
    EXPECT_EQ(left.used, 1u);
    EXPECT_EQ(left.record.generation_id, id(3));
}

/// The journal's side stays one when a member of it may come back.
TEST_F(ForcedChoice, AJournalOfWhoseSideOneIsAwayIsASide) {
    common.members.push_back(common.members[0]);
    common.members[2].number = 3;
    common.members[2].name = "/c";
    journal = common;
    journal->generation_id = id(5);
    journal->lineage = {id(2), id(1)};
    const StartChoice choice = choose_record(journal, true, views);
    ASSERT_EQ(choice.verdict, Verdict::split);
    EXPECT_EQ(choice.one_side, "/c");
    ASSERT_TRUE(discard_side(journal, true, views, 2));
    EXPECT_TRUE(journal);
    EXPECT_EQ(choose_record(journal, true, views).verdict, Verdict::wait) << "for the third one";
}

/// Nothing can be given up here: the way out says so.
TEST_F(ForcedChoice, OfAJournalThatHasNobodyAndASingleOtherSideNobodyIsOffered) {
    journal = common;
    journal->generation_id = id(5);
    journal->lineage = {id(2), id(1)};
    find_member(*journal, 2)->state = MemberState::dirty;
    views[1].reachable = false;
    views[1].record.reset();
    const StartChoice choice = choose_record(journal, true, views);
    ASSERT_EQ(choice.verdict, Verdict::split);
    EXPECT_EQ(choice.one_side + choice.other_side, "");
}

TEST_F(ForcedChoice, M7WhatWasDiscardedIsNoSplitLater) {
    const std::optional<Discard> discard = discard_side(journal, false, views, 2);
    ASSERT_TRUE(discard);
    StartChoice choice = choose_record(journal, false, views);
    ASSERT_EQ(choice.verdict, Verdict::use);
    resolve_choice(choice, *discard);
    choice.record.generation_id = id(99);
    EXPECT_EQ(judged(choice.record, theirs), ReturnKind::everything);
    EXPECT_EQ(judged(after_many_changes(choice.record), theirs), ReturnKind::everything);
    EXPECT_EQ(judged(after_many_changes(choice.record), common), ReturnKind::everything);
}

/// An attempt before has noted what it was about to make, and raised the revision of its own line with that.
TEST_F(ForcedChoice, M7WhatANoteHasRaisedHidesNobodyWhoGoesOnWithTheJournalsSide) {
    const Id own = id(0xa);
    const Id other = id(0xb);
    journal = theirs;
    journal->epoch = {3, own};
    journal->revision = 10 + 2 * revision_step;
    find_member(*journal, 2)->revision = 10;
    views[1].reachable = false;
    views[1].record.reset();
    const std::optional<Discard> discard = discard_side(journal, true, views, 2);
    ASSERT_TRUE(discard);
    EXPECT_TRUE(discard->journal);
    StartChoice choice = choose_record(journal, false, views);
    ASSERT_EQ(choice.verdict, Verdict::use);
    resolve_choice(choice, *discard);
    choice.record.generation_id = id(99);
    choice.record.epoch = {4, own};
    theirs.epoch = {3, own};
    EXPECT_EQ(judged(choice.record, theirs), ReturnKind::everything);
    theirs.revision += 1;
    EXPECT_EQ(judged(choice.record, theirs), ReturnKind::everything) << "its own";
    theirs.revision += revision_step;
    theirs.epoch = {4, other};
    EXPECT_EQ(judged(choice.record, theirs), ReturnKind::split);
}

/// That an order was served is known by the line, or by the newest order of it when the line is cut.
TEST_F(ForcedChoice, M5WhoIgnoresAnOrderIsToldByItsLine) {
    EXPECT_FALSE(ignores_order(common, {}));
    EXPECT_TRUE(ignores_order(common, id(3)));
    EXPECT_FALSE(ignores_order(mine, id(3)));
    EXPECT_FALSE(ignores_order(mine, id(1)));
    EXPECT_TRUE(ignores_order(theirs, id(3)));
    Record later = after_many_changes(mine);
    EXPECT_TRUE(ignores_order(later, id(3)));
    later.ordered = id(3);
    EXPECT_FALSE(ignores_order(later, id(3)));
}

TEST_F(ForcedChoice, M7WhatWasLeftOutIsNoSplitLater) {
    views[0].record = common;
    views[1].reachable = false;
    views[1].record.reset();
    std::optional<StartChoice> choice = force_choice(journal, false, views);
    ASSERT_TRUE(choice);
    choice->record.generation_id = id(99);
    EXPECT_EQ(judged(after_many_changes(choice->record), common), ReturnKind::everything);
    EXPECT_EQ(judged(after_many_changes(choice->record), theirs), ReturnKind::split) << "it went on without the other";
}

/// A third member; what the first two have is as before.
struct ForcedChoiceOfThree : ForcedChoice {
    ForcedChoiceOfThree() {
        for (Record* record : {&common, &mine, &theirs}) {
            record->members.resize(3);
            record->members[2].number = 3;
            record->members[2].name = "/c";
        }
        views.push_back({"/c", 3, false, {}, std::nullopt, {}, {}, false});
    }
    void left(Record& record, std::uint32_t number) const {
        find_member(record, number)->state = MemberState::dirty;
        find_member(record, number)->last_generation = id(2);
    }
    void look() {
        views[0].record = mine;
        views[1].record = theirs;
        views[1].reachable = true;
    }
    /// What /b has is given up.
    StartChoice resolved(bool decides = false) {
        look();
        if (decides) journal = mine;
        const std::optional<Discard> discard = discard_side(journal, decides, views, 2);
        EXPECT_TRUE(discard);
        StartChoice choice = choose_record(journal, decides, views);
        if (choice.verdict == Verdict::use) resolve_choice(choice, *discard);
        choice.record.generation_id = id(99);
        return choice;
    }
    static ReturnJudgement judged_third(const Record& record, const Record& found) {
        return judge_return(record, *find_member(record, 3), found);
    }
};

TEST_F(ForcedChoiceOfThree, M7WhatIsAwayAndGoesWithTheSideIsOwedEverything) {
    left(mine, 3);
    Record later = resolved().record;
    EXPECT_TRUE(find_member(later, 3)->last_generation.is_nil());
    EXPECT_EQ(judged_third(later, theirs).kind, ReturnKind::everything);
    // The other one of its side is up to date, and has nothing of that any more.
    RecordMember& other = *find_member(later, 2);
    other = {};
    other.number = 2;
    EXPECT_EQ(judged_third(after_many_changes(later), theirs).kind, ReturnKind::everything);
}

/// It was out on both sides already.
TEST_F(ForcedChoiceOfThree, M7WhatHadLeftBeforeTheSplitIsOwedWhatItMissed) {
    left(mine, 3);
    left(theirs, 3);
    EXPECT_EQ(judged_third(resolved().record, common).kind, ReturnKind::known);
    find_member(theirs, 3)->last_generation = {};
    find_member(theirs, 3)->may_have = {may_have_of(common)};
    EXPECT_EQ(judged_third(resolved().record, common).kind, ReturnKind::known);
}

/// It left that side before, and has what was written there until then.
TEST_F(ForcedChoiceOfThree, M7WhatHadLeftTheSideIsOwedEverything) {
    left(mine, 3);
    const Record its_own = theirs;
    theirs.generation = 4;
    theirs.generation_id = id(5);
    theirs.lineage = {id(4), id(2), id(1)};
    left(theirs, 3);
    find_member(theirs, 3)->last_generation = id(4);
    for (const bool long_ago : {false, true}) {
        if (long_ago) mine = after_many_changes(mine);
        Record later = resolved().record;
        bound_lineage(later);
        EXPECT_EQ(judged_third(later, its_own).kind, ReturnKind::everything) << long_ago;
        EXPECT_EQ(judged_third(after_many_changes(later), its_own).kind, ReturnKind::everything) << long_ago;
        EXPECT_EQ(judged_third(later, common).kind, ReturnKind::everything) << "an older copy";
    }
}

TEST_F(ForcedChoiceOfThree, M7WhatIsInSyncByBothSidesAndAwayIsOwedEverythingByAJournalThatDecides) {
    const StartChoice choice = resolved(true);
    ASSERT_EQ(choice.verdict, Verdict::use);
    EXPECT_EQ(choice.used, bit(0));
    EXPECT_EQ(find_member(choice.record, 3)->state, MemberState::dirty);
    EXPECT_EQ(judged_third(choice.record, theirs).kind, ReturnKind::everything);
    EXPECT_EQ(judged_third(choice.record, mine).kind, ReturnKind::everything);
}

TEST_F(ForcedChoiceOfThree, M5WhatIsInSyncByBothSidesAndAwayIsWaitedForByOthers) {
    const StartChoice choice = resolved();
    EXPECT_EQ(choice.verdict, Verdict::wait);
    EXPECT_NE(choice.reason.find("waits for /c"), std::string::npos) << choice.reason;
}

/// It may be all that has what is kept.
TEST_F(ForcedChoiceOfThree, M5WhatIsInSyncByBothSidesIsWaitedForWhenNobodyElseHasWhatIsKept) {
    look();
    journal = mine;
    views[0].reachable = false;
    views[0].record.reset();
    ASSERT_TRUE(discard_side(journal, true, views, 2));
    const StartChoice choice = choose_record(journal, true, views);
    EXPECT_EQ(choice.verdict, Verdict::wait);
    EXPECT_EQ(find_member(*journal, 3)->state, MemberState::in_sync);
}

/// A write of the record was under way to /c when it left, and only /b is there when the loss is accepted.
TEST_F(ForcedChoiceOfThree, M7WhatWasInFlightWhenItLeftIsNoSplit) {
    const std::uint64_t acknowledged = common.revision;
    common.revision = acknowledged + 1;
    common.epoch = {2, id(50)};
    left(theirs, 3);
    find_member(theirs, 3)->revision = acknowledged;
    theirs.revision = acknowledged + 2;
    theirs.epoch = {3, id(50)};
    look();
    views[0].reachable = false;
    views[0].record.reset();
    find_member(views[1].record.value(), 1)->state = MemberState::in_sync;
    std::optional<StartChoice> choice = force_choice(journal, false, views);
    ASSERT_TRUE(choice);
    Record& later = choice->record;
    later.generation_id = id(99);
    later.epoch = {4, id(51)};
    EXPECT_FALSE(went_on(later, common));
    EXPECT_EQ(compare_descent(later, common), Descent::newer);
    EXPECT_EQ(judged_third(later, common).kind, ReturnKind::everything);
    // Another head's is one.
    common.revision = theirs.revision + 1;
    common.epoch = {3, id(52)};
    EXPECT_TRUE(went_on(later, common));
    EXPECT_EQ(judged_third(later, common).kind, ReturnKind::split);
}

/// /a went on with another head; /c's record is from before it was given up, and follows from it; /b's gave it up.
TEST_F(ForcedChoiceOfThree, M5WhatWentOnIsASplitWhoeverKnowsNothingOfIt) {
    Record left_out = common;
    left_out.generation = 3;
    left_out.generation_id = id(5);
    left_out.lineage = {id(2), id(1)};
    left(left_out, 1);
    left_out.epoch = {2, id(50)};
    Record gave_up = left_out;
    gave_up.generation = 4;
    gave_up.generation_id = id(6);
    gave_up.lineage = {id(5), id(2), id(1)};
    gave_up.epoch = {3, id(50)};
    RecordMember& a = *find_member(gave_up, 1);
    a.last_generation = {};
    a.may_have = {{id(2), common.revision, gave_up.epoch}};
    ++common.revision;
    common.epoch = {3, id(52)};
    ASSERT_EQ(compare_descent(left_out, common), Descent::newer);
    ASSERT_EQ(compare_descent(gave_up, left_out), Descent::newer);
    ASSERT_EQ(compare_descent(gave_up, common), Descent::split);
    std::vector<Record> records{common, left_out, gave_up};
    std::vector<std::size_t> order{0, 1, 2};
    do {
        for (std::size_t i = 0; i < order.size(); ++i) {
            views[i].reachable = true;
            views[i].record = records[order[i]];
            views[i].number = static_cast<std::uint32_t>(order[i] == 0 ? 1 : order[i] == 1 ? 3 : 2);
        }
        EXPECT_EQ(choose_record(journal, false, views).verdict, Verdict::split) << order[0] << order[1] << order[2];
        EXPECT_FALSE(force_choice(journal, false, views)) << order[0] << order[1] << order[2];
    } while (std::next_permutation(order.begin(), order.end()));
}

/// A member's record may be later than the journal's, and knows nothing of what that noted.
TEST_F(ForcedChoiceOfThree, M7NotesOfAJournalThatDecidesOutliveALaterRecord) {
    left(mine, 3);
    Record given = mine;
    given.generation = 4;
    given.generation_id = id(7);
    given.lineage = {id(3), id(2), id(1)};
    for (RecordMember& member : given.members) {
        member.state = member.number == 3 ? MemberState::in_sync : MemberState::dirty;
        member.last_generation = {};
    }
    Record noted = mine;
    note_generation(noted, id(7));
    forget_generation(noted, 3, may_have_of(given));
    Record later = mine;
    ++later.revision;
    take_notes(later, noted);
    EXPECT_EQ(later.generation_id, mine.generation_id);
    EXPECT_EQ(judged_third(later, given).kind, ReturnKind::everything);
    EXPECT_EQ(judged_third(later, common).kind, ReturnKind::everything) << "or an older copy of it";
    EXPECT_EQ(judge_return(later, *find_member(later, 2), common).kind, ReturnKind::known) << "it was not touched";
    Record gone_on = given;
    gone_on.epoch = {later.epoch.number + 1, id(0x77)};
    gone_on.revision = later.revision + 16;
    for (RecordMember& member : gone_on.members) remember_generation(member.may_have, may_have_of(mine));
    EXPECT_EQ(compare_descent(later, gone_on), Descent::split) << "whoever goes on with it";
    EXPECT_EQ(compare_descent(gone_on, later), Descent::split);
    Record of_the_noted_generation = given;
    take_notes(of_the_noted_generation, noted);
    EXPECT_EQ(of_the_noted_generation.lineage, given.lineage);
    EXPECT_EQ(find_member(of_the_noted_generation, 3)->state, MemberState::in_sync);
}

}  // namespace
}  // namespace dst
