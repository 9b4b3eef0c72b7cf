#include "media/record.h"

#include <gtest/gtest.h>

#include "media/layout.h"
#include "support/samples.h"

namespace dst {
namespace {

using test::id_of;
using test::sample_record;

Record record_of(std::uint8_t generation_id, std::vector<std::uint8_t> lineage, std::uint64_t generation = 1) {
    Record record = sample_record();
    record.generation_id = id_of(generation_id);
    record.generation = generation;
    record.lineage.clear();
    for (const std::uint8_t id : lineage) record.lineage.push_back(id_of(id));
    return record;
}

Bytes encoded(std::uint64_t revision, std::uint64_t sequence) {
    Record record = sample_record();
    record.revision = revision;
    return *encode_record(record, sequence);
}

TEST(Record, DecodesToWhatWasEncoded) {
    const Result<DecodedRecord> decoded = decode_record(*encode_record(sample_record(), 33));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->record, sample_record());
    EXPECT_EQ(decoded->sequence, 33u);
}

TEST(Record, IsPaddedToWholeBlocks) { EXPECT_EQ(encode_record(sample_record(), 1)->size(), 4096u); }

TEST(Record, OfTheLargestOrdinaryMirrorFitsItsPlace) {
    Record record = sample_record();
    record.members.assign(mirror_members_max, record.members[1]);
    record.next_number = mirror_members_max + 1;
    for (std::uint32_t i = 0; i < mirror_members_max; ++i) {
        record.members[i].number = i + 1;
        record.members[i].name = std::string(255, 'm');
        record.members[i].leaves.assign(24, record.members[i].leaves[0]);
        record.members[i].may_have.assign(may_have_max, {id_of(1), 1, {1, id_of(1)}});
    }
    record.lineage.assign(1000, id_of(1));
    const Result<Bytes> copy = encode_record(record, 1);
    ASSERT_TRUE(copy.has_value());
    EXPECT_LE(copy->size(), record_copy_bytes);
}

TEST(Record, RefusesMoreMembersThanFit) {
    Record record = sample_record();
    record.members.assign(mirror_members_max + 1, record.members[0]);
    EXPECT_EQ(encode_record(record, 1).error().code, Errc::too_large);
}

TEST(Record, RefusesMoreLeavesThanFit) {
    Record record = sample_record();
    record.members[0].leaves.assign(1000, record.members[0].leaves[0]);
    EXPECT_EQ(encode_record(record, 1).error().code, Errc::too_large);
}

TEST(Record, RefusesNamesOver255Bytes) {
    Record record = sample_record();
    record.members[0].name = std::string(256, 'm');
    EXPECT_EQ(encode_record(record, 1).error().code, Errc::too_large);
}

struct Spoiling {
    const char* what;
    void (*spoil)(Record&);
};

class RecordDecoding : public testing::TestWithParam<Spoiling> {};

TEST_P(RecordDecoding, RefusesValuesThatOthersAssert) {
    Record record = sample_record();
    GetParam().spoil(record);
    EXPECT_EQ(decode_record(*encode_record(record, 1)).error().code, Errc::corrupt);
}

INSTANTIATE_TEST_SUITE_P(
    All, RecordDecoding,
    testing::Values(
        Spoiling{"odd_region_size", [](Record& record) { record.region_bytes = 3u << 20; }},
        Spoiling{"no_region_size", [](Record& record) { record.region_bytes = 0; }},
        Spoiling{"odd_block_size", [](Record& record) { record.logical_block_bytes = 520; }},
        Spoiling{"member_zero", [](Record& record) { record.members[0].number = 0; }},
        Spoiling{"member_twice", [](Record& record) { record.members[0].number = 2; }},
        Spoiling{"member_to_come", [](Record& record) { record.next_number = 2; }},
        Spoiling{"unknown_state", [](Record& record) { record.members[0].state = static_cast<MemberState>(5); }},
        Spoiling{"odd_leaf_block", [](Record& record) { record.members[0].leaves[0].logical_block_bytes = 7; }}),
    [](const auto& instance) { return instance.param.what; });

TEST(Lineage, KeepsTheNewestAndWhatMembersMayHave) {
    Record record = sample_record();
    record.lineage.clear();
    for (std::uint8_t i = 0; i < 100; ++i) record.lineage.push_back(id_of(i));
    record.members[0].last_generation = id_of(98);  // in sync: not needed
    record.members[0].may_have = {{id_of(97), 1, {}}};
    record.members[1].last_generation = id_of(99);
    record.members[1].may_have = {{id_of(80), 1, {}}, {id_of(70), 1, {}}};
    bound_lineage(record);
    ASSERT_EQ(record.lineage.size(), lineage_kept + 4);
    EXPECT_EQ(record.lineage[0], id_of(0));
    EXPECT_EQ(record.lineage[lineage_kept - 1], id_of(lineage_kept - 1));
    EXPECT_EQ(record.lineage[lineage_kept], id_of(70));
    EXPECT_EQ(record.lineage[lineage_kept + 1], id_of(80));
    EXPECT_EQ(record.lineage[lineage_kept + 2], id_of(97));
    EXPECT_EQ(record.lineage[lineage_kept + 3], id_of(99));
}

TEST(Lineage, TheLongestIsDecoded) {
    Record record = sample_record();
    record.lineage.clear();
    for (std::uint8_t i = 0; i < 200; ++i) record.lineage.push_back(id_of(i));
    record.members.resize(mirror_members_max, record.members[1]);
    record.next_number = mirror_members_max + 1;
    for (std::uint8_t i = 0; i < mirror_members_max; ++i) {
        RecordMember& member = record.members[i];
        member.number = i + 1u;
        member.state = MemberState::dirty;
        member.last_generation = id_of(static_cast<std::uint8_t>(100 + i));
        member.may_have.clear();
        for (std::uint8_t j = 0; j < may_have_max + 2; ++j) {
            member.may_have.push_back({id_of(static_cast<std::uint8_t>(110 + may_have_max * i + j)), 1, {}});
        }
    }
    const Result<DecodedRecord> decoded = decode_record(*encode_record(record, 1));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->record.lineage.size(), lineage_max);
    EXPECT_EQ(decoded->record.members[7].may_have.size(), may_have_max);
}

TEST(Lineage, IsBoundedWhenEncoded) {
    Record record = sample_record();
    record.lineage.assign(500, id_of(9));
    Record bounded = record;
    bound_lineage(bounded);
    EXPECT_EQ(decode_record(*encode_record(record, 1))->record, bounded);
}

TEST(Descent, IsSameForOneGeneration) {
    EXPECT_EQ(compare_descent(record_of(3, {2, 1}), record_of(3, {2})), Descent::same);
}

TEST(Descent, FollowsTheLineage) {
    EXPECT_EQ(compare_descent(record_of(3, {2, 1}), record_of(1, {})), Descent::newer);
    EXPECT_EQ(compare_descent(record_of(1, {}), record_of(3, {2, 1})), Descent::older);
}

TEST(Descent, IsSplitWhenNeitherIsAnAncestor) {
    EXPECT_EQ(compare_descent(record_of(3, {1}, 2), record_of(4, {1}, 3)), Descent::split);
}

TEST(Descent, TakesTheHigherGenerationWhenAPromotionWasNotedBeforeItWasMade) {
    const Record noted = record_of(2, {3, 1}, 7);
    const Record made = record_of(3, {2, 1}, 8);
    EXPECT_EQ(compare_descent(noted, made), Descent::older);
    EXPECT_EQ(compare_descent(made, noted), Descent::newer);
}

TEST(Descent, AnAbandonedPromotionIsAnAncestorOfWhatFollowed) {
    EXPECT_EQ(compare_descent(record_of(4, {2, 3, 1}, 9), record_of(3, {2, 1}, 8)), Descent::newer);
}

TEST(OnLineage, KnowsItselfAndItsAncestors) {
    const Record record = record_of(3, {2, 1});
    EXPECT_TRUE(on_lineage(record, id_of(3)));
    EXPECT_TRUE(on_lineage(record, id_of(1)));
    EXPECT_FALSE(on_lineage(record, id_of(4)));
}

TEST(NewerOf, GoesByRevisionWithinAGeneration) {
    Record first = record_of(3, {2});
    Record second = record_of(3, {2});
    first.revision = 5;
    second.revision = 6;
    EXPECT_EQ(&newer_of(first, second), &second);
    EXPECT_EQ(&newer_of(second, first), &second);
}

TEST(NewerOf, GoesByDescentBeforeRevision) {
    Record older = record_of(2, {1});
    older.revision = 100;
    const Record newer = record_of(3, {2, 1});
    EXPECT_EQ(&newer_of(older, newer), &newer);
}

TEST(NewerOfDeathTest, AssertsThatItIsNoSplit) {
    EXPECT_DEATH(newer_of(record_of(3, {1}), record_of(4, {1})), "assertion-failed");
}

TEST(FindMember, GoesByNumber) {
    Record record = sample_record();
    EXPECT_EQ(find_member(record, 2), &record.members[1]);
    EXPECT_EQ(find_member(record, 3), nullptr);
}

TEST(ChooseRecord, TakesTheNewerCopyAndWritesTheOther) {
    const RecordChoice choice = choose_record(encoded(5, 7), encoded(6, 8));
    ASSERT_TRUE(choice.record);
    EXPECT_EQ(choice.record->revision, 6u);
    EXPECT_EQ(choice.next_copy, 0u);
    EXPECT_EQ(choice.next_sequence, 9u);
}

TEST(ChooseRecord, FallsBackWhenTheNewerIsTorn) {
    Bytes torn = encoded(6, 8);
    torn[200] ^= std::byte{1};
    const RecordChoice choice = choose_record(encoded(5, 7), torn);
    ASSERT_TRUE(choice.record);
    EXPECT_EQ(choice.record->revision, 5u);
    EXPECT_EQ(choice.next_copy, 1u);
}

TEST(ChooseRecord, SaysWhetherSomethingWasThere) {
    EXPECT_EQ(choose_record({}, Bytes(4096)).why.code, Errc::not_found);
    Bytes torn = encoded(6, 8);
    torn[200] ^= std::byte{1};
    EXPECT_EQ(choose_record(torn, {}).why.code, Errc::corrupt);
}

}  // namespace
}  // namespace dst
