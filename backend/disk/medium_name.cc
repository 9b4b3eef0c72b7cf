#include "disk/medium_name.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include "disk/disk_sequence.h"

namespace dst {
namespace {

/// What could be opened as a medium, told apart from every other.
struct Named {
    bool block_device = false;
    dev_t device = 0;  ///< of a file: where it lies
    ino_t inode = 0;   ///< of a file
    std::string disk_sequence;
    std::uint64_t size_bytes = 0;
};

/// None: nothing that could be opened; a medium that is still being made is empty at first.
std::optional<Named> medium_at(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    Named named;
    if (S_ISREG(status.st_mode)) {
        named.device = status.st_dev;
        named.inode = status.st_ino;
        named.size_bytes = static_cast<std::uint64_t>(status.st_size);
    } else if (S_ISBLK(status.st_mode)) {
        // Without O_EXCL: it may be the one that is open.
        const OwnedFd looked_at(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!looked_at || fstat(looked_at.get(), &status) != 0 || !S_ISBLK(status.st_mode)) return std::nullopt;
        named.block_device = true;
        named.device = status.st_rdev;
        named.disk_sequence = disk_sequence(looked_at.get(), status.st_rdev);
        named.size_bytes = medium_size_bytes(looked_at.get(), true);
    }
    if (named.size_bytes == 0) return std::nullopt;
    return named;
}

}  // namespace

NameFinding look_at_path(const std::string& path, const OpenedAs& opened) {
    struct stat open_one {};
    const std::optional<Named> named = medium_at(path);
    if (!named || fstat(opened.fd->get(), &open_one) != 0) return NameFinding::same;
    if (named->block_device != opened.block_device) return NameFinding::another;
    const bool same = opened.block_device
                          ? named->device == open_one.st_rdev && named->disk_sequence == opened.disk_sequence
                          : named->device == open_one.st_dev && named->inode == open_one.st_ino;
    if (!same) return NameFinding::another;
    if (named->size_bytes == opened.size_bytes) return NameFinding::same;
    return named->size_bytes > opened.size_bytes ? NameFinding::grown : NameFinding::shrunk;
}

}  // namespace dst
