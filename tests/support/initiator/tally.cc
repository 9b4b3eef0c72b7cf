#include "tally.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace initiator {
namespace {

constexpr double gap_shown_s = 0.3;
constexpr std::uint64_t wrong_data_shown = 5;

std::string name_of(const Outcome& outcome) {
    if (outcome.lost()) return outcome.status == SCSI_STATUS_TIMEOUT ? "timed_out" : "lost";
    if (outcome.status == SCSI_STATUS_BUSY || outcome.status == SCSI_STATUS_TASK_SET_FULL) return "busy";
    if (outcome.status != SCSI_STATUS_CHECK_CONDITION) return outcome.text();
    char code[16];
    std::snprintf(code, sizeof code, "%04x", outcome.ascq);
    if (outcome.sense_key == SCSI_SENSE_NOT_READY) return std::string("not_ready_") + code;
    if (outcome.sense_key == SCSI_SENSE_UNIT_ATTENTION) return std::string("unit_attention_") + code;
    char key[8];
    std::snprintf(key, sizeof key, "%x_", outcome.sense_key);
    return std::string("error_") + key + code;
}

double seconds(Tally::Clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Tally::gap_until(Clock::time_point now) {
    const double gap = seconds(now - last_);
    gap_s_max_ = std::max(gap_s_max_, gap);
    if (gap >= gap_shown_s) gaps_.push_back({seconds(last_.time_since_epoch()), gap});
}

void Tally::done(Kind kind, Clock::time_point since) {
    if (stopped_) return;
    const auto now = Clock::now();
    if (!begun_) {
        begun_ = true;
        first_ = now;
        std::fprintf(stderr, "running\n");  // for whoever waits for load
    } else {
        gap_until(now);
    }
    last_ = now;
    ++done_[static_cast<unsigned>(kind)];
    latency_ms_max_ = std::max(latency_ms_max_, seconds(now - since) * 1000);
    const auto second = static_cast<std::size_t>(seconds(now - first_));
    if (rates_.size() <= second) rates_.resize(second + 1);
    ++rates_[second];
}

std::uint64_t Tally::other(const Outcome& outcome) {
    if (outcome.send_again()) {
        ++again_;
    } else if (!outcome.lost()) {
        ++errors_;
    }
    const std::string name = name_of(outcome);
    const std::uint64_t count = ++answers_[name];
    if (count == 1) std::fprintf(stderr, "first answer %s\n", name.c_str());
    return count;
}

void Tally::mistake(const std::string& text) {
    if (mistakes_++ < wrong_data_shown) std::fprintf(stderr, "WRONG DATA: %s\n", text.c_str());
}

void Tally::stop() {
    if (begun_ && !stopped_) gap_until(Clock::now());
    stopped_ = true;
}

void Tally::print(bool with_rates) const {
    std::uint64_t writes = 0;
    for (const Kind kind : {Kind::write, Kind::fua, Kind::same}) writes += done_[static_cast<unsigned>(kind)];
    std::printf("{\"reads\": %" PRIu64 ", \"writes\": %" PRIu64 ", \"done\": {", done_[0], writes);
    for (unsigned i = 0; i < kinds; ++i) {
        std::printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", kind_names[i], done_[i]);
    }
    std::printf("}, \"answers\": {");
    const char* comma = "";
    for (const auto& [name, count] : answers_) {
        std::printf("%s\"%s\": %" PRIu64, comma, name.c_str(), count);
        comma = ", ";
    }
    std::printf("}, \"send_again\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"mistakes\": %" PRIu64
                ", \"reopened\": %" PRIu64 ", \"latency_ms_max\": %.1f, \"gap_s_max\": %.3f, \"gaps\": [",
                again_, errors_, mistakes_, reopened_, latency_ms_max_, gap_s_max_);
    for (std::size_t i = 0; i < gaps_.size(); ++i) {
        std::printf("%s{\"at\": %.3f, \"seconds\": %.3f}", i == 0 ? "" : ", ", gaps_[i].at_s, gaps_[i].seconds);
    }
    std::printf("]");
    if (with_rates) {
        std::printf(", \"rates\": [");
        for (std::size_t i = 0; i < rates_.size(); ++i) std::printf("%s%" PRIu64, i == 0 ? "" : ", ", rates_[i]);
        std::printf("]");
    }
    std::printf("}\n");
}

}  // namespace initiator
