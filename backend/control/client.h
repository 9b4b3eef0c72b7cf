#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>

#include "block/error.h"
#include "block/status.h"

namespace dst::control {

/// Asks the head behind a control socket one question and waits for its answer, at most `limit` in all; blocks the
/// calling thread. Gives the whole answer object when it says "ok": true, and the error that it carries otherwise.
/// Errors of its own: not_found (no socket, or no head behind it any more), refused (permission), timed_out (the head
/// does not answer), protocol_error, disconnected.
Result<boost::json::object> ask(const std::string& socket_path, const boost::json::object& request,
                                std::chrono::milliseconds limit);

/// ask() for {"command": "status"}, read back.
Result<StorageStatus> ask_status(const std::string& socket_path, std::chrono::milliseconds limit);

}  // namespace dst::control
