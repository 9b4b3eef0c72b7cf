#include "media/region_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "support/samples.h"

namespace dst {
namespace {

std::vector<std::uint64_t> dirty_slots(const RegionMap& map) {
    std::vector<std::uint64_t> slots;
    for (auto slot = map.next_dirty_slot(0); slot; slot = map.next_dirty_slot(*slot + 1)) slots.push_back(*slot);
    return slots;
}

void clean(RegionMap& map) {
    for (std::uint64_t slot = 0; slot < map.slots(); ++slot) map.mark_slot_clean(slot);
}

std::vector<RegionRun> runs(const RegionMap& map) {
    std::vector<RegionRun> found;
    for (auto run = map.next_run(0); run; run = map.next_run(run->end())) found.push_back(*run);
    return found;
}

TEST(RegionMap, BeginsClearAndClean) {
    const RegionMap map(1000, mib);
    EXPECT_FALSE(map.any());
    EXPECT_EQ(map.next_run(0), std::nullopt);
    EXPECT_EQ(map.next_dirty_slot(0), std::nullopt);
}

TEST(RegionMap, FindsWhatIsInNeitherOfTwoOthers) {
    std::mt19937 random(7);
    for (const std::uint64_t regions : {1u, 63u, 64u, 65u, 700u}) {
        RegionMap map(regions, mib);
        RegionMap one(regions, mib);
        RegionMap other(regions, mib);
        for (std::uint64_t region = 0; region < regions; ++region) {
            if (random() % 4 != 0) map.set(region);
            if (random() % 2 != 0) one.set(region);
            if (random() % 2 != 0) other.set(region);
        }
        std::vector<std::uint64_t> expected;
        for (std::uint64_t region = 0; region < regions; ++region) {
            if (map.test(region) && !one.test(region) && !other.test(region)) expected.push_back(region);
        }
        std::vector<std::uint64_t> found;
        for (auto next = map.next_in_neither(0, one, other); next; next = map.next_in_neither(*next + 1, one, other)) {
            found.push_back(*next);
        }
        EXPECT_EQ(found, expected) << regions;
        EXPECT_EQ(map.next_in_neither(regions, one, other), std::nullopt);
    }
}

TEST(RegionMap, WithoutRegionsHasNothing) {
    RegionMap map;
    map.set_all();
    EXPECT_FALSE(map.any());
    EXPECT_EQ(map.slots(), 0u);
    EXPECT_EQ(map.next_run(0), std::nullopt);
    EXPECT_EQ(map.regions_of({0, mib}).count, 0u);
}

TEST(RegionMap, FindsTheRegionsOfAnExtent) {
    const RegionMap map(10, mib);
    EXPECT_EQ(map.regions_of({0, 512}), (RegionRun{0, 1}));
    EXPECT_EQ(map.regions_of({mib - 512, 1024}), (RegionRun{0, 2}));
    EXPECT_EQ(map.regions_of({mib, mib}), (RegionRun{1, 1}));
    EXPECT_EQ(map.regions_of({5 * mib, 0}).count, 0u);
}

TEST(RegionMap, CutsAnExtentAtItsEnd) {
    const RegionMap map(10, mib);
    EXPECT_EQ(map.regions_of({9 * mib, 5 * mib}), (RegionRun{9, 1}));
    EXPECT_EQ(map.regions_of({10 * mib, mib}).count, 0u);
}

TEST(RegionMap, SaysWhetherABitChanged) {
    RegionMap map(10, mib);
    EXPECT_TRUE(map.set(3));
    EXPECT_FALSE(map.set(3));
    EXPECT_TRUE(map.clear(3));
    EXPECT_FALSE(map.clear(3));
}

TEST(RegionMap, FindsRunsAcrossWords) {
    RegionMap map(400, mib);
    map.set(RegionRun{60, 140});
    map.set(0);
    map.set(399);
    EXPECT_EQ(runs(map), (std::vector<RegionRun>{{0, 1}, {60, 140}, {399, 1}}));
    EXPECT_EQ(map.count(), 142u);
}

TEST(RegionMap, EndsARunAtTheLastRegion) {
    RegionMap map(70, mib);
    map.set_all();
    EXPECT_EQ(runs(map), (std::vector<RegionRun>{{0, 70}}));
    EXPECT_EQ(map.count(), 70u);
}

TEST(RegionMap, TestsWholeRuns) {
    RegionMap map(200, mib);
    map.set(RegionRun{10, 100});
    EXPECT_TRUE(map.test_all({10, 100}));
    EXPECT_FALSE(map.test_all({9, 2}));
    EXPECT_TRUE(map.test_any({109, 50}));
    EXPECT_FALSE(map.test_any({110, 50}));
    EXPECT_TRUE(map.test_all({50, 0}));
    EXPECT_FALSE(map.test_any({50, 0}));
}

TEST(RegionMap, UnitesWithAnother) {
    RegionMap first(100, mib);
    RegionMap second(100, mib);
    first.set(RegionRun{0, 10});
    second.set(RegionRun{5, 10});
    first.unite(second);
    EXPECT_EQ(runs(first), (std::vector<RegionRun>{{0, 15}}));
    EXPECT_EQ(first.count(), 15u);
}

TEST(RegionMap, UnitesUpToTheLastRegion) {
    RegionMap first(100, mib);
    RegionMap second(100, mib);
    second.set(99);
    first.unite(second);
    EXPECT_EQ(runs(first), (std::vector<RegionRun>{{99, 1}}));
}

TEST(RegionMap, TakesNoBitsBehindTheLastRegion) {
    RegionMap map(100, mib);
    for (const std::uint64_t word : {0u, 1u}) map.replace_slot_word(0, word, ~std::uint64_t{0});
    EXPECT_EQ(map.count(), 100u);
    RegionMap all(100, mib);
    all.set_all();
    EXPECT_TRUE(map.same_bits(all));
}

TEST(RegionMap, MarksOnlyTheSlotsThatChanged) {
    RegionMap map(3 * map_slot_regions, mib);
    map.set(map_slot_regions);
    EXPECT_EQ(dirty_slots(map), (std::vector<std::uint64_t>{1}));
    map.mark_slot_clean(1);
    map.set(map_slot_regions);
    EXPECT_EQ(dirty_slots(map), (std::vector<std::uint64_t>{}));
    map.set(RegionRun{map_slot_regions - 1, map_slot_regions + 2});
    EXPECT_EQ(dirty_slots(map), (std::vector<std::uint64_t>{0, 1, 2}));
}

TEST(RegionMap, UnitingMarksOnlyWhatItChanged) {
    RegionMap first(3 * map_slot_regions, mib);
    RegionMap second(3 * map_slot_regions, mib);
    second.set(2 * map_slot_regions);
    first.unite(second);
    EXPECT_EQ(dirty_slots(first), (std::vector<std::uint64_t>{2}));
}

TEST(RegionMap, ClearingMarksSlotsToo) {
    RegionMap map(2 * map_slot_regions, mib);
    map.set_all();
    clean(map);
    map.clear(RegionRun{0, 1});
    EXPECT_EQ(dirty_slots(map), (std::vector<std::uint64_t>{0}));
}

TEST(RegionMap, OfSixteenTebibytesIsSmall) {
    RegionMap map(1u << 20, 16 * mib);
    EXPECT_EQ(map.slots(), 35u);
    map.set_all();
    EXPECT_EQ(map.count(), 1u << 20);
    EXPECT_EQ(runs(map).size(), 1u);
}

TEST(RegionMapDeathTest, AssertsRunsBeyondItsEnd) {
    RegionMap map(10, mib);
    EXPECT_DEATH(map.set(RegionRun{9, 2}), "assertion-failed");
}

TEST(RegionMap, AgreesWithAPlainModelOnRandomOperations) {
    std::mt19937_64 random(7);
    const std::uint64_t regions = map_slot_regions + 500;
    RegionMap map(regions, mib);
    std::vector<bool> model(regions);
    for (int step = 0; step < 2000; ++step) {
        RegionRun run{random() % regions, 0};
        run.count = std::min(regions - run.first, random() % (step % 7 == 0 ? 5000 : 100));
        const bool to = random() % 2 == 0;
        const bool changed = to ? map.set(run) : map.clear(run);
        bool expected = false;
        for (std::uint64_t region = run.first; region < run.end(); ++region) {
            expected = expected || model[region] != to;
            model[region] = to;
        }
        ASSERT_EQ(changed, expected);
    }
    std::uint64_t count = 0;
    for (std::uint64_t region = 0; region < regions; ++region) {
        ASSERT_EQ(map.test(region), model[region]);
        count += model[region] ? 1 : 0;
    }
    EXPECT_EQ(map.count(), count);
    std::uint64_t in_runs = 0;
    for (const RegionRun& run : runs(map)) {
        in_runs += run.count;
        EXPECT_TRUE(map.test_all(run));
        EXPECT_TRUE(run.end() == regions || !map.test(run.end()));
    }
    EXPECT_EQ(in_runs, count);
}

}  // namespace
}  // namespace dst
