#pragma once

#include <cstdint>
#include <optional>

#include "block/block_device.h"
#include "block/error.h"

namespace dst {

/// Looks for data that nobody may know: reads all of `within` when that is 4 MiB at most, else 1 MiB at both its ends
/// and places between. `within` is of whole blocks. Answers where the first place lies that is not all zero, nothing
/// when all that was read is, or what the device failed at. The device must live until then.
void find_data(BlockDevice& device, const Extent& within, Callback<std::optional<std::uint64_t>> done);

}  // namespace dst
