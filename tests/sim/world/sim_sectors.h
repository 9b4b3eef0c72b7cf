#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "block/buffer.h"
#include "block/extent.h"

namespace dst::sim {

/// The sectors of a simulated medium: what was never written, or is zero, takes no memory.
class SimSectors {
public:
    static constexpr std::uint64_t sector_bytes = 512;
    using Sector = std::array<std::byte, sector_bytes>;

    SimSectors() = default;
    SimSectors(const SimSectors& other) { *this = other; }
    SimSectors(SimSectors&&) = default;
    SimSectors& operator=(const SimSectors& other);
    SimSectors& operator=(SimSectors&&) = default;
    ~SimSectors() = default;

    /// In whole sectors.
    Bytes read(const Extent& extent) const;
    Sector read(std::uint64_t index) const;
    void write(std::uint64_t index, const Sector& bytes);
    bool all_zero() const noexcept { return pages_.empty(); }
    bool is_zero(std::uint64_t index) const;
    /// Zeroes the sectors from `index` on.
    void cut_at(std::uint64_t index);

private:
    static constexpr std::uint64_t page_sectors = 32;
    /// Goes when its last sector becomes zero.
    struct Page {
        std::array<Sector, page_sectors> sectors{};
        std::bitset<page_sectors> not_zero;
    };
    std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
};

}  // namespace dst::sim
