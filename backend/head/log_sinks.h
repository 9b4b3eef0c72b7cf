#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "block/events.h"

namespace dst {

/// Puts one log line somewhere, within about a second whatever happens. Used by the log's thread alone.
class LogOutput {
public:
    virtual ~LogOutput() = default;
    /// False: it could not be written and is lost.
    virtual bool write(Severity severity, std::string_view line) = 0;
};

/// Standard error. A pipe that nobody reads costs one second, then lines are lost until it is read again. When standard
/// error is journald's stream (sd-daemon(3)), every line carries its priority as "<4>".
std::unique_ptr<LogOutput> make_standard_error_output();

/// The system log's socket (/dev/log), without waiting. Not syslog(3): that is one per process, and in tgtd it belongs
/// to tgt's own log process, with its own name and lock.
std::unique_ptr<LogOutput> make_syslog_output(const std::string& program);

/// True when standard error leads nowhere, as in a process that made itself a daemon.
bool standard_error_is_null();

/// The syslog priority (RFC 5424, section 6.2.1) of a severity.
int syslog_priority(Severity severity) noexcept;

}  // namespace dst
