#include "block/extent.h"

#include <gtest/gtest.h>

#include <limits>

namespace dst {
namespace {

constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

TEST(Extent, OverlapsOnlyWhereBytesAreShared) {
    EXPECT_TRUE((Extent{0, 10}.overlaps({9, 1})));
    EXPECT_FALSE((Extent{0, 10}.overlaps({10, 1})));
    EXPECT_FALSE((Extent{10, 5}.overlaps({0, 10})));
    EXPECT_TRUE((Extent{10, 5}.overlaps({0, 100})));
}

TEST(Extent, EmptyOverlapsNothing) {
    EXPECT_FALSE((Extent{5, 0}.overlaps({0, 10})));
    EXPECT_FALSE((Extent{0, 10}.overlaps({5, 0})));
}

TEST(Extent, ContainsItsPartsAndItself) {
    EXPECT_TRUE((Extent{5, 10}.contains({5, 10})));
    EXPECT_TRUE((Extent{5, 10}.contains({7, 1})));
    EXPECT_FALSE((Extent{5, 10}.contains({4, 2})));
    EXPECT_FALSE((Extent{5, 10}.contains({14, 2})));
}

TEST(Extent, FitsUpToTheLastByte) {
    EXPECT_TRUE((Extent{0, 100}.fits(100)));
    EXPECT_TRUE((Extent{100, 0}.fits(100)));
    EXPECT_FALSE((Extent{1, 100}.fits(100)));
    EXPECT_FALSE((Extent{101, 0}.fits(100)));
}

TEST(Extent, FitsDoesNotOverflow) {
    EXPECT_FALSE((Extent{10, huge}.fits(100)));
    EXPECT_FALSE((Extent{huge, 1}.fits(100)));
    EXPECT_FALSE((Extent{huge, huge}.fits(huge)));
}

}  // namespace
}  // namespace dst
