#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mix.h"
#include "session.h"

namespace initiator {

/// What a load counts: commands, answers, time. CLOCK_MONOTONIC everywhere, so that a script can compare.
class Tally {
public:
    using Clock = std::chrono::steady_clock;

    /// One command ended with good status.
    void done(Kind kind, Clock::time_point since);
    /// Any other end, which is counted by its name. Returns how often there was this one.
    std::uint64_t other(const Outcome& outcome);
    void mistake(const std::string& text);
    void reopened() { ++reopened_; }
    /// The load itself is over: what follows counts for no gap.
    void stop();

    bool running() const { return begun_; }
    std::uint64_t mistakes() const { return mistakes_; }
    std::uint64_t errors() const { return errors_; }
    /// One line of JSON on standard output.
    void print(bool with_rates) const;

private:
    struct Gap {
        double at_s;
        double seconds;
    };
    void gap_until(Clock::time_point now);

    std::array<std::uint64_t, kinds> done_{};
    std::map<std::string, std::uint64_t> answers_;
    std::uint64_t again_ = 0;
    std::uint64_t errors_ = 0;
    std::uint64_t mistakes_ = 0;
    std::uint64_t reopened_ = 0;
    double latency_ms_max_ = 0;
    double gap_s_max_ = 0;
    bool begun_ = false;
    bool stopped_ = false;
    Clock::time_point first_;
    Clock::time_point last_;
    std::vector<Gap> gaps_;
    std::vector<std::uint64_t> rates_;
};

}  // namespace initiator
