#include "workers.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace dst::sim {
namespace {

struct Told {
    std::uint64_t findings = 0;
    std::string output;
};

Told run_ten(const std::function<bool(std::uint64_t)>& run) {
    Coverage coverage;
    ::testing::internal::CaptureStdout();
    Told told;
    told.findings = run_in_processes(
        0, 9, 3, true, [&](std::uint64_t seed, Coverage&) { return run(seed); }, coverage);
    std::fflush(stdout);
    told.output = ::testing::internal::GetCapturedStdout();
    return told;
}

TEST(Workers, SayWhichSeedTheirProcessWasKilledAt) {
    const Told told = run_ten([](std::uint64_t seed) {
        if (seed == 4) std::raise(SIGKILL);
        return true;
    });
    EXPECT_EQ(told.findings, 1u);
    EXPECT_NE(told.output.find("FINDING seed 4: its process was killed by signal 9\n"), std::string::npos)
        << told.output;
}

TEST(Workers, SayWhichSeedTheirProcessEndedAt) {
    const Told told = run_ten([](std::uint64_t seed) {
        if (seed == 0 || seed == 9) std::_Exit(1);
        return true;
    });
    EXPECT_EQ(told.findings, 2u);
    EXPECT_NE(told.output.find("FINDING seed 0: its process ended with status 1\n"), std::string::npos) << told.output;
    EXPECT_NE(told.output.find("FINDING seed 9: its process ended with status 1\n"), std::string::npos) << told.output;
}

TEST(Workers, AreSilentAboutOneThatHasToldItself) {
    const Told told = run_ten([](std::uint64_t seed) {
        if (seed != 7) return true;
        std::printf("FINDING seed 7: something\n");
        std::fflush(stdout);
        std::_Exit(process_told);
    });
    EXPECT_EQ(told.findings, 1u);
    EXPECT_EQ(told.output, "FINDING seed 7: something\n");
}

TEST(Workers, GoOnWithTheOtherSeeds) {
    const Told told = run_ten([](std::uint64_t seed) {
        std::printf("%d ", static_cast<int>(seed));
        std::fflush(stdout);
        if (seed == 3) std::raise(SIGKILL);
        return true;
    });
    EXPECT_EQ(told.output, "0 1 2 3 FINDING seed 3: its process was killed by signal 9\n4 5 6 7 8 9 ");
}

}  // namespace
}  // namespace dst::sim
