#include "asio/batch.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

using std::chrono::microseconds;

bool after(BatchPolicy& policy, unsigned times, Duration each) {
    bool patient = false;
    for (unsigned i = 0; i < times; ++i) patient = policy.worked(each);
    return patient;
}

TEST(BatchPolicy, WithMuchToDoAtATimeItIsPatient) {
    BatchPolicy policy;
    EXPECT_FALSE(after(policy, 3, microseconds(60)));
    EXPECT_TRUE(after(policy, 100, microseconds(60)));
}

TEST(BatchPolicy, OneRequestAtATimeIsDoneAtOnce) {
    BatchPolicy policy;
    EXPECT_FALSE(after(policy, 1000, microseconds(10)));
    ASSERT_TRUE(after(policy, 1000, microseconds(60)));
    EXPECT_FALSE(after(policy, 1000, microseconds(10)));
}

TEST(BatchPolicy, StaysWhatItIsInBetween) {
    const Duration between = (BatchPolicy::begins + BatchPolicy::ends) / 2;
    BatchPolicy policy;
    EXPECT_FALSE(after(policy, 1000, between));
    ASSERT_TRUE(after(policy, 1000, microseconds(60)));
    EXPECT_TRUE(after(policy, 1000, between));
}

TEST(BatchPolicy, OneLongTurnChangesLittle) {
    BatchPolicy policy;
    ASSERT_FALSE(after(policy, 1000, microseconds(5)));
    EXPECT_FALSE(policy.worked(microseconds(400)));
}

}  // namespace
}  // namespace dst
