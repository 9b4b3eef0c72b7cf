#include "head/log_sinks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

namespace dst {
namespace {

using namespace std::chrono_literals;

/// Puts a descriptor in the place of standard error.
class StandardErrorIs {
public:
    explicit StandardErrorIs(int fd) : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)) {
        ::dup2(fd, STDERR_FILENO);
    }
    ~StandardErrorIs() {
        ::dup2(before_, STDERR_FILENO);
        ::close(before_);
    }

private:
    int before_;
};

class LogOutputTest : public testing::Test {
protected:
    LogOutputTest() { EXPECT_EQ(::pipe2(pipe_.data(), O_CLOEXEC), 0); }
    ~LogOutputTest() override {
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }

    std::string written() {
        std::array<char, 65536> buffer;
        const ssize_t got = ::read(pipe_[0], buffer.data(), buffer.size());
        return std::string(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    }

    std::array<int, 2> pipe_{};
};

TEST_F(LogOutputTest, WritesALineToStandardError) {
    const StandardErrorIs here(pipe_[1]);
    EXPECT_TRUE(make_standard_error_output()->write(Severity::error, "ERROR x y"));
    EXPECT_EQ(written(), "ERROR x y\n");
}

TEST_F(LogOutputTest, MarksThePriorityWhenStandardErrorIsTheJournal) {
    const StandardErrorIs here(pipe_[1]);
    struct stat status {};
    ::fstat(pipe_[1], &status);
    ::setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
    EXPECT_TRUE(make_standard_error_output()->write(Severity::warning, "WARNING x y"));
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_EQ(written(), "<4>WARNING x y\n");
}

TEST_F(LogOutputTest, MarksNothingWhenTheJournalIsSomebodyElses) {
    const StandardErrorIs here(pipe_[1]);
    ::setenv("JOURNAL_STREAM", "1:2", 1);
    EXPECT_TRUE(make_standard_error_output()->write(Severity::warning, "WARNING x y"));
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_EQ(written(), "WARNING x y\n");
}

TEST_F(LogOutputTest, WaitsOnlyOnceForAPipeThatNobodyReads) {
    const StandardErrorIs here(pipe_[1]);
    const auto output = make_standard_error_output();
    const std::string line(4000, 'x');
    int taken = 0;
    while (output->write(Severity::info, line)) ++taken;
    EXPECT_GT(taken, 4);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(output->write(Severity::info, line));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 900ms);
    while (written().size() == 65536) {
    }
    EXPECT_TRUE(output->write(Severity::info, "again"));
}

TEST_F(LogOutputTest, KnowsADaemonsStandardError) {
    EXPECT_FALSE([&] {
        const StandardErrorIs here(pipe_[1]);
        return standard_error_is_null();
    }());
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    EXPECT_TRUE([&] {
        const StandardErrorIs here(null);
        return standard_error_is_null();
    }());
    ::close(null);
}

TEST(SyslogPriority, GrowsWithSeverity) {
    EXPECT_EQ(syslog_priority(Severity::debug), 7);
    EXPECT_EQ(syslog_priority(Severity::notice), 5);
    EXPECT_EQ(syslog_priority(Severity::critical), 2);
}

}  // namespace
}  // namespace dst
