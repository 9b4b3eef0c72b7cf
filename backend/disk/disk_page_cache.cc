// What DiskEngine reads through the page cache while it writes past it; see docs/netnode.md.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "disk/disk_engine.h"

namespace dst {
namespace {

/// Reads of at most this length go through the page cache, when they are the first of a place, too.
constexpr std::uint64_t small_read_max = 64u << 10;

/// The kernel waits inside the call, RWF_NOWAIT or not, when a read of what the page cache lacks finds no free place in
/// the queue of the disk (a direct read is left to a thread of the kernel's then). So the page cache is left alone
/// while the disk is so slow, or so many reads through it are under way, that there may be none.
constexpr Duration stalled_after = std::chrono::milliseconds(100);
constexpr std::size_t cached_reads_max = 32;

/// Also the pages of which the extent has only a part, which posix_fadvise would keep.
void drop(int fd, const Extent& extent) noexcept {
    static const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t begin = extent.offset / page_bytes * page_bytes;
    const std::uint64_t end = (extent.end() + page_bytes - 1) / page_bytes * page_bytes;
    static_cast<void>(
        posix_fadvise(fd, static_cast<off_t>(begin), static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED));
}

}  // namespace

DiskEngine::CacheUse DiskEngine::use_of_page_cache(const Request& request, TimePoint now) const {
    if (!history_ || request.operation != Operation::read || zeroing_ != 0) return CacheUse::none;
    if (cached_reads_ >= cached_reads_max) return CacheUse::none;
    if (!jobs_.empty() && now - jobs_.front().started > stalled_after) return CacheUse::none;
    if (history_->knows(request.extent)) return CacheUse::likely;
    return request.extent.length <= small_read_max ? CacheUse::fill : CacheUse::none;
}

/// A read of what is in memory is over before the call returns, so the kernel keeps nothing of the caller's (M12) and
/// own buffers are not needed. Where something is missing the kernel begins to read it.
bool DiskEngine::answer_from_memory(Request& request) {
    const Pieces pieces = request.pieces.first(std::min<std::size_t>(request.pieces.size(), IOV_MAX));
    const ssize_t got = preadv2(medium_.page_cache.get(), reinterpret_cast<const iovec*>(pieces.data()),
                                static_cast<int>(pieces.size()), static_cast<off_t>(request.extent.offset), RWF_NOWAIT);
    if (got < 0 || static_cast<std::uint64_t>(got) != request.extent.length) return false;
    request.complete(Errc::ok);
    return true;
}

/// A direct write to what the page cache holds would be left to a thread of the kernel's, which is slower.
void DiskEngine::make_way_for_write(const Extent& extent) {
    if (history_ && history_->changed(extent)) drop(medium_.page_cache.get(), extent);
}

/// A read beside it may have brought in what was there before; the kernel removes that only after changes that succeed.
void DiskEngine::change_failed(const Extent& extent) noexcept {
    if (history_) drop(medium_.page_cache.get(), extent);
}

}  // namespace dst
