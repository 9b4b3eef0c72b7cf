#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "block/error.h"

namespace dst {

/// The 32 bytes that begin every copy of everything that is kept (docs/disk_format.md): magic, version, CRC-32C,
/// sequence, length. The checksum covers the first `length` bytes, its own four taken as zero.
inline constexpr std::size_t envelope_bytes = 32;
inline constexpr std::uint32_t format_version = 1;

using Magic = std::array<char, 8>;
inline constexpr Magic label_magic{'D', 'S', 'T', 'L', 'A', 'B', 'E', 'L'};
inline constexpr Magic record_magic{'D', 'S', 'T', 'R', 'E', 'C', 'R', 'D'};
inline constexpr Magic map_magic{'D', 'S', 'T', 'B', 'I', 'T', 'M', 'P'};
inline constexpr Magic journal_magic{'D', 'S', 'T', 'J', 'R', 'N', 'A', 'L'};

/// Completes a copy whose content stands behind the envelope: `copy` is exactly the bytes that count.
void seal(std::span<std::byte> copy, const Magic& magic, std::uint64_t sequence) noexcept;

enum class EnvelopeState {
    good,
    empty,            ///< another magic, or too short for one: nothing of ours
    damaged,          ///< our magic, and a length or checksum that is wrong
    unknown_version,  ///< intact, written by another version of this program
};

struct Envelope {
    EnvelopeState state = EnvelopeState::empty;
    std::uint32_t version = 0;   ///< good and unknown_version
    std::uint64_t sequence = 0;  ///< good and unknown_version
    std::size_t length = 0;      ///< good: bytes that count, envelope included; at most the copy's size
};

/// Checks any bytes.
Envelope open_envelope(std::span<const std::byte> copy, const Magic& magic) noexcept;

/// Why `envelope` is not good, for messages; `what` is "label", "record"... Code corrupt, not_found when empty, or
/// not_supported for an unknown version.
Error envelope_error(const Envelope& envelope, std::string_view what);

/// Which of two copies counts: 0 or 1, or -1 when neither is good. An intact copy of an unknown version that is the
/// newest makes the other one stale: then `newer_version` is set and nothing is chosen.
struct CopyChoice {
    int newest = -1;
    unsigned next = 0;                ///< where the next write goes: never the newest good one
    std::uint64_t next_sequence = 1;  ///< above that of every intact copy
    bool newer_version = false;
    bool damaged = false;  ///< neither counts although something of ours was there
};
CopyChoice choose_copy(const Envelope& first, const Envelope& second) noexcept;

}  // namespace dst
