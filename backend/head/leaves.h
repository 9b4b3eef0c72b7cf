#pragma once

#include "block/events.h"
#include "head/options.h"
#include "tree/build.h"

namespace dst {

class AsioLoop;

/// Makes the leaves of a production tree: disks of this machine and exports of netnodes. Loop and events must outlive
/// the factory and its leaves.
LeafFactory make_leaf_factory(AsioLoop& loop, EventSink& events, const HeadOptions& options);

}  // namespace dst
