#include "client/leaf_factory.h"

#include "asio/tcp_link.h"
#include "session/remote_leaf.h"

namespace dst {

std::unique_ptr<Leaf> make_netnode_leaf(AsioLoop& loop, EventSink& events, const NetnodeAddress& where) {
    RemoteLeafOptions options;
    options.export_name = where.export_name;
    options.connections = where.connections;
    options.name =
        where.name.empty() ? format_endpoint(where.address, where.port) + "/" + where.export_name : where.name;
    LinkFactory make_link = [&loop, address = where.address, port = where.port] {
        return make_tcp_link(loop, address, port);
    };
    return std::make_unique<RemoteLeaf>(loop, events, std::move(options), std::move(make_link));
}

}  // namespace dst
