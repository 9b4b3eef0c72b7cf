#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "block/events.h"
#include "simworld/sim_loop.h"

namespace dst::sim {

/// How often what happened over all seeds of a run: events of the program, faults, answers, changes of state.
class Coverage {
public:
    void count(const std::string& what, std::uint64_t times = 1) { counts_[what] += times; }
    std::uint64_t of(const std::string& what) const;
    void print(std::FILE* out) const;
    /// A line that print() wrote.
    void add(std::string_view line);

private:
    std::map<std::string, std::uint64_t> counts_;
};

/// The story of one seed: every line is kept for a while, so that a finding shows what led to it, and printed with
/// --trace. Equal seeds give equal stories. Also where findings are reported.
class Trace {
public:
    Trace(SimLoop& loop, Coverage& coverage, std::uint64_t seed, bool print);
    ~Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    void line(std::string_view who, std::string_view what);
    /// A promise was broken. The first one counts; the scenario stops soon.
    void finding(std::string_view rule, std::string_view what);

    bool failed() const noexcept { return failed_; }
    const std::string& first_finding() const noexcept { return first_finding_; }

    /// Called with each event of a process that lives: its name, the event's id, its text and its fields.
    std::function<void(const std::string& process, std::string_view id, std::string_view text,
                       std::initializer_list<EventField> fields)>
        on_event;

    /// The last lines, for the report of a finding.
    void dump(std::FILE* out) const;
    Coverage& coverage() noexcept { return coverage_; }
    SimLoop& loop() noexcept { return loop_; }
    std::uint64_t seed() const noexcept { return seed_; }

    /// The one that lives now, for the report of a failed assertion; null between seeds.
    static const Trace* current() noexcept;

private:
    static constexpr std::size_t lines_kept = 120;

    SimLoop& loop_;
    Coverage& coverage_;
    std::uint64_t seed_;
    bool print_;
    bool failed_ = false;
    std::string first_finding_;
    std::deque<std::string> lines_;
};

/// The events of one process, into the trace. A dead process says nothing.
class TracedEvents final : public EventSink {
public:
    TracedEvents(Trace& trace, std::string process) : trace_(trace), process_(std::move(process)) {}
    void event(Severity severity, std::string_view id, std::string_view text,
               std::initializer_list<EventField> fields) override;
    void silence() noexcept { silent_ = true; }
    bool told(std::string_view id) const { return told_.contains(id); }
    /// The last event with that id, as it is printed; empty: there was none.
    std::string last(std::string_view id) const;

private:
    Trace& trace_;
    std::string process_;
    std::map<std::string, std::string, std::less<>> told_;  ///< by id, the last of each
    bool silent_ = false;
};

}  // namespace dst::sim
