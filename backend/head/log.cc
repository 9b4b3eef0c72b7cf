#include "head/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <mutex>
#include <utility>

#include "head/block_signals.h"
#include "head/log_sinks.h"

namespace dst {
namespace {

constexpr std::size_t queued_lines_max = 1024;

// spdlog has as many levels as there are severities, in the same order, but other names.
constexpr spdlog::level::level_enum to_level(Severity severity) noexcept {
    return static_cast<spdlog::level::level_enum>(severity);
}
constexpr Severity to_severity(spdlog::level::level_enum level) noexcept { return static_cast<Severity>(level); }
static_assert(static_cast<int>(Severity::debug) == SPDLOG_LEVEL_TRACE);
static_assert(static_cast<int>(Severity::critical) == SPDLOG_LEVEL_CRITICAL);

/// Runs on the log's thread only, hence the null mutex.
class OutputSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    OutputSink(std::unique_ptr<LogOutput> output, spdlog::details::thread_pool& queue)
        : output_(std::move(output)), queue_(queue) {}

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        report_lost();
        const std::string_view line(message.payload.data(), message.payload.size());
        if (!output_->write(to_severity(message.level), line)) ++unwritten_;
    }
    void flush_() override {}

private:
    void report_lost() {
        const std::uint64_t lost = unwritten_ + queue_.overrun_counter();
        if (lost == reported_) return;
        const std::string count = std::to_string(lost - reported_);
        const std::string line =
            format_event(Severity::warning, "log-lines-lost",
                         "log lines were lost, since the log did not take them in time", {{"lines", count}});
        if (output_->write(Severity::warning, line)) reported_ = lost;
    }

    std::unique_ptr<LogOutput> output_;
    spdlog::details::thread_pool& queue_;
    std::uint64_t unwritten_ = 0;
    std::uint64_t reported_ = 0;
};

}  // namespace

class Log::Writer {
public:
    explicit Writer(std::unique_ptr<LogOutput> output) : queue_(start_queue()) {
        logger_ =
            std::make_shared<spdlog::async_logger>("dst", std::make_shared<OutputSink>(std::move(output), *queue_),
                                                   queue_, spdlog::async_overflow_policy::overrun_oldest);
        logger_->set_level(spdlog::level::trace);
    }

    void write(Severity severity, const std::string& line) { logger_->log(to_level(severity), line); }

private:
    static std::shared_ptr<spdlog::details::thread_pool> start_queue() {
        const BlockSignals inherited_by_its_thread;
        return std::make_shared<spdlog::details::thread_pool>(queued_lines_max, 1);
    }

    std::shared_ptr<spdlog::async_logger> logger_;
    std::shared_ptr<spdlog::details::thread_pool> queue_;  // ends first: its thread writes what is queued
};

std::shared_ptr<Log> Log::shared(const std::string& program) {
    static std::mutex mutex;
    static std::weak_ptr<Log> current;
    const std::lock_guard guard(mutex);
    if (auto log = current.lock()) return log;
    auto log =
        std::make_shared<Log>(standard_error_is_null() ? make_syslog_output(program) : make_standard_error_output());
    current = log;
    return log;
}

Log::Log(std::unique_ptr<LogOutput> output) : writer_(std::make_unique<Writer>(std::move(output))) {}

Log::~Log() = default;

void Log::write(Severity severity, const std::string& line) { writer_->write(severity, line); }

}  // namespace dst
