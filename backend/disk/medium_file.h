#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "asio/owned_fd.h"
#include "block/block_device.h"
#include "disk/incarnation.h"
#include "disk/options.h"

namespace dst {

/// Which medium is open.
struct OpenedAs {
    std::shared_ptr<const OwnedFd> fd;  ///< the one that does the I/O and carries the lock
    bool block_device = false;
    std::string disk_sequence;     ///< of a block device
    std::uint64_t size_bytes = 0;  ///< when it was opened; the geometry's is of whole blocks
};

/// A medium that is open and locked.
struct OpenedMedium : OpenedAs {
    Geometry geometry;
    bool direct = false;
    OwnedFd page_cache;  ///< the same file for reads through the page cache; see DiskOptions::cached_reads
    std::unique_ptr<IncarnationKeeper> incarnation;
};

/// Opens, locks and sizes the file or block device at `path`. Blocks. Errors say what is wrong and what helps:
/// not_found, invalid_argument (neither file nor block device, empty), refused (permission, read-only), busy (somebody
/// else has it, through a loop device too; who, if that can be seen).
Result<OpenedMedium> open_medium(const std::string& path, const DiskOptions& options);

/// The size now; 0 when it cannot be told any more (the device has gone). Never blocks: of a file that a server keeps
/// (NFS, FUSE), what this machine heard last.
std::uint64_t medium_size_bytes(int fd, bool block_device);

/// The file has no name any more, as far as this machine knows. Never blocks.
bool medium_deleted(int fd);

}  // namespace dst
