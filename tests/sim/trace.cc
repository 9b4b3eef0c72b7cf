#include "trace.h"

#include <cinttypes>
#include <cstdlib>

namespace dst::sim {
namespace {

const Trace* current_trace = nullptr;

}  // namespace

std::uint64_t Coverage::of(const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
}

void Coverage::print(std::FILE* out) const {
    for (const auto& [what, times] : counts_) std::fprintf(out, "  %10" PRIu64 "  %s\n", times, what.c_str());
}

void Coverage::add(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    const std::size_t number = line.find_first_not_of(' ');
    const std::size_t what = line.find("  ", number);
    if (what == std::string_view::npos) return;
    counts_[std::string(line.substr(what + 2))] += std::strtoull(line.data() + number, nullptr, 10);
}

Trace::Trace(SimLoop& loop, Coverage& coverage, std::uint64_t seed, bool print)
    : loop_(loop), coverage_(coverage), seed_(seed), print_(print) {
    current_trace = this;
}

Trace::~Trace() { current_trace = nullptr; }

const Trace* Trace::current() noexcept { return current_trace; }

void Trace::line(std::string_view who, std::string_view what) {
    char time[32];
    std::snprintf(time, sizeof time, "%12.6f ", static_cast<double>(loop_.now().ns) / 1e9);
    std::string text = time;
    text.append(who).append("  ").append(what);
    if (print_) std::printf("%s\n", text.c_str());
    lines_.push_back(std::move(text));
    if (lines_.size() > lines_kept) lines_.pop_front();
}

void Trace::finding(std::string_view rule, std::string_view what) {
    line("FINDING", std::string(rule) + ": " + std::string(what));
    if (failed_) return;
    failed_ = true;
    first_finding_ = std::string(rule) + ": " + std::string(what);
}

void Trace::dump(std::FILE* out) const {
    for (const std::string& line : lines_) std::fprintf(out, "  %s\n", line.c_str());
}

std::string TracedEvents::last(std::string_view id) const {
    const auto found = told_.find(id);
    return found == told_.end() ? std::string() : found->second;
}

void TracedEvents::event(Severity severity, std::string_view id, std::string_view text,
                         std::initializer_list<EventField> fields) {
    if (silent_) return;
    trace_.coverage().count("event " + std::string(id));
    std::string& told = told_[std::string(id)];
    told = format_event(severity, id, text, fields);
    trace_.line(process_, told);
    if (trace_.on_event) trace_.on_event(process_, id, text, fields);
}

}  // namespace dst::sim
