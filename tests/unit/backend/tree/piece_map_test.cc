#include "tree/piece_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace dst {
namespace {

constexpr std::uint64_t piece = 128u << 10;

TEST(PieceMap, PiecesOfAnExtentAreThoseItTouches) {
    const PieceMap map(3 * piece + 512, piece);
    EXPECT_EQ(map.pieces_of({0, 512}), (RegionRun{0, 1}));
    EXPECT_EQ(map.pieces_of({piece - 512, 1024}), (RegionRun{0, 2}));
    EXPECT_EQ(map.pieces_of({3 * piece, 512}), (RegionRun{3, 1}));
    EXPECT_EQ(map.pieces_of({0, 100 * piece}), (RegionRun{0, 4}));
    EXPECT_EQ(map.pieces_of({piece, 0}).count, 0u);
    EXPECT_EQ(map.pieces_of({100 * piece, 512}).count, 0u);
}

TEST(PieceMap, TheLastPieceEndsWithTheDevice) {
    const PieceMap map(3 * piece + 512, piece);
    EXPECT_EQ(map.extent_of({1, 2}), (Extent{piece, 2 * piece}));
    EXPECT_EQ(map.extent_of({3, 1}), (Extent{3 * piece, 512}));
    EXPECT_EQ(map.extent_of({2, 2}), (Extent{2 * piece, piece + 512}));
}

TEST(PieceMap, AnEmptyOneHasNothing) {
    PieceMap map;
    EXPECT_FALSE(map.any());
    EXPECT_FALSE(map.test_any(map.pieces_of({0, 4096})));
    EXPECT_EQ(map.next_run(0), std::nullopt);
    EXPECT_FALSE(map.clear({0, 0}));
}

/// Beside one bit per piece in a plain vector; runs cross the parts that are kept apart.
TEST(PieceMap, IsWhatAPlainVectorIs) {
    constexpr std::uint64_t pieces = 70'000;
    PieceMap map(pieces * piece, piece);
    std::vector<bool> plain(pieces);
    std::mt19937_64 random(17);
    for (int round = 0; round < 60; ++round) {
        RegionRun run{random() % pieces, 1 + random() % (random() % 4 == 0 ? 40'000 : 40)};
        run.count = std::min(run.count, pieces - run.first);
        const auto begin = plain.begin() + static_cast<std::ptrdiff_t>(run.first);
        const auto end = begin + static_cast<std::ptrdiff_t>(run.count);
        EXPECT_EQ(map.test_any(run), std::find(begin, end, true) != end);
        if (random() % 2 == 0) {
            map.set(run);
            std::fill(begin, end, true);
        } else {
            EXPECT_EQ(map.clear(run), std::find(begin, end, true) != end);
            std::fill(begin, end, false);
        }
        EXPECT_EQ(map.any(), std::find(plain.begin(), plain.end(), true) != plain.end());
        std::vector<bool> walked(pieces);
        for (auto next = map.next_run(0); next; next = map.next_run(next->end())) {
            ASSERT_NE(next->count, 0u);
            for (std::uint64_t at = next->first; at < next->end(); ++at) walked.at(at) = true;
        }
        ASSERT_EQ(walked, plain) << round;
    }
    map.clear({0, pieces});
    EXPECT_FALSE(map.any());
}

TEST(PieceMap, NextRunBeginsWhereItIsAsked) {
    PieceMap map(100'000 * piece, piece);
    map.set({10, 5});
    map.set({40'000, 1});
    EXPECT_EQ(map.next_run(0), (RegionRun{10, 5}));
    EXPECT_EQ(map.next_run(12), (RegionRun{12, 3}));
    EXPECT_EQ(map.next_run(15), (RegionRun{40'000, 1}));
    EXPECT_EQ(map.next_run(40'001), std::nullopt);
}

}  // namespace
}  // namespace dst
