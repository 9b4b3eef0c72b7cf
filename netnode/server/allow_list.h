#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/spec.h"

namespace dst {

/// "192.0.2.7" of "192.0.2.7:40112", "2001:db8::1" of "[2001:db8::1]:40112".
std::string address_of(const std::string& peer);

/// Whether `peer` ("192.0.2.7:40112", "[2001:db8::1]:40112") lies in one of the networks; without a list everybody
/// does. An IPv4 network also takes IPv4 peers that are written as mapped IPv6 addresses. What cannot be read is not
/// allowed.
bool allowed(const std::optional<std::vector<spec::Network>>& networks, const std::string& peer);

}  // namespace dst
