#pragma once

#include <string>
#include <vector>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "config/spec.h"
#include "tree/build.h"

namespace dst::ctl {

/// Makes the leaves of a tree: disks of this machine and exports of netnodes. Loop and events must outlive the factory
/// and its leaves.
LeafFactory make_leaf_factory(AsioLoop& loop, EventSink& events);

/// The leaves of a tree in reading order; they point into `node`.
std::vector<const spec::Node*> leaves_of(const spec::Node& node);

/// "dstctl[1234] on alpha", for the messages of netnodes.
std::string program_and_host();

}  // namespace dst::ctl
