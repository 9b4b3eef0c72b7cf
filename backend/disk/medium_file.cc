#include "disk/medium_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "asio/lock_holder.h"
#include "disk/disk_sequence.h"

namespace dst {
namespace {

constexpr std::uint32_t sector_bytes = 512;
constexpr std::uint32_t page_bytes = 4096;

Error medium_failure(const std::string& path, const char* what, int error) {
    std::string text = path + ": cannot " + what + ": " + std::strerror(error);
    if (error == EACCES || error == EPERM) {
        text += "; the user that this process runs as (uid " + std::to_string(::geteuid()) +
                ") may not open it: change its owner or mode";
    }
    return {errc_from_errno(error), std::move(text)};
}

Result<void> check_kind(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return Error{Errc::not_found, path + " does not exist"};
        return medium_failure(path, "look at it", errno);
    }
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return {};
    return Error{Errc::invalid_argument,
                 path + (S_ISDIR(status.st_mode) ? " is a directory" : " is neither a file nor a block device") +
                     "; a disk is a regular file or a block device"};
}

/// Who else has it open. This process itself has when the storage file names one disk twice, through a link or
/// otherwise.
std::string used_by(const std::string& holder, const std::string& unknown) {
    if (holder.empty()) return unknown;
    if (!holder.ends_with("[" + std::to_string(::getpid()) + "]")) return holder;
    return holder + " itself: the same disk is named twice, perhaps through a link, in one file or in two";
}

Error in_use(const std::string& path, int error) {
    const OwnedFd looked_at(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const std::string holder = looked_at ? describe_holder(looked_at.get()) : std::string();
    if (error == EROFS) return {Errc::refused, path + " is read-only"};
    return {Errc::busy, path + " is in use: " + used_by(holder, "by somebody else")};
}

Result<OwnedFd> open_descriptor(const std::string& path, bool block_device, bool& direct) {
    const int flags = O_RDWR | O_CLOEXEC | (block_device ? O_EXCL : 0);
    OwnedFd fd;
    if (direct) fd = OwnedFd(::open(path.c_str(), flags | O_DIRECT));
    if (!fd && (!direct || errno == EINVAL)) {
        direct = false;
        fd = OwnedFd(::open(path.c_str(), flags));
    }
    if (fd) return Result<OwnedFd>(std::move(fd));
    const int error = errno;
    if (error == EBUSY || error == EROFS) return in_use(path, error);
    if (error == ETXTBSY) return Error{Errc::busy, path + " is in use: it is a running program or a swap file"};
    return medium_failure(path, "open it for reading and writing", error);
}

Result<void> lock_medium(const std::string& path, int fd) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return {};
    if (errno != EAGAIN && errno != EACCES) return medium_failure(path, "lock it", errno);
    const std::string holder = describe_holder(fd);
    return Error{Errc::busy,
                 path + " is locked by " + used_by(holder, "another process") + "; a medium has one user at a time"};
}

/// Whether reads of `bytes` at offset 0 into aligned memory work with O_DIRECT.
bool reads_directly(int fd, std::size_t bytes) {
    alignas(page_bytes) static thread_local std::array<std::byte, page_bytes> buffer;
    return pread(fd, buffer.data(), bytes, 0) >= 0 || errno != EINVAL;
}

std::uint64_t queue_limit(dev_t device, const char* name) {
    const std::string base = "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
    for (const char* queue : {"/queue/", "/../queue/"}) {  // a partition has its disk's queue
        std::ifstream file(base + queue + name);
        std::uint64_t value = 0;
        if (file >> value) return value;
    }
    return 0;
}

Result<void> measure_block_device(const std::string& path, OpenedMedium& medium) {
    const int fd = medium.fd->get();
    int logical = 0;
    unsigned physical = 0;
    int read_only = 0;
    struct stat status {};
    if (ioctl(fd, BLKSSZGET, &logical) != 0 || ioctl(fd, BLKPBSZGET, &physical) != 0 ||
        ioctl(fd, BLKROGET, &read_only) != 0 || fstat(fd, &status) != 0) {
        return medium_failure(path, "ask for its block sizes", errno);
    }
    if (read_only != 0) return Error{Errc::refused, path + " is read-only"};
    medium.disk_sequence = disk_sequence(fd, status.st_rdev);
    Geometry& geometry = medium.geometry;
    geometry.logical_block_bytes = static_cast<std::uint32_t>(logical);
    geometry.physical_block_bytes = std::max<std::uint32_t>(physical, geometry.logical_block_bytes);
    geometry.fast_zeroes = queue_limit(status.st_rdev, "write_zeroes_max_bytes") != 0;
    geometry.can_unmap = geometry.fast_zeroes && queue_limit(status.st_rdev, "discard_max_bytes") != 0;
    return {};
}

void measure_file(OpenedMedium& medium, std::uint64_t size_bytes) {
    const int fd = medium.fd->get();
    Geometry& geometry = medium.geometry;
    geometry.logical_block_bytes = sector_bytes;
    if (medium.direct && !reads_directly(fd, sector_bytes)) {
        geometry.logical_block_bytes = page_bytes;
        if (!reads_directly(fd, page_bytes)) {
            medium.direct = false;
            geometry.logical_block_bytes = sector_bytes;
            static_cast<void>(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_DIRECT));
        }
    }
    geometry.physical_block_bytes = page_bytes;
    // Beyond the end there is nothing to punch: this only asks whether the filesystem knows how.
    const auto beyond = static_cast<off_t>((size_bytes + page_bytes - 1) / page_bytes * page_bytes);
    geometry.can_unmap = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, beyond, page_bytes) == 0;
    geometry.fast_zeroes = geometry.can_unmap;
}

/// The file once more, without O_DIRECT; none where a direct write is not sure to remove what the page cache holds of
/// its range, also when a read brings it in while the write runs. ext4 and XFS do so before a write ends (iomap); Linux
/// 6.1 does not for block devices.
OwnedFd open_page_cache(int fd) {
    struct statfs filesystem {};
    if (fstatfs(fd, &filesystem) != 0) return {};
    if (filesystem.f_type != EXT4_SUPER_MAGIC && filesystem.f_type != XFS_SUPER_MAGIC) return {};
    OwnedFd again(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
    if (!again) return again;
    // What the page cache has from before goes: after a failed flush it may hold what the disk has lost.
    static_cast<void>(posix_fadvise(again.get(), 0, 0, POSIX_FADV_DONTNEED));
    // No read-ahead: what comes next is the initiator's to say.
    static_cast<void>(posix_fadvise(again.get(), 0, 0, POSIX_FADV_RANDOM));
    return again;
}

/// What this machine knows of the file. Nothing is asked of whoever keeps it, who may not answer (FUSE, NFS).
bool look_without_asking(int fd, struct statx& found) {
    return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_NLINK | STATX_SIZE, &found) == 0;
}

}  // namespace

std::uint64_t medium_size_bytes(int fd, bool block_device) {
    if (block_device) {
        std::uint64_t size = 0;
        return ioctl(fd, BLKGETSIZE64, &size) == 0 ? size : 0;
    }
    struct statx found {};
    return look_without_asking(fd, found) ? found.stx_size : 0;
}

bool medium_deleted(int fd) {
    struct statx found {};
    return look_without_asking(fd, found) && S_ISREG(found.stx_mode) && found.stx_nlink == 0;
}

Result<OpenedMedium> open_medium(const std::string& path, const DiskOptions& options) {
    if (auto kind = check_kind(path); kind.has_error()) return kind.error();
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return medium_failure(path, "look at it", errno);
    OpenedMedium medium;
    medium.block_device = S_ISBLK(status.st_mode);
    medium.direct = options.direct;
    Result<OwnedFd> fd = open_descriptor(path, medium.block_device, medium.direct);
    if (fd.has_error()) return fd.error();
    medium.fd = std::make_shared<const OwnedFd>(std::move(*fd));
    if (auto locked = lock_medium(path, medium.fd->get()); locked.has_error()) return locked.error();
    if (const std::string user = describe_loop_user(medium.fd->get()); !user.empty()) {
        return Error{Errc::busy, path + " is " + user + "; a medium has one user at a time"};
    }

    const std::uint64_t size_bytes = medium_size_bytes(medium.fd->get(), medium.block_device);
    if (size_bytes == 0) return Error{Errc::invalid_argument, path + " is empty; a disk needs a size"};
    medium.size_bytes = size_bytes;
    if (medium.block_device) {
        if (auto measured = measure_block_device(path, medium); measured.has_error()) return measured.error();
    } else {
        measure_file(medium, size_bytes);
        if (medium.direct && options.cached_reads) medium.page_cache = open_page_cache(medium.fd->get());
    }
    medium.geometry.size_bytes = size_bytes / medium.geometry.logical_block_bytes * medium.geometry.logical_block_bytes;
    const std::string run_dir = options.run_dir.empty() ? default_run_dir() : options.run_dir;
    medium.incarnation = IncarnationKeeper::open(run_dir, medium.fd->get(), size_bytes);
    return Result<OpenedMedium>(std::move(medium));
}

}  // namespace dst
