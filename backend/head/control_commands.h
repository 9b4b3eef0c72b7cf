#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "block/status.h"
#include "head/log_events.h"
#include "start/order.h"

namespace dst {

/// What the control commands see of an open storage.
struct ControlView {
    std::function<StorageStatus()> status;
    const LogEvents& events;
    /// The administrator's order to a storage that does not serve (StorageEngine::order).
    std::function<Result<std::string>(const Order&)> order;
};

/// Answers one request of the control socket (docs/operations.md): "status", "events", "start" and "resolve".
boost::json::object answer_control(const ControlView& view, const boost::json::object& request);

}  // namespace dst
