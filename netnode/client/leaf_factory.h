#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "block/leaf.h"

namespace dst {

/// Where an export is.
struct NetnodeAddress {
    std::string address;  ///< IPv4, IPv6 without brackets, or a name
    std::uint16_t port = 0;
    std::string export_name;
    unsigned connections = 1;
    std::string name;  ///< of the leaf, for messages; empty: "address:port/export"
};

/// A leaf on an export of a netnode, over TCP.
std::unique_ptr<Leaf> make_netnode_leaf(AsioLoop& loop, EventSink& events, const NetnodeAddress& where);

}  // namespace dst
