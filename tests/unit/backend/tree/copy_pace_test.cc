#include "tree/copy_pace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

/// A way that takes `each` for a piece, whatever its length, and carries `rate` bytes a second, of all together.
struct Way {
    Duration each{};
    double rate = 1e12;

    Duration time(std::uint64_t bytes) const {
        return each +
               std::chrono::duration_cast<Duration>(std::chrono::duration<double>(static_cast<double>(bytes) / rate));
    }
};

/// `pieces` go over the way, as many at a time as may. The longest time that one took.
Duration run(CopyPace& pace, const Way& way, unsigned pieces, std::size_t wanted = 4) {
    Duration longest{};
    for (unsigned i = 0; i < pieces;) {
        const std::size_t parallel = pace.parallel();
        const std::uint64_t bytes = pace.bytes();
        const std::uint64_t change = pace.change();
        const Duration took = way.time(bytes * parallel);
        longest = std::max(longest, took);
        for (std::size_t one = 0; one < parallel; ++one, ++i) pace.copied(bytes, took, change, wanted);
    }
    return longest;
}

TEST(CopyPace, M8BecomesAsMuchAsIsWantedOnAQuickWay) {
    CopyPace pace;
    EXPECT_EQ(pace.bytes(), 128 * kib);
    EXPECT_EQ(pace.parallel(), 1u);
    run(pace, {milliseconds(1), 1e9}, 20);
    EXPECT_EQ(pace.bytes(), mib);
    EXPECT_EQ(pace.parallel(), 4u);
}

TEST(CopyPace, M8APieceTakesASecondOnASlowWay) {
    for (const double rate : {40e3, 100e3, 300e3, 1e6, 3e6}) {
        CopyPace pace;
        run(pace, {milliseconds(5), rate}, 20);
        EXPECT_LE(run(pace, {milliseconds(5), rate}, 100), milliseconds(2100)) << rate;
        EXPECT_GE(static_cast<double>(pace.bytes() * pace.parallel()), std::min(rate / 4, 4e6)) << rate;
    }
}

TEST(CopyPace, M8AWayThatBecomesSlowIsFollowed) {
    CopyPace pace;
    run(pace, {milliseconds(1), 1e9}, 20);
    run(pace, {milliseconds(1), 200e3}, 10);
    EXPECT_EQ(pace.bytes(), 128 * kib);
    EXPECT_EQ(pace.parallel(), 1u);
    run(pace, {milliseconds(1), 1e9}, 20);
    EXPECT_EQ(pace.bytes() * pace.parallel(), 4 * mib);
}

/// A disk that has much else to do.
TEST(CopyPace, M8WhatSmallerPiecesDoNotShortenLeavesThemAsTheyAre) {
    CopyPace pace;
    run(pace, {milliseconds(300), 1e9}, 20);
    EXPECT_EQ(pace.bytes(), mib) << "not even half a second each";
    std::uint64_t bytes = 0;
    constexpr unsigned pieces = 100;
    for (unsigned i = 0; i < pieces; ++i) {
        bytes += pace.bytes();
        run(pace, {seconds(3), 1e9}, 1);
    }
    EXPECT_GE(bytes, pieces * mib * 3 / 4);
}

TEST(CopyPace, M8WhatTakesAsLongHoweverSmallBecomesLarge) {
    for (const Duration each : {Duration(milliseconds(700)), Duration(milliseconds(1300)), Duration(seconds(4))}) {
        CopyPace pace;
        pace.lost(128 * kib, seconds(9));
        EXPECT_EQ(pace.bytes(), 32 * kib);
        run(pace, {each, 1e9}, 120);
        EXPECT_EQ(pace.bytes(), mib) << each.count();
    }
}

TEST(CopyPace, M8WhatIsComparedAtOnceBecomesLessWhenItIsNotAnswered) {
    CopyPace pace;
    EXPECT_EQ(pace.compared_bytes(), mib);
    pace.comparison_lost(milliseconds(900));
    EXPECT_EQ(pace.compared_bytes(), mib);
    for (const std::uint64_t bytes : {256 * kib, 64 * kib, 32 * kib, 32 * kib}) {
        pace.comparison_lost(seconds(9));
        EXPECT_EQ(pace.compared_bytes(), bytes);
    }
    pace.compared(milliseconds(600));
    EXPECT_EQ(pace.compared_bytes(), 32 * kib);
    for (int answers = 0; answers < 6; ++answers) pace.compared(milliseconds(10));
    EXPECT_EQ(pace.compared_bytes(), mib);
    pace.ask_for_less();
    EXPECT_EQ(pace.compared_bytes(), 256 * kib);
    EXPECT_EQ(pace.bytes(), 32 * kib) << "nothing else lowered what is copied";
}

TEST(CopyPace, M8WhatASourceDidNotAnswerIsTooMuch) {
    CopyPace pace;
    run(pace, {milliseconds(1), 1e9}, 20);
    pace.lost(mib, milliseconds(900));
    EXPECT_EQ(pace.bytes(), mib) << "it was gone at once";
    for (int copies = 0; copies < 4; ++copies) pace.lost(mib, seconds(9));
    EXPECT_EQ(pace.bytes(), 64 * kib);
    EXPECT_EQ(pace.parallel(), 1u);
    pace.lost(64 * kib, seconds(9));
    EXPECT_EQ(pace.bytes(), 32 * kib);
    pace.lost(32 * kib, seconds(90));
    EXPECT_EQ(pace.bytes(), 32 * kib);
}

TEST(CopyPace, M8TheRestOfARegionSaysLittle) {
    CopyPace pace;
    pace.copied(4 * kib, seconds(3), pace.change(), 4);
    pace.copied(4 * kib, milliseconds(1), pace.change(), 4);
    EXPECT_EQ(pace.bytes(), 128 * kib);
}

/// Those that were begun together tell the same.
TEST(CopyPace, M8SeveralThatWereSlowTogetherCountOnce) {
    CopyPace pace;
    run(pace, {milliseconds(1), 1e9}, 20);
    const std::uint64_t change = pace.change();
    for (int copies = 0; copies < 4; ++copies) pace.copied(mib, seconds(2), change, 4);
    EXPECT_EQ(pace.parallel(), 2u);
    EXPECT_EQ(pace.bytes(), mib);
}

TEST(CopyPace, M8ATargetThatWasLateGetsLessUntilItIsInSync) {
    CopyPace pace;
    run(pace, {milliseconds(1), 1e9}, 20);
    pace.ask_for_less();
    EXPECT_EQ(pace.bytes(), 256 * kib);
    run(pace, {milliseconds(1), 1e9}, 20);
    EXPECT_EQ(pace.most(), 256 * kib);
    EXPECT_EQ(pace.bytes(), 256 * kib);
    for (int times = 0; times < 5; ++times) pace.ask_for_less();
    EXPECT_EQ(pace.most(), 32 * kib);
    pace.reset();
    run(pace, {milliseconds(1), 1e9}, 20);
    EXPECT_EQ(pace.bytes(), mib);
}

}  // namespace
}  // namespace dst
