#include "asio/asio_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "asio/fd_watch.h"
#include "asio/owned_fd.h"
#include "asio/worker.h"
#include "support/run_loop.h"

namespace dst {
namespace {

using std::chrono::milliseconds;

TEST(AsioLoop, RunsPostedWorkInOrderAndNeverFromInside) {
    AsioLoop loop;
    std::vector<int> order;
    Task second(loop, [&] { order.push_back(2); });
    Task first(loop, [&] {
        second.post();
        order.push_back(1);
    });
    first.post();
    EXPECT_TRUE(order.empty());
    ASSERT_TRUE(run_until(loop, [&] { return order.size() == 2; }));
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(AsioLoop, FiresTimersInOrderAndNeverEarly) {
    AsioLoop loop;
    std::vector<int> order;
    const TimePoint start = loop.now();
    TimePoint fired;
    Timer late(loop, [&] {
        fired = loop.now();
        order.push_back(2);
    });
    Timer early(loop, [&] { order.push_back(1); });
    late.start(milliseconds(30));
    early.start(milliseconds(5));
    ASSERT_TRUE(run_until(loop, [&] { return order.size() == 2; }));
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    EXPECT_GE(fired - start, milliseconds(30));
}

TEST(AsioLoop, TheTimeStandsStillInAHandlerAndGoesOnAfterIt) {
    AsioLoop loop;
    std::vector<TimePoint> times;
    Task second(loop, [&] { times.push_back(loop.now()); });
    Task first(loop, [&] {
        times.push_back(loop.now());
        std::this_thread::sleep_for(milliseconds(5));
        times.push_back(loop.now());
        second.post();
    });
    first.post();
    ASSERT_TRUE(run_until(loop, [&] { return times.size() == 3; }));
    EXPECT_EQ(times[0], times[1]);
    EXPECT_GE(times[2] - times[0], milliseconds(5));
    EXPECT_GE(loop.now(), times[2]);
}

TEST(AsioLoop, AnEarlierTimerStartedLaterIsNotHeldUpByTheOneThatIsArmed) {
    AsioLoop loop;
    bool fired = false;
    Timer hour(loop, [] {});
    hour.start(std::chrono::hours(1));
    Timer soon(loop, [&] {
        fired = true;
        loop.stop();
    });
    Task start(loop, [&] { soon.start(milliseconds(10)); });
    start.post();
    loop.run();
    EXPECT_TRUE(fired);
}

TEST(AsioLoop, AStoppedTimerDoesNotFire) {
    AsioLoop loop;
    bool fired = false;
    Timer timer(loop, [&] { fired = true; });
    timer.start(milliseconds(1));
    timer.stop();
    run_for(loop, milliseconds(20));
    EXPECT_FALSE(fired);
}

TEST(AsioLoop, WorkThatPostsItselfLeavesTurnsToDescriptors) {
    AsioLoop loop;
    const OwnedFd event(eventfd(1, EFD_NONBLOCK));
    bool seen = false;
    Task busy(loop, [&] { busy.post(); });
    FdReadiness readiness(
        loop, event.get(),
        [&] {
            seen = true;
            loop.stop();
        },
        [] {});
    readiness.want_read();
    busy.post();
    loop.run();
    EXPECT_TRUE(seen);
}

TEST(AsioLoop, TakesWorkFromOtherThreads) {
    AsioLoop loop;
    std::atomic<int> ran{0};
    std::thread other([&] {
        for (int i = 0; i < 1000; ++i) loop.post_from_any_thread([&] { ++ran; });
    });
    EXPECT_TRUE(run_until(loop, [&] { return ran == 1000; }));
    other.join();
}

TEST(AsioLoop, StopBeforeRunEndsTheNextRunAfterWhatWasPosted) {
    AsioLoop loop;
    bool ran = false;
    loop.post_from_any_thread([&] { ran = true; });
    loop.stop();
    loop.run();
    EXPECT_TRUE(ran);
}

TEST(AsioLoop, AStopComesAfterWhatTheWorkBeforeItHasDeferred) {
    AsioLoop loop;
    bool ran = false;
    loop.post_from_any_thread([&] { loop.defer([&] { ran = true; }); });
    loop.stop();
    loop.run();
    EXPECT_TRUE(ran);
}

/// Takes itself out of its loop when it is destroyed, as everything does that waits for work there.
class LeavingSource final : public LoopSource {
public:
    LeavingSource(AsioLoop& loop, int fd) : loop_(loop) { loop_.add(*this, fd); }
    ~LeavingSource() override { loop_.remove(*this); }
    bool look() override { return false; }

private:
    AsioLoop& loop_;
};

TEST(AsioLoop, WhatWorkThatNeverRanOwnedMayStillLeaveTheLoop) {
    const OwnedFd event(eventfd(0, EFD_NONBLOCK));
    std::weak_ptr<LeavingSource> left;
    {
        AsioLoop loop;
        const auto source = std::make_shared<LeavingSource>(loop, event.get());
        left = source;
        loop.defer([source] {});
    }
    EXPECT_TRUE(left.expired());
}

TEST(AsioLoop, ItsGateRefusesWorkOnceItIsGone) {
    auto loop = std::make_unique<AsioLoop>();
    const std::shared_ptr<LoopGate> gate = loop->gate();
    EXPECT_TRUE(gate->post([] {}));
    loop.reset();
    EXPECT_FALSE(gate->post([] {}));
}

TEST(AsioLoop, RandomNumbersDiffer) {
    AsioLoop loop;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(loop.random());
    EXPECT_EQ(seen.size(), 1000u);
}

/// Numbers that another thread hands over.
struct Numbers final : LoopSource {
    explicit Numbers(AsioLoop& of) : loop(of) { loop.add(*this, event.get()); }
    ~Numbers() override { loop.remove(*this); }
    bool look() override {
        if (ready == taken) return false;
        ++taken;
        if (on_look) on_look();
        return true;
    }
    void sleeps() override {
        ++sleeping;
        if (arrives_at_sleep) ++ready;
    }
    void awake() override { --sleeping; }

    AsioLoop& loop;
    OwnedFd event{eventfd(0, EFD_NONBLOCK)};
    std::function<void()> on_look;
    std::atomic<int> ready{0};
    int taken = 0;
    int sleeping = 0;
    bool arrives_at_sleep = false;
};

TEST(AsioLoop, LooksAtASourceOnceMoreBeforeItSleeps) {
    AsioLoop loop;
    Numbers numbers(loop);
    numbers.arrives_at_sleep = true;
    numbers.on_look = [&] {
        if (numbers.taken == 3) loop.stop();
    };
    loop.run();
    EXPECT_GE(numbers.taken, 3);
    EXPECT_EQ(numbers.sleeping, 0);
}

TEST(AsioLoop, ASourceMayGoWhileItIsLookedAt) {
    AsioLoop loop;
    auto first = std::make_unique<Numbers>(loop);
    auto second = std::make_unique<Numbers>(loop);
    Numbers last(loop);
    first->ready = second->ready = last.ready = 1;
    first->on_look = [&] { second.reset(); };
    last.on_look = [&] { loop.stop(); };
    loop.run();
    EXPECT_EQ(last.taken, 1);
    EXPECT_EQ(first->taken, 1);
}

TEST(AsioLoop, DoesNotSpinWhenThereIsLittleToDo) {
    AsioLoop loop;
    int ticks = 0;
    Timer tick(loop, [&] {
        if (++ticks == 20) return loop.stop();
        tick.start(milliseconds(5));
    });
    tick.start(milliseconds(5));
    loop.run();
    EXPECT_GE(loop.waits().sleeps, 20u);
    // A sleep may end early by chance, for the timer's own news.
    EXPECT_LE(loop.waits().spins, 10u);
}

TEST(AsioLoop, SpinsWhileWorkComesQuickly) {
    if (cores() < 2) GTEST_SKIP() << "one processor: it never spins";
    AsioLoop loop;
    const OwnedFd here(eventfd(0, EFD_NONBLOCK));
    const OwnedFd there(eventfd(0, 0));
    constexpr int turns = 5000;
    std::thread other([&] {
        eventfd_t count = 0;
        for (int i = 0; i < turns; ++i) {
            eventfd_read(there.get(), &count);
            eventfd_write(here.get(), 1);
        }
    });
    int seen = 0;
    std::optional<FdReadiness> readiness;
    readiness.emplace(
        loop, here.get(),
        [&] {
            if (++seen == turns) return loop.stop();
            readiness->want_more_to_read();
            eventfd_write(there.get(), 1);
        },
        [] {});
    readiness->want_read();
    eventfd_write(there.get(), 1);
    loop.run();
    other.join();
    EXPECT_EQ(seen, turns);
    EXPECT_GT(loop.waits().spins_paid, 0u);
}

TEST(AsioLoop, ASourceIsLookedAtAfterEveryEventOfItsDescriptor) {
    AsioLoop loop;
    Numbers numbers(loop);
    for (int i = 1; i <= 5; ++i) {
        std::thread other([&] {
            std::this_thread::sleep_for(milliseconds(10));  // the loop sleeps meanwhile
            ++numbers.ready;
            eventfd_write(numbers.event.get(), 1);  // and nobody reads it
        });
        numbers.on_look = [&] { loop.stop(); };
        loop.run();
        other.join();
        EXPECT_EQ(numbers.taken, i);
    }
}

TEST(AsioLoop, ASourceIsNotLookedAtOnceRemoved) {
    AsioLoop loop;
    Numbers numbers(loop);
    loop.remove(numbers);
    numbers.ready = 1;
    eventfd_write(numbers.event.get(), 1);
    run_for(loop, milliseconds(20));
    EXPECT_EQ(numbers.taken, 0);
}

TEST(Worker, RunsOrdersOneAfterAnotherAndAnswersOnTheLoop) {
    AsioLoop loop;
    Worker worker(loop);
    std::vector<int> worked;
    std::vector<int> answered;
    const auto own = std::this_thread::get_id();
    bool elsewhere = true;
    for (int i = 0; i < 10; ++i) {
        worker.run(
            [&, i] {
                worked.push_back(i);
                elsewhere = elsewhere && std::this_thread::get_id() != own;
            },
            [&, i](Errc code) {
                EXPECT_EQ(code, Errc::ok);
                EXPECT_EQ(std::this_thread::get_id(), own);
                answered.push_back(i);
            });
    }
    EXPECT_TRUE(answered.empty());
    ASSERT_TRUE(run_until(loop, [&] { return answered.size() == 10; }));
    EXPECT_EQ(worked, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(answered, worked);
    EXPECT_TRUE(elsewhere);
}

TEST(Worker, ItsThreadBlocksEverySignal) {
    AsioLoop loop;
    Worker worker(loop);
    bool blocked = false;
    bool done = false;
    worker.run(
        [&] {
            sigset_t mask;
            pthread_sigmask(SIG_SETMASK, nullptr, &mask);
            blocked = sigismember(&mask, SIGUSR2) == 1 && sigismember(&mask, SIGTERM) == 1;
        },
        [&](Errc) { done = true; });
    ASSERT_TRUE(run_until(loop, [&] { return done; }));
    EXPECT_TRUE(blocked);
}

TEST(Worker, DestroyingItDoesNotWaitForAnOrderThatHangs) {
    AsioLoop loop;
    auto hang = std::make_shared<std::atomic<bool>>(true);
    auto ended = std::make_shared<std::atomic<bool>>(false);
    auto began = std::make_shared<std::atomic<bool>>(false);
    bool answered = false;
    {
        Worker worker(loop);
        worker.run(
            [hang, ended, began] {
                *began = true;
                while (*hang) std::this_thread::sleep_for(milliseconds(1));
                *ended = true;
            },
            [&](Errc) { answered = true; });
        while (!*began) std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_FALSE(*ended);
    *hang = false;
    ASSERT_TRUE(run_until(loop, [&] { return ended->load(); }));
    run_for(loop, milliseconds(5));
    EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace dst
