#include "tgt/ring.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "tgt/doorbell.h"

namespace dst::tgt {
namespace {

TEST(Ring, GivesBackInOrder) {
    SpscRing<int, 4> ring;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ring.push(i));
    int item = -1;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ring.pop(item));
        EXPECT_EQ(item, i);
    }
    EXPECT_FALSE(ring.pop(item));
    EXPECT_TRUE(ring.empty());
}

TEST(Ring, RefusesWhatDoesNotFit) {
    SpscRing<int, 4> ring;
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(ring.push(i));
    EXPECT_FALSE(ring.push(4));
    int item = -1;
    ASSERT_TRUE(ring.pop(item));
    EXPECT_TRUE(ring.push(4));
}

TEST(Ring, KeepsOrderAcrossItsEnd) {
    SpscRing<int, 4> ring;
    int item = -1;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(ring.push(i));
        ASSERT_TRUE(ring.pop(item));
        ASSERT_EQ(item, i);
    }
}

bool readable(int fd) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
}

TEST(Doorbell, WakesASleeperOnce) {
    Doorbell bell;
    ASSERT_TRUE(bell.open());
    bell.sleep();
    bell.ring();
    EXPECT_TRUE(readable(bell.fd()));
    bell.answer();
    EXPECT_FALSE(readable(bell.fd()));
    bell.ring();
    EXPECT_FALSE(readable(bell.fd())) << "the consumer is awake";
    bell.sleep();
    bell.ring();
    EXPECT_TRUE(readable(bell.fd()));
}

TEST(Doorbell, SignalsWhoeverIsAwake) {
    Doorbell bell;
    ASSERT_TRUE(bell.open());
    bell.sleep();
    bell.ring();
    bell.answer();
    bell.signal();
    EXPECT_TRUE(readable(bell.fd()));
}

/// A consumer that sleeps whenever it finds nothing must get every item; a lost wake-up would hang it.
TEST(RingAndDoorbell, LoseNoItemBetweenTwoThreads) {
    constexpr std::uint64_t items = 300'000;
    auto ring = std::make_unique<SpscRing<std::uint64_t, 64>>();
    Doorbell bell;
    ASSERT_TRUE(bell.open());
    std::thread producer([&] {
        for (std::uint64_t i = 1; i <= items; ++i) {
            while (!ring->push(i)) std::this_thread::yield();
            bell.ring();
        }
    });
    std::uint64_t expected = 1;
    bool timed_out = false;
    while (expected <= items && !timed_out) {
        std::uint64_t item = 0;
        while (ring->pop(item)) {
            ASSERT_EQ(item, expected);
            ++expected;
        }
        bell.sleep();
        if (!ring->empty()) continue;
        if (expected > items) break;
        pollfd poll{bell.fd(), POLLIN, 0};
        timed_out = ::poll(&poll, 1, 10'000) != 1;
        bell.answer();
    }
    producer.join();
    EXPECT_FALSE(timed_out);
    EXPECT_EQ(expected, items + 1);
}

}  // namespace
}  // namespace dst::tgt
