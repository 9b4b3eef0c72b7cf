#include "asio/spin.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dst {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr TimePoint start{1'000'000'000};

/// A policy whose loop has just slept for a short time.
SpinPolicy after_short_sleep() {
    SpinPolicy policy(2);
    policy.slept(microseconds(50));
    return policy;
}

/// Waits, ended by work in time, until one is not slept through.
unsigned slept_through(SpinPolicy& policy) {
    unsigned waits = 0;
    while (!policy.begin(start) && waits < 2 * SpinPolicy::rest_max) ++waits;
    policy.end(true);
    return waits;
}

TEST(SpinPolicy, SleepsUntilASleepWasShort) {
    SpinPolicy policy(2);
    EXPECT_FALSE(policy.begin(start));
    policy.slept(milliseconds(10));
    EXPECT_FALSE(policy.begin(start));
    policy.slept(microseconds(50));
    EXPECT_TRUE(policy.begin(start));
}

TEST(SpinPolicy, NeverLooksOnTheOnlyProcessor) {
    SpinPolicy policy(1);
    policy.slept(microseconds(50));
    EXPECT_FALSE(policy.begin(start));
}

TEST(SpinPolicy, LooksAsLongAsItsLimit) {
    SpinPolicy policy = after_short_sleep();
    ASSERT_TRUE(policy.begin(start));
    EXPECT_TRUE(policy.go_on(start + (SpinPolicy::limit - microseconds(1))));
    EXPECT_FALSE(policy.go_on(start + SpinPolicy::limit));
}

TEST(SpinPolicy, ALookInVainIsTheLastUntilTheNextShortSleep) {
    SpinPolicy policy = after_short_sleep();
    ASSERT_TRUE(policy.begin(start));
    policy.end(false);
    EXPECT_FALSE(policy.begin(start));
    policy.slept(microseconds(50));
    EXPECT_TRUE(policy.begin(start));
}

TEST(SpinPolicy, RestsLongerEachTimeTheProcessorComesBackLate) {
    SpinPolicy policy = after_short_sleep();
    unsigned expected = SpinPolicy::rest_min;
    for (int time = 0; time < 10; ++time) {
        ASSERT_TRUE(policy.begin(start));
        policy.yielded(SpinPolicy::crowded);
        policy.end(true);
        EXPECT_EQ(slept_through(policy), expected);
        expected = std::min(2 * expected, SpinPolicy::rest_max);
    }
}

TEST(SpinPolicy, ForgetsThatItWasCrowded) {
    SpinPolicy policy = after_short_sleep();
    for (int time = 0; time < 2; ++time) {
        ASSERT_TRUE(policy.begin(start));
        policy.yielded(SpinPolicy::crowded);
        policy.end(true);
        slept_through(policy);
    }
    for (unsigned look = 0; look < SpinPolicy::forgets; ++look) {
        ASSERT_TRUE(policy.begin(start));
        policy.yielded(microseconds(20));
        policy.end(true);
    }
    ASSERT_TRUE(policy.begin(start));
    policy.yielded(SpinPolicy::crowded);
    policy.end(true);
    EXPECT_EQ(slept_through(policy), SpinPolicy::rest_min);
}

}  // namespace
}  // namespace dst
