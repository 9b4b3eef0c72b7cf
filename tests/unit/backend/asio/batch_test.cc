#include "asio/batch.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <thread>
#include <utility>

#include "asio/asio_loop.h"
#include "asio/worker.h"

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

TEST(BatchPolicy, ATurnThatWasInterruptedChangesLittle) {
    BatchPolicy policy;
    for (int i = 0; i < 100; ++i) {
        ASSERT_FALSE(after(policy, 100, microseconds(8)));
        ASSERT_FALSE(policy.worked(std::chrono::milliseconds(10)));
    }
}

TEST(BatchThread, APolicyThatComesLaterStays) {
    std::thread thread([] {
        BatchThread batch;
        batch.set(true);
        EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
        const sched_param none{};
        ASSERT_EQ(sched_setscheduler(0, SCHED_IDLE, &none), 0);
        batch.set(false);
        EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
        batch.set(true);
        EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
    });
    thread.join();
}

TEST(BatchThread, ThreadsThatItStartsAreAsAny) {
    std::thread thread([] {
        BatchThread batch;
        batch.set(true);
        std::thread child;
        int policy = -1;
        ASSERT_TRUE(start_thread(child, "child", [&policy] { policy = sched_getscheduler(0); }));
        child.join();
        EXPECT_EQ(policy, SCHED_OTHER);
        EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
    });
    thread.join();
}

/// Turns of `work` each, on a thread that begins with `policy`; its policy in the last one and after run().
std::pair<int, int> policies(int policy, Duration work) {
    std::pair<int, int> found;
    std::thread thread([&] {
        const sched_param none{};
        sched_setscheduler(0, policy, &none);
        AsioLoop loop;
        int turns = 0;
        Timer tick(loop, [&] {
            const auto until = std::chrono::steady_clock::now() + work;
            while (std::chrono::steady_clock::now() < until) {
            }
            found.first = sched_getscheduler(0);
            if (++turns == 300) return loop.stop();
            tick.start(std::chrono::milliseconds(1));
        });
        tick.start(std::chrono::milliseconds(1));
        loop.run();
        found.second = sched_getscheduler(0);
    });
    thread.join();
    return found;
}

TEST(BatchThread, ALoopWithMuchToDoAtATimeIsOne) {
    EXPECT_EQ(policies(SCHED_OTHER, 2 * BatchPolicy::begins), std::pair(SCHED_BATCH, SCHED_OTHER));
}

TEST(BatchThread, APolicyThatSomebodyGaveStays) {
    EXPECT_EQ(policies(SCHED_IDLE, 2 * BatchPolicy::begins), std::pair(SCHED_IDLE, SCHED_IDLE));
}

}  // namespace
}  // namespace dst
