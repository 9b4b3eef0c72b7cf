// M7, M5 step 3: who of those that may have lost something is used, and who is waited for.
#include <gtest/gtest.h>

#include "start/choose_record.h"

namespace dst {
namespace {

/// The first member has been off. The second one is a mirror that was started from older data.
struct ChooseIncarnations : testing::Test {
    ChooseIncarnations() {
        record.generation = 2;
        record.generation_id = Id{{2}};
        record.revision = 30;
        record.members.resize(2);
        for (const std::uint32_t number : {1u, 2u}) {
            RecordMember& member = record.members[number - 1];
            member.number = number;
            member.name = number == 1 ? "/a" : "/tree";
            member.state = MemberState::in_sync;
            member.revision = 30;
            member.incarnation = {Id{{1, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(number)}}};
            views.push_back({member.name, number, true, {}, record, {}, {}, false});
        }
        for (MemberView& view : views) view.record = record;
        views[0].incarnation = {Id{{2, 0, 0, 0, 0, 0, 0, 0, 1}}};
        views[1].incarnation = {Id{{9, 0, 0, 0, 0, 0, 0, 0, 9}}};
    }
    IncarnationChoice chosen() {
        const StartChoice choice = choose_record(record, true, views);
        EXPECT_EQ(choice.verdict, Verdict::use);
        EXPECT_EQ(choice.used, 1u);
        return choose_incarnations(choice, views, &record);
    }
    Record record;
    std::vector<MemberView> views;
};

TEST_F(ChooseIncarnations, M7NobodyWaitsForOneThatWasStartedFromOlderData) {
    ASSERT_FALSE(same_data(record.members[1].incarnation, views[1].incarnation));
    ASSERT_TRUE(same_data(record.members[0].incarnation, views[0].incarnation));
    EXPECT_FALSE(chosen().wait);
    EXPECT_EQ(chosen().used, 1u);
}

/// What was given up there may be this mirror's last record, too.
TEST_F(ChooseIncarnations, M7NorForOneOfWhichTheRecordIsOlderAsWell) {
    views[1].record->revision = 20;
    EXPECT_FALSE(chosen().wait);
    EXPECT_EQ(chosen().used, 1u);
}

TEST_F(ChooseIncarnations, M7AnOlderCopyMayBeReplacedByTheNewest) {
    views[1].record->revision = 20;
    views[1].incarnation = record.members[1].incarnation;
    EXPECT_TRUE(chosen().wait);
}

TEST_F(ChooseIncarnations, M7OneThatIsAwayIsWaitedFor) {
    views[1].reachable = false;
    views[1].record.reset();
    EXPECT_TRUE(chosen().wait);
}

}  // namespace
}  // namespace dst
