#pragma once

#include <memory>
#include <string>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "block/leaf.h"
#include "disk/options.h"

namespace dst {

/// A leaf on the file or block device at `path` (absolute), named by it.
std::unique_ptr<Leaf> make_disk_leaf(AsioLoop& loop, EventSink& events, const std::string& path,
                                     const DiskOptions& options = {});

}  // namespace dst
