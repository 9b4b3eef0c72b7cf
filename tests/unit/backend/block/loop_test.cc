#include "block/loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dst {
namespace {

using std::chrono::milliseconds;

class TestLoop final : public Loop {
public:
    TimePoint now() const override { return now_; }
    std::uint64_t random() override { return ++random_; }
    void wake() override { ++wakes; }
    void pass(Duration time) { now_ = now_ + time; }
    bool run() { return run_ready(); }
    using Loop::has_posted;
    using Loop::next_due;

    int wakes = 0;

private:
    TimePoint now_;
    std::uint64_t random_ = 0;
};

struct Log {
    std::string text;
    std::function<void()> add(std::string what) {
        return [this, what = std::move(what)] { text += what; };
    }
};

TEST(Task, RunsOnceAndNotInsidePost) {
    TestLoop loop;
    Log log;
    Task task(loop, log.add("a"));
    task.post();
    task.post();
    EXPECT_EQ(log.text, "");
    EXPECT_TRUE(task.posted());
    EXPECT_TRUE(loop.run());
    EXPECT_EQ(log.text, "a");
    EXPECT_FALSE(loop.run());
    EXPECT_EQ(log.text, "a");
}

TEST(Task, RunFirstInFirstOut) {
    TestLoop loop;
    Log log;
    Task a(loop, log.add("a"));
    Task b(loop, log.add("b"));
    b.post();
    a.post();
    loop.run();
    EXPECT_EQ(log.text, "ba");
}

TEST(Task, WakesTheLoopWhenPosted) {
    TestLoop loop;
    Task task(loop, [] {});
    task.post();
    EXPECT_EQ(loop.wakes, 1);
}

TEST(Task, CancelledDoesNotRun) {
    TestLoop loop;
    Log log;
    Task task(loop, log.add("a"));
    task.post();
    task.cancel();
    EXPECT_FALSE(task.posted());
    EXPECT_FALSE(loop.run());
    EXPECT_EQ(log.text, "");
}

TEST(Task, MayCancelAnotherFromInside) {
    TestLoop loop;
    Log log;
    Task second(loop, log.add("second"));
    Task first(loop, [&] {
        log.text += "first";
        second.cancel();
    });
    first.post();
    second.post();
    loop.run();
    EXPECT_EQ(log.text, "first");
}

TEST(Task, MayBeDestroyedByAnotherFromInside) {
    TestLoop loop;
    Log log;
    auto second = std::make_unique<Task>(loop, log.add("second"));
    Task first(loop, [&] { second.reset(); });
    first.post();
    second->post();
    loop.run();
    EXPECT_EQ(log.text, "");
}

TEST(Task, PostedFromInsideWaitsForTheNextTurn) {
    TestLoop loop;
    int runs = 0;
    Task task(loop, [&] {
        ++runs;
        task.post();
    });
    task.post();
    loop.run();
    EXPECT_EQ(runs, 1);
    EXPECT_TRUE(task.posted());
    loop.run();
    EXPECT_EQ(runs, 2);
    task.cancel();
}

TEST(Task, TakesItselfBackWhenDestroyed) {
    TestLoop loop;
    {
        Task task(loop, [] { FAIL(); });
        task.post();
    }
    EXPECT_FALSE(loop.has_posted());
}

TEST(Timer, NeverRunsEarly) {
    TestLoop loop;
    Log log;
    Timer timer(loop, log.add("t"));
    timer.start(milliseconds(10));
    loop.pass(milliseconds(10) - Duration(1));
    loop.run();
    EXPECT_EQ(log.text, "");
    loop.pass(Duration(1));
    loop.run();
    EXPECT_EQ(log.text, "t");
    EXPECT_FALSE(timer.running());
}

TEST(Timer, RunByDueTime) {
    TestLoop loop;
    Log log;
    Timer late(loop, log.add("late "));
    Timer soon(loop, log.add("soon "));
    late.start(milliseconds(20));
    soon.start(milliseconds(10));
    loop.pass(milliseconds(30));
    loop.run();
    EXPECT_EQ(log.text, "soon late ");
}

TEST(Timer, EqualDueTimesRunInTheOrderOfTheirStarts) {
    TestLoop loop;
    Log log;
    Timer a(loop, log.add("a"));
    Timer b(loop, log.add("b"));
    b.start(milliseconds(5));
    a.start(milliseconds(5));
    loop.pass(milliseconds(5));
    loop.run();
    EXPECT_EQ(log.text, "ba");
}

TEST(Timer, StartedAgainForgetsTheEarlierDueTime) {
    TestLoop loop;
    Log log;
    Timer timer(loop, log.add("t"));
    timer.start(milliseconds(5));
    timer.start(milliseconds(50));
    loop.pass(milliseconds(20));
    loop.run();
    EXPECT_EQ(log.text, "");
    loop.pass(milliseconds(30));
    loop.run();
    EXPECT_EQ(log.text, "t");
}

TEST(Timer, StoppedDoesNotRun) {
    TestLoop loop;
    Timer timer(loop, [] { FAIL(); });
    timer.start(milliseconds(5));
    timer.stop();
    loop.pass(milliseconds(10));
    EXPECT_FALSE(loop.run());
    EXPECT_EQ(loop.next_due(), std::nullopt);
}

TEST(Timer, MayStartItselfAgainFromInside) {
    TestLoop loop;
    int runs = 0;
    Timer timer(loop, [&] {
        if (++runs < 3) timer.start(milliseconds(1));
    });
    timer.start(milliseconds(1));
    for (int i = 0; i < 10; ++i) {
        loop.pass(milliseconds(1));
        loop.run();
    }
    EXPECT_EQ(runs, 3);
}

TEST(Timer, StartedFromATimerForNowWaitsForTheNextTurn) {
    TestLoop loop;
    Log log;
    Task task(loop, log.add("task "));
    Timer other(loop, log.add("other "));
    Timer timer(loop, [&] {
        log.text += "timer ";
        task.post();
        if (log.text.size() < 40) timer.start(Duration::zero());
    });
    timer.start(Duration::zero());
    other.start(Duration::zero());
    EXPECT_TRUE(loop.run());
    EXPECT_EQ(log.text, "timer other ");
    EXPECT_EQ(loop.next_due(), loop.now());
    EXPECT_TRUE(loop.run());
    EXPECT_EQ(log.text, "timer other task timer ");
    timer.stop();
}

TEST(Timer, MayStopAnotherThatIsDueToo) {
    TestLoop loop;
    Timer second(loop, [] { FAIL(); });
    Timer first(loop, [&] { second.stop(); });
    first.start(milliseconds(1));
    second.start(milliseconds(1));
    loop.pass(milliseconds(1));
    loop.run();
}

TEST(Timer, NegativeMeansNow) {
    TestLoop loop;
    Log log;
    Timer timer(loop, log.add("t"));
    timer.start(milliseconds(-5));
    EXPECT_EQ(log.text, "");
    loop.run();
    EXPECT_EQ(log.text, "t");
}

TEST(Timer, WakesTheLoopOnlyWhenItBecomesTheEarliest) {
    TestLoop loop;
    Timer first(loop, [] {});
    Timer later(loop, [] {});
    Timer sooner(loop, [] {});
    first.start(milliseconds(10));
    later.start(milliseconds(20));
    EXPECT_EQ(loop.wakes, 1);
    sooner.start(milliseconds(5));
    EXPECT_EQ(loop.wakes, 2);
    EXPECT_EQ(loop.next_due(), loop.now() + milliseconds(5));
}

struct CountedRequest : Request {
    CountedRequest() {
        owner = this;
        done = [](Request& request) { ++static_cast<CountedRequest*>(request.owner)->times; };
    }
    int times = 0;
};

TEST(CompleteLater, CompletesOnceAndNotFromInside) {
    TestLoop loop;
    CountedRequest request;
    loop.complete_later(request, Errc::no_space);
    EXPECT_EQ(request.times, 0);
    loop.run();
    loop.run();
    EXPECT_EQ(request.times, 1);
    EXPECT_EQ(request.result, Errc::no_space);
}

TEST(CompleteLater, KeepsTheOrder) {
    TestLoop loop;
    std::vector<int> order;
    struct Named : Request {
        std::vector<int>* order = nullptr;
        int name = 0;
    };
    Named requests[3];
    for (int i = 0; i < 3; ++i) {
        requests[i].order = &order;
        requests[i].name = i;
        requests[i].owner = &requests[i];
        requests[i].done = [](Request& request) {
            auto* named = static_cast<Named*>(request.owner);
            named->order->push_back(named->name);
        };
        loop.complete_later(requests[i], Errc::ok);
    }
    loop.run();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(CompleteLater, MayBeUsedAgainFromTheCompletion) {
    TestLoop loop;
    struct Again : Request {
        TestLoop* loop = nullptr;
        int times = 0;
    } request;
    request.loop = &loop;
    request.owner = &request;
    request.done = [](Request& completed) {
        auto* again = static_cast<Again*>(completed.owner);
        if (++again->times < 3) again->loop->complete_later(*again, Errc::ok);
    };
    loop.complete_later(request, Errc::ok);
    loop.run();
    EXPECT_EQ(request.times, 1);
    loop.run();
    loop.run();
    loop.run();
    EXPECT_EQ(request.times, 3);
}

TEST(CompleteLaterDeathTest, RefusesARequestThatIsOnAList) {
    TestLoop loop;
    CountedRequest request;
    RequestList list;
    list.push_back(request);
    EXPECT_DEATH(loop.complete_later(request, Errc::ok), "is_linked");
    list.clear();
}

TEST(Defer, RunsLaterInOrder) {
    TestLoop loop;
    Log log;
    loop.defer(log.add("a"));
    loop.defer(log.add("b"));
    EXPECT_EQ(log.text, "");
    loop.run();
    EXPECT_EQ(log.text, "ab");
}

TEST(Defer, DeferredFromInsideWaitsForTheNextTurn) {
    TestLoop loop;
    Log log;
    loop.defer([&] {
        log.text += "a";
        loop.defer(log.add("b"));
    });
    loop.run();
    EXPECT_EQ(log.text, "a");
    loop.run();
    EXPECT_EQ(log.text, "ab");
}

TEST(Defer, RunsAfterCompletionsOfTheSameTurn) {
    TestLoop loop;
    CountedRequest request;
    int seen = -1;
    loop.defer([&] { seen = request.times; });
    loop.complete_later(request, Errc::ok);
    loop.run();
    EXPECT_EQ(seen, 1);
}

TEST(Loop, RandomIdsDiffer) {
    TestLoop loop;
    EXPECT_NE(loop.random_id(), loop.random_id());
}

}  // namespace
}  // namespace dst
