#include "head/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "head/log_events.h"
#include "head/log_sinks.h"

namespace dst {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// What came out of the log; can be made to stand still.
struct Page {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> lines;
    std::vector<Severity> severities;
    bool hung = false;
    bool refusing = false;
    bool signals_blocked = true;

    void hang(bool on) {
        const std::lock_guard guard(mutex);
        hung = on;
        changed.notify_all();
    }
};

class PageOutput : public LogOutput {
public:
    explicit PageOutput(Page& page) : page_(page) {}
    bool write(Severity severity, std::string_view line) override {
        std::unique_lock guard(page_.mutex);
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        page_.signals_blocked = page_.signals_blocked && sigismember(&mask, SIGUSR2) == 1;
        page_.changed.wait(guard, [&] { return !page_.hung; });
        if (page_.refusing) return false;
        page_.lines.emplace_back(line);
        page_.severities.push_back(severity);
        return true;
    }

private:
    Page& page_;
};

std::shared_ptr<Log> log_to(Page& page) { return std::make_shared<Log>(std::make_unique<PageOutput>(page)); }

TEST(Log, WritesLinesInOrderAndAllOfThemBeforeItEnds) {
    Page page;
    auto log = log_to(page);
    log->write(Severity::info, "one");
    log->write(Severity::critical, "two {} %s");
    log.reset();
    EXPECT_THAT(page.lines, ElementsAre("one", "two {} %s"));
    EXPECT_THAT(page.severities, ElementsAre(Severity::info, Severity::critical));
}

TEST(Log, ThreadTakesNoSignals) {
    Page page;
    log_to(page)->write(Severity::info, "one");
    EXPECT_TRUE(page.signals_blocked);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGUSR2), 0) << "the caller's own mask is as before";
}

TEST(Log, NeverHoldsItsCallerWhileTheOutputHangs) {
    Page page;
    page.hung = true;
    auto log = log_to(page);
    const auto start = std::chrono::steady_clock::now();
    for (int line = 0; line < 5000; ++line) log->write(Severity::info, "line " + std::to_string(line));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    page.hang(false);
}

TEST(Log, TellsHowManyLinesWereDropped) {
    Page page;
    page.hung = true;
    auto log = log_to(page);
    for (int line = 0; line < 5000; ++line) log->write(Severity::info, "line " + std::to_string(line));
    page.hang(false);
    log.reset();
    ASSERT_LT(page.lines.size(), 5000u);
    EXPECT_EQ(page.lines.back(), "line 4999") << "the newest are kept";
    EXPECT_THAT(page.lines, testing::Contains(HasSubstr("WARNING log-lines-lost")));
}

TEST(Log, TellsOfLinesThatTheOutputRefused) {
    Page page;
    auto log = log_to(page);
    {
        const std::lock_guard guard(page.mutex);
        page.refusing = true;
    }
    log->write(Severity::info, "lost");
    std::this_thread::sleep_for(100ms);
    {
        const std::lock_guard guard(page.mutex);
        page.refusing = false;
    }
    log->write(Severity::info, "kept");
    log.reset();
    ASSERT_EQ(page.lines.size(), 2u);
    EXPECT_THAT(page.lines[0], HasSubstr("lines=1"));
    EXPECT_EQ(page.lines[1], "kept");
}

TEST(Log, IsOneForTheProcessAndEndsWithItsLastOwner) {
    const auto first = Log::shared("test");
    EXPECT_EQ(first, Log::shared("test"));
}

TEST(LogEvents, NamesTheStorageOnceOnEachLine) {
    Page page;
    {
        LogEvents events(log_to(page), "vol0");
        events.event(Severity::warning, "member-dropped", "it is gone", {{"member", "a b"}});
        events.event(Severity::info, "storage-serving", "it serves", {{"storage", "vol0"}});
    }
    EXPECT_THAT(page.lines, ElementsAre("WARNING member-dropped it is gone member=\"a b\" storage=vol0",
                                        "INFO storage-serving it serves storage=vol0"));
}

TEST(LogEvents, RemembersWhatIsNewerThanAsked) {
    Page page;
    LogEvents events(log_to(page), "vol0");
    events.event(Severity::info, "a", "first", {});
    events.event(Severity::notice, "b", "second", {{"k", "v"}});
    EXPECT_EQ(events.last_sequence(), 2u);
    const boost::json::array recent = events.recent(1);
    ASSERT_EQ(recent.size(), 1u);
    EXPECT_EQ(recent[0].at("id"), "b");
    EXPECT_EQ(recent[0].at("severity"), "notice");
    EXPECT_EQ(recent[0].at("sequence").to_number<int>(), 2);
    EXPECT_EQ(recent[0].at("fields").at("k"), "v");
    EXPECT_EQ(recent[0].at("time").as_string().size(), std::string("2026-02-03T04:05:06.789Z").size());
}

TEST(LogEvents, ForgetsTheOldestBeyondItsRoom) {
    Page page;
    LogEvents events(log_to(page), "");
    for (std::size_t i = 0; i < LogEvents::remembered_max + 10; ++i) events.event(Severity::info, "x", "y", {});
    const boost::json::array recent = events.recent(0);
    ASSERT_EQ(recent.size(), LogEvents::remembered_max);
    EXPECT_EQ(recent[0].at("sequence").to_number<int>(), 11);
}

}  // namespace
}  // namespace dst
