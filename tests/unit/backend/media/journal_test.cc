#include "media/journal.h"

#include <gtest/gtest.h>

#include "support/samples.h"

namespace dst {
namespace {

using test::sample_journal;

Bytes encoded(std::uint64_t sequence) {
    Journal journal = sample_journal();
    journal.sequence = sequence;
    return *encode_journal(journal);
}

Bytes broken(Bytes slot) {
    slot[64] ^= std::byte{1};
    return slot;
}

StoreContents contents(Bytes first, Bytes second) {
    StoreContents found;
    found.slots = {std::move(first), std::move(second)};
    return found;
}

TEST(Journal, DecodesToWhatWasEncoded) {
    const Result<Journal> decoded = decode_journal(*encode_journal(sample_journal()));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, sample_journal());
}

TEST(Journal, WithoutMirrorsOrClaimIsAJournalToo) {
    Journal journal;
    journal.storage_name = "plain";
    journal.sequence = 1;
    EXPECT_EQ(*decode_journal(*encode_journal(journal)), journal);
}

TEST(Journal, SeveralMirrorsOfWhichASideIsGivenUpGoRoundTrip) {
    Journal journal = sample_journal();
    journal.discards.push_back({Id{{7}}, 3});
    journal.discards.push_back({Id{{9}}, 1});
    EXPECT_EQ(*decode_journal(*encode_journal(journal)), journal);
    journal.order = StartOrder::none;
    EXPECT_EQ(decode_journal(*encode_journal(journal)).error().code, Errc::corrupt);
}

TEST(Journal, RefusesMoreThanASlotHolds) {
    Journal journal = sample_journal();
    journal.leaves.assign(60000, journal.leaves[0]);
    EXPECT_EQ(encode_journal(journal).error().code, Errc::too_large);
}

TEST(Journal, RefusesMoreMembersThanAMirrorHas) {
    Journal journal = sample_journal();
    journal.records[0].members.assign(9, journal.records[0].members[0]);
    EXPECT_EQ(encode_journal(journal).error().code, Errc::too_large);
}

TEST(Journal, RefusesAnUnknownOrder) {
    Journal journal = sample_journal();
    journal.order = static_cast<StartOrder>(4);
    EXPECT_EQ(decode_journal(*encode_journal(journal)).error().code, Errc::corrupt);
}

TEST(ChooseJournal, FindsNoneInANewStore) {
    const JournalChoice choice = choose_journal(contents({}, {}));
    EXPECT_FALSE(choice.journal);
    EXPECT_FALSE(choice.damaged);
    EXPECT_EQ(choice.next_slot, 0u);
    EXPECT_EQ(choice.next_sequence, 1u);
}

TEST(ChooseJournal, TakesTheNewerSlotAndWritesTheOther) {
    const JournalChoice choice = choose_journal(contents(encoded(4), encoded(3)));
    ASSERT_TRUE(choice.journal);
    EXPECT_EQ(choice.journal->sequence, 4u);
    EXPECT_EQ(choice.next_slot, 1u);
    EXPECT_FALSE(choice.copy_damaged);
    EXPECT_EQ(choice.next_sequence, 5u);
}

TEST(ChooseJournal, FallsBackWhenTheNewerIsTorn) {
    const JournalChoice choice = choose_journal(contents(broken(encoded(4)), encoded(3)));
    ASSERT_TRUE(choice.journal);
    EXPECT_EQ(choice.journal->sequence, 3u);
    EXPECT_EQ(choice.next_slot, 0u);
    EXPECT_TRUE(choice.copy_damaged);
}

TEST(ChooseJournal, IsDamagedWhenNeitherIsGood) {
    const JournalChoice choice = choose_journal(contents(broken(encoded(4)), {}));
    EXPECT_FALSE(choice.journal);
    EXPECT_TRUE(choice.damaged);
    EXPECT_EQ(choice.why.code, Errc::corrupt);
}

TEST(ChooseJournal, OtherBytesInASlotAreADamagedJournal) {
    const JournalChoice choice = choose_journal(contents(Bytes(4096, std::byte{'x'}), {}));
    EXPECT_TRUE(choice.damaged);
    EXPECT_EQ(choice.why.code, Errc::corrupt);
}

TEST(ChooseJournal, ZeroesAreAWriteThatNeverEnded) {
    const JournalChoice choice = choose_journal(contents(Bytes(4096), {}));
    EXPECT_FALSE(choice.damaged);
    EXPECT_FALSE(choice.copy_damaged);
    EXPECT_EQ(choice.why.code, Errc::not_found);
}

TEST(ChooseJournal, TakesASlotThatIsLongerThanTheJournal) {
    Bytes slot = encoded(4);
    slot.resize(Store::slot_bytes_max, std::byte{0xee});
    EXPECT_TRUE(choose_journal(contents(slot, {})).journal);
}

}  // namespace
}  // namespace dst
