#include "disk/read_history.h"

#include <gtest/gtest.h>

#include "support/disk_bench.h"

namespace dst {
namespace {

/// Whether a read comes again; notes it.
bool again(ReadHistory& history, const Extent& extent) {
    const bool known = history.knows(extent);
    history.read(extent);
    return known;
}

/// How many reads of 1 MiB, one after the other over `bytes`, were said to come again.
std::uint64_t pass(ReadHistory& history, std::uint64_t bytes) {
    std::uint64_t count = 0;
    for (std::uint64_t offset = 0; offset < bytes; offset += mib) count += again(history, {offset, mib}) ? 1 : 0;
    return count;
}

TEST(ReadHistory, KnowsWhatWasRead) {
    ReadHistory history(1024 * mib);
    EXPECT_EQ(pass(history, 256 * mib), 0u);
    EXPECT_EQ(pass(history, 256 * mib), 256u);
}

TEST(ReadHistory, AReadIsNewWhenAPartOfItIs) {
    ReadHistory history(1024 * mib);
    EXPECT_FALSE(again(history, {0, mib}));
    EXPECT_FALSE(again(history, {mib / 2, mib}));
    EXPECT_TRUE(again(history, {mib / 4, mib}));
}

TEST(ReadHistory, WhatIsChangedIsNewAgain) {
    ReadHistory history(1024 * mib);
    EXPECT_FALSE(history.changed({0, mib}));
    EXPECT_FALSE(again(history, {0, mib}));
    EXPECT_TRUE(history.changed({mib / 2, ReadHistory::block_bytes}));
    EXPECT_FALSE(history.changed({mib / 2, ReadHistory::block_bytes}));
    EXPECT_FALSE(again(history, {0, mib}));
    EXPECT_TRUE(again(history, {0, mib}));
}

TEST(ReadHistory, WhatIsLargerThanMemoryIsNewEachTime) {
    ReadHistory history(256 * mib);
    for (int i = 0; i < 4; ++i) EXPECT_LE(pass(history, 1024 * mib), 1024u / 8) << "pass " << i;
}

TEST(ReadHistory, HardlyAnythingNewIsTakenForKnown) {
    ReadHistory history(1ull << 50);
    std::uint64_t count = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) count += again(history, {i << 30, ReadHistory::block_bytes}) ? 1 : 0;
    EXPECT_LE(count, 100'000u / 8);
}

}  // namespace
}  // namespace dst
