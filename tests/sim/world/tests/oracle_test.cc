#include "oracle.h"

#include <gtest/gtest.h>

namespace dst::sim {
namespace {

constexpr Extent one_sector{512, 512};

struct OracleTest : testing::Test {
    /// Whether it might; asks a copy, since a read decides.
    static bool reads(std::uint64_t sequence, Value value, Oracle of) {
        Bytes bytes(512);
        fill_sectors(bytes, one_sector.offset, value);
        return of.check_read(sequence, one_sector, bytes).empty();
    }
    void acknowledged(std::uint64_t sequence, Value value, bool durable = false) {
        oracle.write_begun(sequence, one_sector, value);
        oracle.write_acknowledged(sequence, one_sector, durable);
    }
    Oracle oracle{4096};
};

TEST_F(OracleTest, AFreshStorageReadsAsZero) {
    EXPECT_TRUE(reads(1, 0, oracle));
    EXPECT_FALSE(reads(1, 5, oracle));
}

TEST_F(OracleTest, AnAcknowledgedWriteIsTheOnlyValue) {
    acknowledged(1, 5);
    EXPECT_TRUE(reads(2, 5, oracle));
    EXPECT_FALSE(reads(2, 0, oracle));
}

TEST_F(OracleTest, AReadSeesNothingOfLaterRequests) {
    oracle.write_begun(3, one_sector, 5);
    EXPECT_TRUE(reads(2, 0, oracle));
    EXPECT_FALSE(reads(2, 5, oracle));
}

TEST_F(OracleTest, AFailedWriteLeavesBothValues) {
    acknowledged(1, 5);
    oracle.write_begun(2, one_sector, 6);
    oracle.write_unknown(2, one_sector);
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_TRUE(reads(3, 6, oracle));
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_FALSE(reads(3, 0, oracle));
}

TEST_F(OracleTest, TheNextAcknowledgedWriteEndsTheDoubt) {
    oracle.write_begun(1, one_sector, 5);
    oracle.write_unknown(1, one_sector);
    acknowledged(2, 6);
    EXPECT_FALSE(reads(3, 5, oracle));
    EXPECT_TRUE(reads(3, 6, oracle));
}

TEST_F(OracleTest, M4TheFirstReadDecides) {
    oracle.write_begun(1, one_sector, 5);
    oracle.write_unknown(1, one_sector);
    Bytes bytes(512);
    fill_sectors(bytes, one_sector.offset, 5);
    EXPECT_EQ(oracle.check_read(2, one_sector, bytes), "");
    EXPECT_FALSE(reads(3, 0, oracle));
}

TEST_F(OracleTest, UnflushedWritesMayFallBackWhenCachesAreLost) {
    acknowledged(1, 5);
    acknowledged(2, 6);
    oracle.forget_unflushed(2);
    EXPECT_TRUE(reads(3, 0, oracle));
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_TRUE(reads(3, 6, oracle));
    EXPECT_FALSE(reads(3, 7, oracle));
}

TEST_F(OracleTest, SoMayAWriteThatWasUnderWayThen) {
    acknowledged(1, 5, true);
    oracle.write_begun(2, one_sector, 6);
    oracle.forget_unflushed(2);
    oracle.write_acknowledged(2, one_sector, false);
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_TRUE(reads(3, 6, oracle));
    EXPECT_FALSE(reads(3, 0, oracle));
}

TEST_F(OracleTest, AReadThatWasUnderWayThenDecidesNothing) {
    acknowledged(1, 5);
    oracle.forget_unflushed(2);
    Bytes bytes(512);
    fill_sectors(bytes, one_sector.offset, 5);
    EXPECT_EQ(oracle.check_read(2, one_sector, bytes), "");
    EXPECT_TRUE(reads(3, 0, oracle));
    EXPECT_EQ(oracle.check_read(3, one_sector, bytes), "");
    EXPECT_FALSE(reads(4, 0, oracle));
}

TEST_F(OracleTest, FlushedWritesMayNot) {
    acknowledged(1, 5);
    oracle.flush_acknowledged(oracle.flush_begun());
    oracle.forget_unflushed(2);
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_FALSE(reads(3, 0, oracle));
}

TEST_F(OracleTest, AFlushThatBeganEarlierCoversNothing) {
    const std::uint64_t begun = oracle.flush_begun();
    acknowledged(1, 5);
    oracle.flush_acknowledged(begun);
    oracle.forget_unflushed(2);
    EXPECT_TRUE(reads(3, 0, oracle));
}

TEST_F(OracleTest, FuaWritesMayNotFallBack) {
    acknowledged(1, 5, true);
    oracle.forget_unflushed(2);
    EXPECT_FALSE(reads(3, 0, oracle));
}

TEST_F(OracleTest, ASectorOfAnotherPlaceIsGarbage) {
    acknowledged(1, 5);
    Bytes bytes(512);
    fill_sectors(bytes, 1024, 5);
    EXPECT_FALSE(oracle.check_read(2, one_sector, bytes).empty());
}

TEST_F(OracleTest, WhenDataAreGivenUpThatCountsWhichIsThere) {
    acknowledged(1, 5, true);
    acknowledged(2, 6);
    Oracle::Held held{{5}, {5}};
    const auto all = [&](std::uint64_t offset) { return offset == one_sector.offset ? held : Oracle::Held{{0}, {0}}; };
    oracle.begin_anew(2, all);
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_FALSE(reads(3, 6, oracle));
    // The media disagree: the first read decides, unless caches are lost.
    held = {{5, 6}, {5, 6, 7}};
    oracle.begin_anew(2, all);
    EXPECT_TRUE(reads(3, 5, oracle));
    EXPECT_TRUE(reads(3, 6, oracle));
    EXPECT_FALSE(reads(3, 7, oracle));
    oracle.forget_unflushed(3);
    EXPECT_TRUE(reads(4, 7, oracle));
}

TEST_F(OracleTest, AFlushMakesDurableWhatWasThereThen) {
    oracle.begin_anew(0, [](std::uint64_t) { return Oracle::Held{{6}, {6, 5}}; });
    oracle.flush_acknowledged(oracle.flush_begun(), 1);
    oracle.forget_unflushed(1);
    EXPECT_TRUE(reads(2, 6, oracle));
    EXPECT_FALSE(reads(2, 5, oracle));
}

}  // namespace
}  // namespace dst::sim
