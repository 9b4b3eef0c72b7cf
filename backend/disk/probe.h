#pragma once

#include <cstdint>
#include <string>

#include "block/leaf.h"

namespace dst {

/// What libblkid knows of the bytes behind `fd` (a filesystem, a partition table, LVM, md, swap): "ext4 filesystem";
/// empty when nothing. Blocks. The descriptor must not be O_DIRECT.
Result<std::string> find_signature(int fd);

/// Probes the medium open as `fd`, without using its file position or its lock. Blocks. label_state is the caller's.
Result<Probe> probe_medium(int fd, const std::string& path, std::uint64_t size_bytes);

}  // namespace dst
