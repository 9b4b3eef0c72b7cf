#pragma once

#include <boost/json/object.hpp>
#include <functional>

#include "block/status.h"
#include "head/log_events.h"

namespace dst {

/// What the control commands see of an open storage.
struct ControlView {
    std::function<StorageStatus()> status;
    const LogEvents& events;
};

/// Answers one request of the control socket (docs/operations.md): "status" and "events".
boost::json::object answer_control(const ControlView& view, const boost::json::object& request);

}  // namespace dst
