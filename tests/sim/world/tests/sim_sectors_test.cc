#include "simworld/sim_sectors.h"

#include <gtest/gtest.h>

namespace dst::sim {
namespace {

SimSectors::Sector filled(unsigned value) {
    SimSectors::Sector sector;
    sector.fill(static_cast<std::byte>(value));
    return sector;
}

TEST(SimSectors, HoldsWhatWasWrittenAcrossPages) {
    SimSectors sectors;
    for (std::uint64_t at = 30; at < 70; ++at) sectors.write(at, filled(static_cast<unsigned>(at)));
    const Bytes bytes = sectors.read({29 * 512, 42 * 512});
    for (std::uint64_t at = 29; at < 71; ++at) {
        const unsigned expected = at < 30 || at >= 70 ? 0 : static_cast<unsigned>(at);
        EXPECT_EQ(bytes[(at - 29) * 512], static_cast<std::byte>(expected)) << at;
        EXPECT_EQ(bytes[(at - 29) * 512 + 511], static_cast<std::byte>(expected)) << at;
        EXPECT_EQ(sectors.read(at), filled(expected)) << at;
    }
}

TEST(SimSectors, ForgetsWhatIsZeroAgain) {
    SimSectors sectors;
    EXPECT_TRUE(sectors.all_zero());
    sectors.write(5, filled(1));
    sectors.write(6, filled(0));
    EXPECT_FALSE(sectors.all_zero());
    sectors.write(5, filled(0));
    EXPECT_TRUE(sectors.all_zero());
}

TEST(SimSectors, ACutTakesWhatLiesBehindIt) {
    SimSectors sectors;
    for (const std::uint64_t at : {3, 40, 41, 42, 1000}) sectors.write(at, filled(7));
    sectors.cut_at(41);
    EXPECT_EQ(sectors.read(3), filled(7));
    EXPECT_EQ(sectors.read(40), filled(7));
    EXPECT_EQ(sectors.read(41), filled(0));
    EXPECT_EQ(sectors.read(1000), filled(0));
}

TEST(SimSectors, ACopyIsOneOfItsOwn) {
    SimSectors sectors;
    sectors.write(3, filled(7));
    SimSectors copy = sectors;
    copy.write(3, filled(8));
    copy.write(99, filled(9));
    EXPECT_EQ(sectors.read(3), filled(7));
    EXPECT_EQ(sectors.read(99), filled(0));
    EXPECT_EQ(copy.read(3), filled(8));
}

}  // namespace
}  // namespace dst::sim
