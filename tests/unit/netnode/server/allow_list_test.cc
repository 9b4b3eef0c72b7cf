#include "server/allow_list.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

using Networks = std::optional<std::vector<spec::Network>>;

TEST(AllowList, LetsEverybodyInWithoutAList) { EXPECT_TRUE(allowed(std::nullopt, "192.0.2.7:1")); }

TEST(AllowList, LetsNobodyInWithAnEmptyList) { EXPECT_FALSE(allowed(std::vector<spec::Network>{}, "192.0.2.7:1")); }

TEST(AllowList, ComparesTheLeadingBits) {
    struct Row {
        const char* network;
        unsigned bits;
        const char* peer;
        bool expected;
    };
    constexpr Row rows[] = {
        {"192.0.2.0", 24, "192.0.2.7:40112", true},
        {"192.0.2.0", 24, "192.0.3.7:40112", false},
        {"192.0.2.7", 32, "192.0.2.7:1", true},
        {"192.0.2.7", 32, "192.0.2.6:1", false},
        {"192.0.2.4", 30, "192.0.2.7:1", true},
        {"192.0.2.4", 30, "192.0.2.8:1", false},
        {"0.0.0.0", 0, "203.0.113.9:1", true},
        {"0.0.0.0", 0, "[2001:db8::1]:1", false},
        {"192.0.2.0", 24, "[::ffff:192.0.2.9]:1", true},
        {"2001:db8::", 32, "[2001:db8:1::5]:40112", true},
        {"2001:db8::", 32, "[2001:db9::5]:40112", false},
        {"::", 0, "[2001:db9::5]:40112", true},
        {"::1", 128, "[::1]:1", true},
        {"192.0.2.0", 24, "no address", false},
        {"192.0.2.0", 24, "", false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(allowed(Networks({{row.network, row.bits}}), row.peer), row.expected)
            << row.network << "/" << row.bits << " " << row.peer;
    }
}

TEST(AllowList, OneOfSeveralNetworksIsEnough) {
    const Networks networks({{"198.51.100.0", 24}, {"192.0.2.0", 24}});
    EXPECT_TRUE(allowed(networks, "192.0.2.7:1"));
    EXPECT_FALSE(allowed(networks, "203.0.113.1:1"));
}

}  // namespace
}  // namespace dst
