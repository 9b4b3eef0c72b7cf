#include "simworld/sim_loop.h"

#include <gtest/gtest.h>

#include <string>

namespace dst::sim {
namespace {

using std::chrono::milliseconds;

TEST(SimLoop, RunsEventsByTimeThenByOrderOfTheCalls) {
    SimLoop loop;
    std::string log;
    loop.after(milliseconds(2), [&] { log += "c"; });
    loop.after(milliseconds(1), [&] { log += "a"; });
    loop.after(milliseconds(1), [&] { log += "b"; });
    EXPECT_TRUE(loop.run_until_idle());
    EXPECT_EQ(log, "abc");
}

TEST(SimLoop, TimeMovesOnlyWhenNothingIsLeftToDoNow) {
    SimLoop loop;
    const TimePoint begin = loop.now();
    TimePoint posted_at;
    TimePoint event_at;
    loop.after(milliseconds(5), [&] { event_at = loop.now(); });
    loop.defer([&] { posted_at = loop.now(); });
    loop.run_until_idle();
    EXPECT_EQ(posted_at, begin);
    EXPECT_EQ(event_at, begin + milliseconds(5));
}

TEST(SimLoop, TimersAndEventsShareTheTime) {
    SimLoop loop;
    std::string log;
    Timer timer(loop, [&] { log += "timer "; });
    timer.start(milliseconds(2));
    loop.after(milliseconds(1), [&] { log += "before "; });
    loop.after(milliseconds(3), [&] { log += "after"; });
    loop.run_until_idle();
    EXPECT_EQ(log, "before timer after");
}

TEST(SimLoop, RunForEndsExactlyThen) {
    SimLoop loop;
    const TimePoint begin = loop.now();
    int runs = 0;
    loop.after(milliseconds(10), [&] { ++runs; });
    loop.after(milliseconds(11), [&] { ++runs; });
    loop.run_for(milliseconds(10));
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(loop.now(), begin + milliseconds(10));
}

TEST(SimLoop, RunUntilStopsAtTheConditionOrTheLimit) {
    SimLoop loop;
    bool happened = false;
    loop.after(milliseconds(10), [&] { happened = true; });
    EXPECT_FALSE(loop.run_until([&] { return happened; }, milliseconds(5)));
    EXPECT_TRUE(loop.run_until([&] { return happened; }, milliseconds(10)));
}

TEST(SimLoop, WhatRepeatsItselfIsNeverIdle) {
    SimLoop loop;
    Timer timer(loop, [&] { timer.start(milliseconds(1)); });
    timer.start(milliseconds(1));
    EXPECT_FALSE(loop.run_until_idle(milliseconds(100)));
}

TEST(SimLoop, OneSeedGivesOneStream) {
    SimLoop one(7);
    SimLoop same(7);
    SimLoop other(8);
    bool differs = false;
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t bits = one.random();
        EXPECT_EQ(bits, same.random());
        differs = differs || bits != other.random();
    }
    EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace dst::sim
