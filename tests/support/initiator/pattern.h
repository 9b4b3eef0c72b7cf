#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace initiator {

inline constexpr std::size_t sector_bytes = 512;

/// Fills whole 512-byte sectors with data that depends on seed, sector number and version, so that a sector that is
/// stale, misplaced or torn is told from the right one. Version 0 is all zeroes: never written.
void fill_sectors(std::span<std::byte> data, std::uint64_t first_sector, std::uint64_t seed, std::uint64_t version);

/// The index of the first sector that differs from what fill_sectors would have made.
std::optional<std::size_t> first_difference(std::span<const std::byte> data, std::uint64_t first_sector,
                                            std::uint64_t seed, std::uint64_t version);

}  // namespace initiator
