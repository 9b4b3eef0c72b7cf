#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "block/extent.h"
#include "block/id.h"
#include "block/leaf.h"

namespace dst {

/// The label of one leaf, or of an exported tree (docs/disk_format.md). Kept in two 4 KiB copies in the label area at
/// the very end of the medium.
///
/// `place` says where in the tree the leaf belongs, stable under reordering of a mirror's members in the file: from the
/// root down, ".N" for the N-th child of a linear (from 0), "/N" for the member with number N of a mirror (from 1,
/// given at init or when it is added, never used again). A root that is a leaf has place "-".
/// Example: "/2.0" is the first part of member 2 of the root mirror.
struct Label {
    Id medium;  ///< random, drawn when the medium was labelled
    Id storage;
    std::string storage_name;               ///< for messages; at most 63 bytes
    std::string place;                      ///< at most 255 bytes
    std::uint32_t member = 0;               ///< number in the nearest mirror above; 0: no mirror above
    std::uint64_t size_bytes = 0;           ///< of the leaf, label area not counted
    std::uint32_t logical_block_bytes = 0;  ///< of the whole storage, fixed at init
    Epoch promised;                         ///< M6
    Epoch served;                           ///< M5
    std::uint64_t sequence = 0;             ///< the higher good copy counts

    bool operator==(const Label&) const = default;
};

/// Bytes at the end of a medium that belong to the label; the medium's size is rounded down to 4 KiB first.
inline constexpr std::uint64_t label_area_bytes = 64 * 1024;

/// What is left for a leaf's data on a medium of `medium_bytes`; 0 when there is no room.
std::uint64_t leaf_size_bytes(std::uint64_t medium_bytes) noexcept;

/// Names over their limits are a bug of the caller's.
LabelImage encode_label(const Label& label);
/// Survives any bytes. Errors: not_found (no magic), corrupt, not_supported (a newer version of DST).
Result<Label> decode_label(const LabelImage& image);

/// Where copy 0 or 1 lies on a medium of `medium_bytes`: at the two ends of the label area, as far apart as it allows.
Extent label_copy(std::uint64_t medium_bytes, unsigned copy) noexcept;

/// Both copies as they were read.
struct LabelCopies {
    std::array<LabelImage, 2> images{};
    std::array<bool, 2> readable{};
};

/// What the two copies say together.
struct LabelChoice {
    LabelState state = LabelState::absent;
    LabelImage image{};          ///< the newest good copy; zero unless valid
    std::optional<Label> label;  ///< set when valid
    unsigned next_copy = 0;      ///< where the next label goes: never the newest good copy
    std::uint64_t next_sequence = 1;
    bool one_copy_bad = false;  ///< valid, and the other copy is unreadable or damaged
    Error why{Errc::ok, {}};    ///< damaged, unreadable: the reason
};
LabelChoice choose_label(const LabelCopies& copies);

}  // namespace dst
