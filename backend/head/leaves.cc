#include "head/leaves.h"

#include <utility>
#include <variant>

#include "asio/asio_loop.h"
#include "block/assert.h"
#include "client/leaf_factory.h"
#include "disk/leaf_factory.h"

namespace dst {

LeafFactory make_leaf_factory(AsioLoop& loop, EventSink& events, const HeadOptions& options) {
    DiskOptions disk_options;
    disk_options.run_dir = options.run_dir;
    return [&loop, &events, disk_options = std::move(disk_options)](const spec::Node& node) {
        if (const auto* disk = std::get_if<spec::Disk>(&node.what)) {
            return make_disk_leaf(loop, events, disk->path, disk_options);
        }
        const auto* netnode = std::get_if<spec::Netnode>(&node.what);
        DST_ASSERT(netnode != nullptr);
        return make_netnode_leaf(
            loop, events, {netnode->address, netnode->port, netnode->export_name, netnode->connections, node.name});
    };
}

}  // namespace dst
