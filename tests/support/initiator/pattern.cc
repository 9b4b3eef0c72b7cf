#include "pattern.h"

#include <array>
#include <cstring>

namespace initiator {
namespace {

std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

void fill_sector(std::byte* to, std::uint64_t sector, std::uint64_t seed, std::uint64_t version) {
    if (version == 0) {
        std::memset(to, 0, sector_bytes);
        return;
    }
    std::uint64_t state = mix(seed ^ mix(sector ^ mix(version)));
    std::array<std::uint64_t, sector_bytes / 8> words;
    words[0] = sector;
    words[1] = version;
    for (std::size_t i = 2; i < words.size(); ++i) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        words[i] = state ^ (state >> 29);
    }
    std::memcpy(to, words.data(), sector_bytes);
}

}  // namespace

void fill_sectors(std::span<std::byte> data, std::uint64_t first_sector, std::uint64_t seed, std::uint64_t version) {
    for (std::size_t at = 0; at + sector_bytes <= data.size(); at += sector_bytes) {
        fill_sector(data.data() + at, first_sector + at / sector_bytes, seed, version);
    }
}

std::optional<std::size_t> first_difference(std::span<const std::byte> data, std::uint64_t first_sector,
                                            std::uint64_t seed, std::uint64_t version) {
    std::array<std::byte, sector_bytes> expected;
    for (std::size_t at = 0; at + sector_bytes <= data.size(); at += sector_bytes) {
        fill_sector(expected.data(), first_sector + at / sector_bytes, seed, version);
        if (std::memcmp(data.data() + at, expected.data(), sector_bytes) != 0) return at / sector_bytes;
    }
    return std::nullopt;
}

}  // namespace initiator
