#include "workers.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace dst::sim {
namespace {

/// What a worker says of one seed.
struct Report {
    std::uint64_t printed = 0;  ///< bytes of its file so far
    bool clean = false;
};

using Run = std::function<bool(std::uint64_t, Coverage&)>;

/// Every `step`-th seed from `next` on, in a process of its own: what it prints goes into a file, reports into a pipe.
/// Behind the last report its coverage follows in the file.
class Worker {
public:
    Worker(std::uint64_t first, std::uint64_t last, std::uint64_t step, const Run& run)
        : first_(first), last_(last), step_(step), run_(run), output_(std::tmpfile()) {
        start();
    }
    ~Worker() {
        end();
        std::fclose(output_);
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Waits for the next seed of this worker and prints what it said; false: a finding.
    bool next() {
        Report report;
        const bool alive = read(reports_, &report, sizeof report) == sizeof report;
        first_ += step_;
        if (alive) {
            print(report.printed);
            return report.clean;
        }
        // It died; what is left is for another one.
        print(~std::uint64_t{0});
        const int status = end();
        if (WIFSIGNALED(status)) {
            std::printf("FINDING seed %" PRIu64 ": its process was killed by signal %d\n", first_ - step_,
                        WTERMSIG(status));
        } else if (WEXITSTATUS(status) != process_told) {
            std::printf("FINDING seed %" PRIu64 ": its process ended with status %d\n", first_ - step_,
                        WEXITSTATUS(status));
        }
        start();
        return false;
    }

    /// After its last seed.
    void add_coverage(Coverage& coverage) {
        waitpid(std::exchange(process_, -1), nullptr, 0);
        std::fseek(output_, static_cast<long>(printed_), SEEK_SET);
        std::array<char, 512> line{};
        while (std::fgets(line.data(), line.size(), output_) != nullptr) coverage.add(line.data());
    }

private:
    void start() {
        std::array<int, 2> pipes{};
        if (pipe(pipes.data()) != 0) std::abort();
        std::fflush(nullptr);
        process_ = fork();
        if (process_ < 0) std::abort();
        if (process_ == 0) work(pipes[1]);
        close(pipes[1]);
        reports_ = pipes[0];
    }

    [[noreturn]] void work(int reports) {
        dup2(fileno(output_), STDOUT_FILENO);
        dup2(fileno(output_), STDERR_FILENO);
        Coverage coverage;
        for (std::uint64_t seed = first_; seed <= last_; seed += step_) {
            Report report;
            report.clean = run_(seed, coverage);
            std::fflush(nullptr);
            report.printed = static_cast<std::uint64_t>(lseek(STDOUT_FILENO, 0, SEEK_CUR));
            if (write(reports, &report, sizeof report) != sizeof report) break;
        }
        coverage.print(stdout);
        std::fflush(nullptr);
        std::_Exit(0);
    }

    void print(std::uint64_t end) {
        std::array<char, 4096> bytes{};
        while (printed_ < end) {
            const std::size_t wanted = std::min<std::uint64_t>(bytes.size(), end - printed_);
            const ssize_t got = pread(fileno(output_), bytes.data(), wanted, static_cast<off_t>(printed_));
            if (got <= 0) return;
            std::fwrite(bytes.data(), 1, static_cast<std::size_t>(got), stdout);
            printed_ += static_cast<std::uint64_t>(got);
        }
    }

    /// Returns what it ended with, as waitpid(2) says it: of its own accord before, or killed here.
    int end() {
        int status = 0;
        if (process_ > 0 && waitpid(process_, &status, reports_at_end() ? 0 : WNOHANG) == 0) {
            kill(process_, SIGKILL);
            waitpid(process_, &status, 0);
        }
        process_ = -1;
        close(reports_);
        return status;
    }

    /// Nobody writes reports any more: the process has ended, or is about to.
    bool reports_at_end() const {
        pollfd poll_reports{reports_, POLLIN, 0};
        return poll(&poll_reports, 1, 0) == 1 && (poll_reports.revents & (POLLIN | POLLHUP)) == POLLHUP;
    }

    std::uint64_t first_;
    std::uint64_t last_;
    std::uint64_t step_;
    const Run& run_;
    std::FILE* output_;
    pid_t process_ = -1;
    int reports_ = -1;
    std::uint64_t printed_ = 0;
};

}  // namespace

std::uint64_t run_in_processes(std::uint64_t first, std::uint64_t last, unsigned jobs, bool keep_going, const Run& run,
                               Coverage& coverage) {
    std::vector<std::unique_ptr<Worker>> workers;
    for (unsigned i = 0; i < jobs; ++i) workers.push_back(std::make_unique<Worker>(first + i, last, jobs, run));
    std::uint64_t findings = 0;
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        if (workers[(seed - first) % jobs]->next()) continue;
        ++findings;
        if (!keep_going) return findings;
    }
    for (const auto& worker : workers) worker->add_coverage(coverage);
    return findings;
}

}  // namespace dst::sim
