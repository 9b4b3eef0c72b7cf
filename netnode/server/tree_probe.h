#pragma once

#include <string>

#include "asio/asio_loop.h"
#include "block/block_device.h"
#include "block/leaf.h"

namespace dst {

/// What libblkid sees on a device that is no file: its beginning and its end, where all signatures lie, are copied into
/// a sparse file in memory. The device stays until `done` is called.
void probe_tree(AsioLoop& loop, BlockDevice& device, const std::string& name, Callback<Probe> done);

}  // namespace dst
