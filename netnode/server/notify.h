#pragma once

#include <string>

namespace dst {

/// Tells systemd about the service's state (sd_notify(3)): "READY=1", "STOPPING=1". Does nothing when the service was
/// not started with a notification socket.
void notify_service_manager(const std::string& state);

}  // namespace dst
