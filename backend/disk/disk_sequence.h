#pragma once

#include <sys/types.h>

#include <string>

namespace dst {

/// The kernel's sequence number of a disk: told apart from every other attachment of a disk in this boot. Empty where
/// the kernel has none.
std::string disk_sequence(dev_t device);
/// Of the block device that is open as `fd`, also of a partition where the kernel tells.
std::string disk_sequence(int fd, dev_t device);

}  // namespace dst
