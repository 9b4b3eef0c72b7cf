#include "tree/mirror_maps.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

Record record_of(std::uint64_t regions) {
    Record record;
    record.region_bytes = 1u << 20;
    record.size_bytes = regions << 20;
    record.members.resize(2);
    record.members[0].number = 1;
    record.members[1].number = 4;
    record.members[1].state = MemberState::dirty;
    return record;
}

TEST(MirrorMaps, MembersThatAreNotInSyncAreOwedEverythingAtFirst) {
    MirrorMaps maps(record_of(5));
    EXPECT_FALSE(maps.intent().any());
    EXPECT_FALSE(maps.owed(1)->any());
    EXPECT_EQ(maps.owed(4)->count(), 5u);
    EXPECT_EQ(maps.owed(2), nullptr);
    EXPECT_FALSE(maps.any_dirty());
}

TEST(MirrorMaps, ABitIsDurableWhenItsSlotIs) {
    MirrorMaps maps(record_of(5));
    maps.intent().set(3);
    EXPECT_TRUE(maps.any_dirty());
    EXPECT_FALSE(maps.durable({3, 1}));
    const auto words = maps.intent().slot_words_of(0);
    const std::vector<std::uint64_t> written(words.begin(), words.end());
    maps.intent().set(4);
    maps.slot_durable(0, written);
    EXPECT_TRUE(maps.durable({3, 1}));
    EXPECT_FALSE(maps.durable({3, 2}));
}

TEST(MirrorMaps, ABitThatWasClearedMeanwhileIsNotDurable) {
    MirrorMaps maps(record_of(5));
    maps.intent().set(3);
    const auto words = maps.intent().slot_words_of(0);
    const std::vector<std::uint64_t> written(words.begin(), words.end());
    maps.clear_intent(3);
    maps.slot_durable(0, written);
    EXPECT_FALSE(maps.durable({3, 1}));
}

/// Small discards of many peers: what is in flight is bounded by each session alone.
TEST(MirrorMaps, ARegionMayHaveAnyNumberOfChangesUnderWay) {
    MirrorMaps maps(record_of(5));
    constexpr std::uint32_t many = 70'000;
    for (std::uint32_t i = 0; i < many; ++i) maps.begin({2, 1});
    for (std::uint32_t i = 1; i < many; ++i) maps.end({2, 1});
    EXPECT_TRUE(maps.busy(2));
    maps.end({2, 1});
    EXPECT_FALSE(maps.busy(2));
}

TEST(MirrorMaps, ARegionIsIdleWhenItWasQuietBetweenTwoLooks) {
    MirrorMaps maps(record_of(5));
    maps.intent().set({0, 3});
    maps.all_durable();
    maps.begin({0, 1});
    maps.end({0, 1});
    maps.begin({1, 1});
    RegionMap idle = maps.idle();
    EXPECT_TRUE(idle.test(2));
    EXPECT_EQ(idle.count(), 1u);
    EXPECT_FALSE(maps.idle().test(0)) << "it changed shortly before the first look";
    EXPECT_TRUE(maps.idle().test(0));
    EXPECT_FALSE(maps.idle().test(1)) << "it is busy";
    maps.end({1, 1});
    EXPECT_FALSE(maps.idle().test(1));
    maps.begin({0, 1});
    EXPECT_FALSE(maps.still_idle(0));
    EXPECT_TRUE(maps.still_idle(2));
    maps.end({0, 1});
}

}  // namespace
}  // namespace dst
