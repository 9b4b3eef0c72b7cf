#include "block/pool.h"

#include <gtest/gtest.h>

#include <set>

namespace dst {
namespace {

TEST(Pool, GivesDistinctObjects) {
    Pool<int> pool;
    std::set<int*> seen;
    for (int i = 0; i < 100; ++i) seen.insert(&pool.take());
    EXPECT_EQ(seen.size(), 100u);
    EXPECT_EQ(pool.in_use(), 100u);
}

TEST(Pool, GivesOutAgainWhatCameBackWithItsState) {
    Pool<int> pool;
    int& object = pool.take();
    object = 7;
    pool.give_back(object);
    int& again = pool.take();
    EXPECT_EQ(&again, &object);
    EXPECT_EQ(again, 7);
}

TEST(Pool, AddressesStayWhenItGrows) {
    Pool<int> pool;
    int& first = pool.take();
    first = 42;
    for (int i = 0; i < 1000; ++i) pool.take() = i;
    EXPECT_EQ(first, 42);
}

TEST(PoolDeathTest, RefusesMoreThanItGave) {
    Pool<int> pool;
    int& object = pool.take();
    pool.give_back(object);
    EXPECT_DEATH(pool.give_back(object), "assertion-failed");
}

}  // namespace
}  // namespace dst
