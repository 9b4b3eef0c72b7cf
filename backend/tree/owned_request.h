#pragma once

#include <functional>

#include "block/block_device.h"

namespace dst {

/// What a request beside the data path is asked to do; its memory is its own.
struct OwnedOrder {
    Operation operation = Operation::read;
    Extent extent;
    Bytes bytes;  ///< write: the payload; read: filled to the extent's length
    bool fua = false;
};

/// Submits such a request and calls `done` when it has completed, never from inside. Allocates.
void submit_owned(BlockDevice& device, OwnedOrder order, std::function<void(Errc, Bytes)> done);

}  // namespace dst
