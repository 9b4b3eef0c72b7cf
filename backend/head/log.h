#pragma once

#include <memory>
#include <string>

#include "block/events.h"

namespace dst {

class LogOutput;

/// The log of a process: finished lines go through a bounded queue to a thread of its own (all signals blocked), so
/// that no storage waits for a slow terminal or a hung log daemon. Lines that do not fit or cannot be written are
/// dropped, and their number is logged. write() from any thread.
class Log {
public:
    /// The process's log: to standard error, or to syslog when that is /dev/null (a daemon). Made at the first call,
    /// ended when its last owner lets go.
    static std::shared_ptr<Log> shared(const std::string& program);

    explicit Log(std::unique_ptr<LogOutput> output);
    ~Log();  ///< what is queued is written first
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(Severity severity, const std::string& line);

private:
    class Writer;
    std::unique_ptr<Writer> writer_;
};

}  // namespace dst
