#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "block/block_device.h"

namespace dst {

/// What was read lately and not written since, as far as a table of fixed size can tell: what is not read again goes
/// past the page cache, as a backup does, and what was not read is not looked for there. Collisions make it know up to
/// every eighth block wrongly, which costs time and nothing else.
class ReadHistory {
public:
    static constexpr std::uint64_t block_bytes = 4096;

    /// Begins anew when so many bytes have been read that were not known: what is read again only after that would not
    /// be in the page cache any more.
    explicit ReadHistory(std::uint64_t memory_bytes);

    /// All of it was read lately.
    bool knows(const Extent& extent) const;
    void read(const Extent& extent);
    /// Notes a change. True when some of it was known.
    bool changed(const Extent& extent);

private:
    static constexpr std::size_t places = 1u << 22;

    static std::size_t place(std::uint64_t block) noexcept;

    std::vector<bool> known_;
    std::size_t count_ = 0;
    std::size_t count_max_;
};

/// Bytes of this machine's memory that disks may expect to find cached: a quarter.
std::uint64_t cacheable_bytes();

}  // namespace dst
