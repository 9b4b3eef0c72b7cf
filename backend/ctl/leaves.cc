#include "ctl/leaves.h"

#include <unistd.h>

#include <variant>

#include "block/assert.h"
#include "client/leaf_factory.h"
#include "disk/leaf_factory.h"

namespace dst::ctl {
namespace {

void collect(const spec::Node& node, std::vector<const spec::Node*>& leaves) {
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (const spec::Node& child : linear->children) collect(child, leaves);
    } else if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (const spec::Node& member : mirror->members) collect(member, leaves);
    } else {
        leaves.push_back(&node);
    }
}

}  // namespace

LeafFactory make_leaf_factory(AsioLoop& loop, EventSink& events) {
    return [&loop, &events](const spec::Node& node) {
        if (const auto* disk = std::get_if<spec::Disk>(&node.what)) return make_disk_leaf(loop, events, disk->path);
        const auto* netnode = std::get_if<spec::Netnode>(&node.what);
        DST_ASSERT(netnode != nullptr);
        return make_netnode_leaf(
            loop, events, {netnode->address, netnode->port, netnode->export_name, netnode->connections, node.name});
    };
}

std::vector<const spec::Node*> leaves_of(const spec::Node& node) {
    std::vector<const spec::Node*> leaves;
    collect(node, leaves);
    return leaves;
}

std::string program_and_host() {
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    return "dstctl[" + std::to_string(::getpid()) + "] on " + host;
}

}  // namespace dst::ctl
