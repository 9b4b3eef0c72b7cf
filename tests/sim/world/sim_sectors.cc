#include "simworld/sim_sectors.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "block/assert.h"

namespace dst::sim {

SimSectors& SimSectors::operator=(const SimSectors& other) {
    if (this == &other) return *this;
    pages_.clear();
    for (const auto& [number, page] : other.pages_) pages_.emplace(number, std::make_unique<Page>(*page));
    return *this;
}

Bytes SimSectors::read(const Extent& extent) const {
    DST_ASSERT(extent.offset % sector_bytes == 0 && extent.length % sector_bytes == 0);
    constexpr std::uint64_t page_bytes = page_sectors * sector_bytes;
    Bytes bytes(extent.length);
    for (std::uint64_t at = extent.offset; at < extent.end();) {
        const std::uint64_t within = at % page_bytes;
        const std::uint64_t part = std::min(page_bytes - within, extent.end() - at);
        const auto found = pages_.find(at / page_bytes);
        if (found != pages_.end()) {
            std::memcpy(bytes.data() + (at - extent.offset), found->second->sectors[within / sector_bytes].data(),
                        part);
        }
        at += part;
    }
    return bytes;
}

SimSectors::Sector SimSectors::read(std::uint64_t index) const {
    const auto found = pages_.find(index / page_sectors);
    return found == pages_.end() ? Sector{} : found->second->sectors[index % page_sectors];
}

bool SimSectors::is_zero(std::uint64_t index) const {
    const auto found = pages_.find(index / page_sectors);
    return found == pages_.end() || !found->second->not_zero[index % page_sectors];
}

void SimSectors::write(std::uint64_t index, const Sector& bytes) {
    static constexpr Sector zero{};
    const bool not_zero = std::memcmp(bytes.data(), zero.data(), sector_bytes) != 0;
    auto found = pages_.find(index / page_sectors);
    if (found == pages_.end()) {
        if (!not_zero) return;
        found = pages_.emplace(index / page_sectors, std::make_unique<Page>()).first;
    }
    Page& page = *found->second;
    page.sectors[index % page_sectors] = bytes;
    page.not_zero[index % page_sectors] = not_zero;
    if (page.not_zero.none()) pages_.erase(found);
}

void SimSectors::cut_at(std::uint64_t index) {
    std::vector<std::uint64_t> behind;
    for (const auto& [number, page] : pages_) {
        if ((number + 1) * page_sectors > index) behind.push_back(number);
    }
    for (const std::uint64_t number : behind) {
        for (std::uint64_t at = std::max(index, number * page_sectors); at < (number + 1) * page_sectors; ++at) {
            write(at, Sector{});
        }
    }
}

}  // namespace dst::sim
