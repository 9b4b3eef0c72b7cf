#include "server/event_gate.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

using std::chrono::seconds;

TEST(EventGate, TellsOncePerKeyAndInterval) {
    EventGate gate;
    const TimePoint now{};
    EXPECT_TRUE(gate.pass("192.0.2.1", now));
    EXPECT_FALSE(gate.pass("192.0.2.1", now + seconds(59)));
    EXPECT_TRUE(gate.pass("192.0.2.2", now + seconds(59)));
    EXPECT_TRUE(gate.pass("192.0.2.1", now + seconds(60)));
    EXPECT_FALSE(gate.pass("192.0.2.1", now + seconds(61)));
}

TEST(EventGate, AFloodOfKeysIsBoundedAndForgotten) {
    EventGate gate;
    const TimePoint now{};
    std::size_t told = 0;
    for (unsigned i = 0; i < 5000; ++i) told += gate.pass(std::to_string(i), now) ? 1 : 0;
    EXPECT_EQ(told, EventGate::keys_max);
    EXPECT_TRUE(gate.pass("another", now + seconds(60)));
}

}  // namespace
}  // namespace dst
