#include "disk/read_history.h"

#include <unistd.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dst {

ReadHistory::ReadHistory(std::uint64_t memory_bytes)
    : known_(places), count_max_(std::clamp<std::uint64_t>(memory_bytes / block_bytes, 1, places / 8)) {}

std::size_t ReadHistory::place(std::uint64_t block) noexcept { return XXH3_64bits(&block, sizeof block) % places; }

bool ReadHistory::knows(const Extent& extent) const {
    for (std::uint64_t block = extent.offset / block_bytes; block * block_bytes < extent.end(); ++block) {
        if (!known_[place(block)]) return false;
    }
    return true;
}

void ReadHistory::read(const Extent& extent) {
    for (std::uint64_t block = extent.offset / block_bytes; block * block_bytes < extent.end(); ++block) {
        const std::size_t at = place(block);
        if (known_[at]) continue;
        known_[at] = true;
        if (++count_ < count_max_) continue;
        known_.assign(places, false);
        count_ = 0;
    }
}

bool ReadHistory::changed(const Extent& extent) {
    bool some = false;
    for (std::uint64_t block = extent.offset / block_bytes; block * block_bytes < extent.end(); ++block) {
        const std::size_t at = place(block);
        if (!known_[at]) continue;
        some = true;
        known_[at] = false;
        --count_;
    }
    return some;
}

std::uint64_t cacheable_bytes() {
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page = sysconf(_SC_PAGESIZE);
    return pages <= 0 || page <= 0 ? 0 : static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 4;
}

}  // namespace dst
