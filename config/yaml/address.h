#pragma once

#include <string>
#include <string_view>

#include "config/spec.h"
#include "yaml/scalar.h"

/// Addresses of the two files. Names are checked for their form and never looked up.
namespace dst::yaml {

/// "host:port/export"; the host is IPv4, a name, or IPv6 in brackets. Leaves `connections` at its default.
Scalar<spec::Netnode> netnode_scalar();
/// The `address` of a netnode's long form; IPv6 with or without brackets, taken off in the result.
Scalar<std::string> host_scalar();
Scalar<std::uint16_t> port_scalar();
/// "0.0.0.0:7790", "[::]:7790": numeric, since it is bound.
Scalar<spec::Listen> listen_scalar();
/// "192.0.2.0/24", "2001:db8::/32", or one address.
Scalar<spec::Network> network_scalar();

/// "node1.example:7790", "[::1]:7790".
std::string endpoint_text(const std::string& host, std::uint16_t port);

/// The same text for the same address: lower case, IPv6 in its shortest form, no trailing dot. For comparisons only.
std::string canonical_host(const std::string& host);

/// True for 0.0.0.0 and ::, which stand for every address of their family.
bool is_any_address(const std::string& host);

}  // namespace dst::yaml
