#include "ctl/units.h"

#include <gtest/gtest.h>

#include "support/plain_terminal.h"

namespace dst::ctl {
namespace {

constexpr std::uint64_t kib = 1024;

TEST(Units, SizesHaveThreeDigits) {
    EXPECT_EQ(format_size(0), "0 B");
    EXPECT_EQ(format_size(kib - 1), "1023 B");
    EXPECT_EQ(format_size(kib), "1.0 KiB");
    EXPECT_EQ(format_size(10 * gib), "10.0 GiB");
    EXPECT_EQ(format_size(4 * gib + gib / 5), "4.2 GiB");
    EXPECT_EQ(format_size(118 * mib), "118 MiB");
}

TEST(Units, SizesDoNotShowACarry) {
    EXPECT_EQ(format_size(mib - 1), "1.0 MiB");
    EXPECT_EQ(format_size(100 * mib - 1), "100 MiB");
    EXPECT_EQ(format_size(~0ull), "16.0 EiB");
}

TEST(Units, RatesArePerSecond) { EXPECT_EQ(format_rate(118 * mib), "118 MiB/s"); }

TEST(Units, DurationsHaveAtMostTwoUnits) {
    EXPECT_EQ(format_duration(0), "0 s");
    EXPECT_EQ(format_duration(36), "36 s");
    EXPECT_EQ(format_duration(100), "2 min");
    EXPECT_EQ(format_duration(59 * 60), "59 min");
    EXPECT_EQ(format_duration(3 * 3600), "3 h");
    EXPECT_EQ(format_duration(3 * 3600 + 20 * 60), "3 h 20 min");
    EXPECT_EQ(format_duration(124 * 3600), "5 d 4 h");
}

TEST(Units, HexadecimalHasAllDigits) {
    EXPECT_EQ(format_hexadecimal(0x1267), "0000000000001267");
    EXPECT_EQ(format_hexadecimal(0xfedc'ba98'7654'3210), "fedcba9876543210");
}

TEST(Units, PercentSaysHundredOnlyWhenDone) {
    EXPECT_EQ(percent_of(0, 1000), 0u);
    EXPECT_EQ(percent_of(585, 1000), 58u);
    EXPECT_EQ(percent_of(999'999, 1'000'000), 99u);
    EXPECT_EQ(percent_of(~0ull - 1, ~0ull), 99u);
    EXPECT_EQ(percent_of(1000, 1000), 100u);
    EXPECT_EQ(percent_of(0, 0), 100u);
}

}  // namespace
}  // namespace dst::ctl
