#include "server/allow_list.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace dst {
namespace {

/// An address as 128 bits; IPv4 as ::ffff:a.b.c.d.
using Address = std::array<std::uint8_t, 16>;

constexpr unsigned mapped_bits = 96;

struct Parsed {
    Address address{};
    bool v4 = false;
};

std::optional<Parsed> parse(const std::string& text) {
    Parsed parsed;
    if (inet_pton(AF_INET6, text.c_str(), parsed.address.data()) == 1) return parsed;
    parsed.v4 = true;
    parsed.address[10] = parsed.address[11] = 0xff;
    if (inet_pton(AF_INET, text.c_str(), parsed.address.data() + 12) == 1) return parsed;
    return std::nullopt;
}

bool same_prefix(const Address& first, const Address& second, unsigned bits) {
    const std::size_t whole = bits / 8;
    if (!std::equal(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(whole), second.begin())) return false;
    const unsigned rest = bits % 8;
    return rest == 0 || ((first[whole] ^ second[whole]) >> (8 - rest)) == 0;
}

}  // namespace

std::string address_of(const std::string& peer) {
    const std::size_t colon = peer.rfind(':');
    if (colon == std::string::npos) return peer;
    if (peer.front() == '[' && colon > 2) return peer.substr(1, colon - 2);
    return peer.substr(0, colon);
}

bool allowed(const std::optional<std::vector<spec::Network>>& networks, const std::string& peer) {
    if (!networks) return true;
    const std::optional<Parsed> address = parse(address_of(peer));
    if (!address) return false;
    return std::any_of(networks->begin(), networks->end(), [&](const spec::Network& network) {
        const std::optional<Parsed> base = parse(network.address);
        if (!base) return false;
        const unsigned bits = base->v4 ? mapped_bits + network.bits : network.bits;
        return bits <= 128 && same_prefix(address->address, base->address, bits);
    });
}

}  // namespace dst
