#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace initiator {

/// What one sector holds: zeroes, a version of the pattern, one version repeated (WRITE SAME), or nobody knows.
using Content = std::uint32_t;
inline constexpr Content content_zeroes = 0;
inline constexpr Content content_anything = 0xffffffffU;
inline constexpr Content content_same_bit = 0x80000000U;  ///< every sector is the pattern of sector 0

struct SectorRange {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

/// What every sector of a LUN may hold: what was acknowledged last, and whatever was tried since and has an unknown
/// end. With a path it lies in a mapped file and is right after the death of this process at any moment. Writes whose
/// ranges overlap must not be under way at the same time. Throws std::runtime_error.
class Ledger {
public:
    /// `path` empty: in memory. An existing file goes on with its own seed; `start` is what a new one begins with.
    Ledger(const std::string& path, std::uint64_t sectors, std::uint64_t seed, Content start);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    /// How many sectors the existing file is about.
    static std::uint64_t sectors_of(const std::string& path);

    /// A version that nothing was written with yet.
    Content next_version();
    void fill(std::span<std::byte> data, std::uint64_t first_sector, Content content) const;

    /// Whether another write of unknown end can be remembered for all of the range; a read makes room.
    bool has_room(SectorRange range) const;
    /// Before a write is sent; then either written() or nothing at all.
    void trying(SectorRange range, Content content);
    void written(SectorRange range, Content content);

    /// Judges what was read; the first mistake as text. A sector that might have held several things is settled:
    /// later it must hold what was read now.
    std::optional<std::string> check(std::uint64_t first_sector, std::span<const std::byte> data);

private:
    struct Header;
    struct Sector;
    bool matches(std::span<const std::byte> sector, std::uint64_t number, Content content) const;
    std::string mistake(std::span<const std::byte> data, std::uint64_t number) const;

    void* mapping_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    Header* header_ = nullptr;
    Sector* sectors_ = nullptr;
};

}  // namespace initiator
