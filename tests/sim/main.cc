#include <malloc.h>
#include <sys/time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "block/breaks.h"
#include "scenario.h"
#include "workers.h"

namespace {

using dst::sim::Coverage;
using dst::sim::ScenarioOptions;
using dst::sim::ScenarioResult;

/// Which findings a range is run for, and what it does when it has one.
struct Search {
    std::vector<std::string> rules;  ///< empty: any finding
    bool keep_going = false;

    bool wants(const std::string& finding) const {
        const auto is_of = [&finding](const std::string& rule) {
            return finding.starts_with(rule.find(':') == std::string::npos ? rule + ":" : rule);
        };
        return !finding.empty() && (rules.empty() || std::any_of(rules.begin(), rules.end(), is_of));
    }
};

struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

bool parse_range(const std::string& text, Range& range) {
    return std::sscanf(text.c_str(), "%" SCNu64 "..%" SCNu64, &range.first, &range.last) == 2 &&
           range.first <= range.last;
}

/// So much processor time may one seed take, where others take a tenth of a second: the loop has no end.
constexpr time_t seed_seconds_max = 200;

/// From now on; 0: no limit.
void limit_processor_time(time_t seconds) {
    itimerval timer{};
    timer.it_value.tv_sec = seconds;
    setitimer(ITIMER_PROF, &timer, nullptr);
}

// A failed assertion is a finding like any other: it says the seed and what led to it.
extern "C" void report_abort(int signal) {
    if (const dst::sim::Trace* trace = dst::sim::Trace::current()) {
        const char* const what = signal == SIGABRT   ? "an assertion failed"
                                 : signal == SIGPROF ? "it takes minutes, where others take a tenth of a second"
                                 : signal == SIGFPE  ? "a division by zero"
                                                     : "memory that is not its own";
        // What led to it may be half written: the seed comes first, and once more behind it.
        std::fprintf(stderr, "seed %" PRIu64 ": %s\n", trace->seed(), what);
        trace->dump(stderr);
        std::fprintf(stderr, "FINDING seed %" PRIu64 ": %s\n", trace->seed(), what);
        std::fflush(nullptr);
        std::_Exit(dst::sim::process_told);
    }
    std::_Exit(1);
}

/// True unless there is a finding of those that are searched for.
bool run_one(std::uint64_t seed, const ScenarioOptions& options, const Search& search, Coverage& coverage) {
    limit_processor_time(seed_seconds_max);
    const ScenarioResult result = dst::sim::run_seed(seed, options, coverage);
    limit_processor_time(0);
    if (!result.finding.empty()) {
        std::printf("FINDING seed %" PRIu64 ": %s\n  %s\n", seed, result.finding.c_str(), result.shape.c_str());
    }
    if (options.trace) {
        std::printf("seed %" PRIu64 ": %" PRIu64 " requests, %u faults, %" PRIu64 " steps\n", seed, result.requests,
                    result.faults, result.steps);
    }
    return !search.wants(result.finding);
}

int run_range(const Range& range, const ScenarioOptions& options, const Search& search, unsigned jobs) {
    Coverage coverage;
    std::uint64_t findings = 0;
    if (jobs > 1) {
        const auto run = [&](std::uint64_t seed, Coverage& covered) { return run_one(seed, options, search, covered); };
        findings = dst::sim::run_in_processes(range.first, range.last, jobs, search.keep_going, run, coverage);
    } else {
        for (std::uint64_t seed = range.first; seed <= range.last && (findings == 0 || search.keep_going); ++seed) {
            if (!run_one(seed, options, search, coverage)) ++findings;
        }
    }
    if (!options.quiet) {
        std::printf("covered:\n");
        coverage.print(stdout);
    }
    std::printf("%" PRIu64 " seeds, %" PRIu64 " with findings\n", range.last - range.first + 1, findings);
    return findings == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    // The media of one run are the next one's memory: given back to the kernel in between, they cost a tenth of the
    // time.
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    CLI::App app{"Runs the real tree, start, session and media code on simulated time, disks, links and stores."};
    Range range;
    std::string seeds;
    std::string rule;
    std::uint64_t seed = 0;
    ScenarioOptions options;
    Search search;
    unsigned jobs = 1;
    app.add_option("--seed", seed, "run this one");
    app.add_option("--seeds", seeds, "A..B: run these, the last one included");
    app.add_option("--jobs", jobs, "of --seeds: in so many processes; 0: as many as there are processors");
    app.add_flag("--trace", options.trace, "print everything that happens");
    app.add_flag("--quiet", options.quiet, "print findings only");
    app.add_flag("--keep-going", search.keep_going, "do not stop at the first finding");
    app.add_option("--finding", search.rules,
                   "M1,M4: only findings of these rules, or that begin so, count; others are printed")
        ->delimiter(',');
#ifdef DST_BREAKS
    app.add_option("--break", rule, "leave out this rule");
#endif
    CLI11_PARSE(app, argc, argv);
#ifdef DST_BREAKS
    if (!rule.empty()) {
        const auto parsed = dst::parse_rule(rule);
        if (!parsed) {
            std::fprintf(stderr, "--break %s: no such rule\n", rule.c_str());
            return 64;
        }
        dst::set_broken(*parsed, true);
    }
#endif
    std::signal(SIGABRT, report_abort);
    std::signal(SIGPROF, report_abort);
#ifndef DST_SANITIZE
    // M12: who leaves it out writes to memory that was given back. Sanitizers have more to say of it.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE}) std::signal(fault, report_abort);
#endif
    // Findings are seen at once, also when somebody ends the run.
    std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
    if (!seeds.empty()) {
        if (!parse_range(seeds, range)) {
            std::fprintf(stderr, "--seeds %s: should be A..B\n", seeds.c_str());
            return 64;
        }
        return run_range(range, options, search, jobs == 0 ? std::thread::hardware_concurrency() : jobs);
    }
    Coverage coverage;
    return run_one(seed, options, search, coverage) ? 0 : 1;
}
