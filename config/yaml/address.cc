#include "yaml/address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <optional>

#include "yaml/report.h"

namespace dst::yaml {
namespace {

constexpr std::size_t host_bytes_max = 253;

/// An IPv4 or IPv6 address in network byte order.
struct NumericAddress {
    std::array<unsigned char, 16> bytes{};
    unsigned size = 0;  ///< 4 or 16

    int family() const { return size == 4 ? AF_INET : AF_INET6; }
    std::string text() const {
        char buffer[INET6_ADDRSTRLEN];
        return inet_ntop(family(), bytes.data(), buffer, sizeof buffer);
    }
};

std::optional<NumericAddress> parse_numeric(const std::string& text) {
    NumericAddress address;
    address.size = text.find(':') == std::string::npos ? 4 : 16;
    if (inet_pton(address.family(), text.c_str(), address.bytes.data()) != 1) return {};
    return address;
}

bool is_name_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/// A host name's labels: letters, digits, '-' and '_', separated by single dots; one dot may end it.
bool is_host_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > host_bytes_max) return false;
    std::size_t label = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '.') {
            if (label == 0 || text[i - 1] == '-') return false;
            label = 0;
        } else {
            if (!is_name_character(text[i]) || (label == 0 && text[i] == '-') || ++label > 63) return false;
        }
    }
    return label > 0 && !text.ends_with('-');
}

/// A link-local address names its interface: "fe80::1%eth0".
bool is_ipv6(std::string_view text) {
    std::size_t percent = text.find('%');
    if (percent != std::string_view::npos) {
        std::string_view scope = text.substr(percent + 1);
        if (scope.empty()) return false;
        for (char c : scope) {
            if (!is_name_character(c) && c != '.') return false;
        }
    }
    std::string address(text.substr(0, percent));
    return address.find(':') != std::string::npos && parse_numeric(address).has_value();
}

/// IPv6 without brackets, IPv4 or a name.
bool is_host(std::string_view text, std::string& why) {
    if (text.empty()) {
        why = "has no address";
        return false;
    }
    if (text.find(':') != std::string_view::npos) {
        if (is_ipv6(text)) return true;
        why = "has " + quote(text) + " for an address, which is not IPv6";
        return false;
    }
    if (text.find_first_not_of("0123456789.") == std::string_view::npos) {
        if (parse_numeric(std::string(text))) return true;
        why = "has " + quote(text) + " for an address, which is not IPv4";
        return false;
    }
    if (is_host_name(text)) return true;
    why = "has " + quote(text) + " for an address, which is no host name";
    return false;
}

std::optional<std::uint16_t> parse_port(std::string_view text, std::string& why) {
    unsigned number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && number >= 1 && number <= 65535) {
        return static_cast<std::uint16_t>(number);
    }
    const bool a_number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    why = "has " + quote(text) + " for a port" + (a_number ? ", which is out of range" : "") + " (1 to 65535)";
    return {};
}

struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
};

/// "host:port" with brackets around IPv6.
std::optional<Endpoint> parse_endpoint(std::string_view text, std::string& why) {
    std::string_view host, port;
    if (text.starts_with('[')) {
        std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) {
            why = "has no ']' behind the address";
            return {};
        }
        host = text.substr(1, bracket - 1);
        if (host.find(':') == std::string_view::npos) {
            why = "has brackets around what is not IPv6";
            return {};
        }
        std::string_view rest = text.substr(bracket + 1);
        if (!rest.starts_with(':')) {
            why = rest.empty() ? "has no port" : "has " + quote(rest) + " behind the address";
            return {};
        }
        port = rest.substr(1);
    } else {
        std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) {
            why = text.empty() ? "has no address" : "has no port";
            return {};
        }
        if (text.find(':', colon + 1) != std::string_view::npos) {
            why = "has more than one ':' (IPv6 stands in brackets)";
            return {};
        }
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    if (port.empty()) {
        why = "has no port";
        return {};
    }
    auto number = parse_port(port, why);
    if (!number || !is_host(host, why)) return {};
    return Endpoint{std::string(host), *number};
}

/// True when all bits from `bits` on are zero; otherwise `address` becomes the network's.
bool cut_to_prefix(NumericAddress& address, unsigned bits) {
    bool clean = true;
    for (unsigned bit = bits; bit < address.size * 8; ++bit) {
        auto mask = static_cast<unsigned char>(0x80u >> (bit % 8));
        if ((address.bytes[bit / 8] & mask) != 0) clean = false;
        address.bytes[bit / 8] &= static_cast<unsigned char>(~mask);
    }
    return clean;
}

std::optional<spec::Network> parse_network(std::string_view text, std::string& why) {
    std::size_t slash = text.find('/');
    auto address = parse_numeric(std::string(text.substr(0, slash)));
    if (!address) {
        why = "has no IPv4 or IPv6 address before the '/'";
        if (slash == std::string_view::npos) why = "is not an IPv4 or IPv6 address";
        return {};
    }
    unsigned bits = address->size * 8;
    if (slash != std::string_view::npos) {
        std::string_view digits = text.substr(slash + 1);
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (error != std::errc() || end != digits.data() + digits.size() || bits > address->size * 8) {
            why = "has " + quote(digits) + " for a prefix (0 to " + std::to_string(address->size * 8) + ")";
            return {};
        }
    }
    if (!cut_to_prefix(*address, bits)) {
        why = "has bits set behind the prefix (" + address->text() + "/" + std::to_string(bits) + "?)";
        return {};
    }
    return spec::Network{address->text(), bits};
}

}  // namespace

Scalar<spec::Netnode> netnode_scalar() {
    return {"host:port/export such as node1.example:7790/disk0 or [2001:db8::1]:7790/disk0",
            [](std::string_view text, std::string& why) -> std::optional<spec::Netnode> {
                std::size_t slash = text.find('/');
                auto endpoint = parse_endpoint(text.substr(0, slash), why);
                if (!endpoint) return {};
                if (slash == std::string_view::npos || slash + 1 == text.size()) {
                    why = "has no export";
                    return {};
                }
                std::string name_why;
                auto name = name_scalar("").parse(text.substr(slash + 1), name_why);
                if (!name) {
                    why = "has " + quote(text.substr(slash + 1)) +
                          " for an export (at most 63 letters, digits, '.', '_' and '-')";
                    return {};
                }
                return spec::Netnode{.address = endpoint->host, .port = endpoint->port, .export_name = *name};
            }};
}

Scalar<std::string> host_scalar() {
    return {"an IPv4 or IPv6 address or a host name",
            [](std::string_view text, std::string& why) -> std::optional<std::string> {
                bool brackets = text.starts_with('[') && text.ends_with(']');
                std::string_view host = brackets ? text.substr(1, text.size() - 2) : text;
                if (!is_host(host, why)) {
                    why = host.empty() ? "is empty" : "is neither";
                    std::size_t colon = host.find(':');
                    bool port_behind = colon != std::string_view::npos && colon == host.rfind(':');
                    if (port_behind) why = "is no address alone (the port has a key of its own)";
                    return {};
                }
                return std::string(host);
            }};
}

Scalar<std::uint16_t> port_scalar() {
    return {"a port from 1 to 65535", [](std::string_view text, std::string&) {
                std::string why;
                return parse_port(text, why);
            }};
}

Scalar<spec::Listen> listen_scalar() {
    return {"a numeric address with its port, such as 0.0.0.0:7790 or [::]:7790",
            [](std::string_view text, std::string& why) -> std::optional<spec::Listen> {
                auto endpoint = parse_endpoint(text, why);
                if (!endpoint) return {};
                if (!parse_numeric(endpoint->host.substr(0, endpoint->host.find('%')))) {
                    why = "names a host (an address of this machine is needed)";
                    return {};
                }
                return spec::Listen{endpoint->host, endpoint->port};
            }};
}

Scalar<spec::Network> network_scalar() {
    return {"a network such as 192.0.2.0/24 or 2001:db8::/32, or one address", parse_network};
}

std::string endpoint_text(const std::string& host, std::uint16_t port) {
    bool ipv6 = host.find(':') != std::string::npos;
    return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string canonical_host(const std::string& host) {
    std::size_t percent = host.find('%');
    if (auto numeric = parse_numeric(host.substr(0, percent))) {
        return numeric->text() + (percent == std::string::npos ? "" : host.substr(percent));
    }
    std::string name;
    for (char c : host) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name.ends_with('.')) name.pop_back();
    return name;
}

bool is_any_address(const std::string& host) {
    std::string canonical = canonical_host(host);
    return canonical == "0.0.0.0" || canonical == "::";
}

}  // namespace dst::yaml
