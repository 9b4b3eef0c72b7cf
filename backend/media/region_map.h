#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "block/error.h"
#include "block/extent.h"
#include "block/id.h"
#include "media/layout.h"

namespace dst {

/// Consecutive regions [first, first + count).
struct RegionRun {
    std::uint64_t first = 0;
    std::uint64_t count = 0;

    constexpr std::uint64_t end() const noexcept { return first + count; }
    bool operator==(const RegionRun&) const = default;
};

/// One bit per region of a mirror (docs/mirror.md: intent and owed maps), with what is needed to write only the 4 KiB
/// slots that changed. All operations but those over the whole map cost the words they touch; count() is kept. A map
/// of 16 TiB at 16 MiB regions takes 128 KiB.
class RegionMap {
public:
    /// No regions.
    RegionMap() = default;
    /// All bits clear, all slots clean. `region_bytes` is a power of two.
    RegionMap(std::uint64_t regions, std::uint64_t region_bytes);

    std::uint64_t regions() const noexcept { return regions_; }
    std::uint64_t region_bytes() const noexcept { return region_bytes_; }

    /// The regions that `extent` touches, cut at the end of the map; count 0 for an empty extent.
    RegionRun regions_of(const Extent& extent) const noexcept;
    /// The bytes of a run; the last region may reach beyond the mirror's data.
    Extent extent_of(const RegionRun& run) const noexcept;

    bool test(std::uint64_t region) const noexcept;
    /// True when all / any of the run's bits are set. An empty run: all true, any false.
    bool test_all(const RegionRun& run) const noexcept;
    bool test_any(const RegionRun& run) const noexcept;

    /// Each marks the slots it changed as dirty, and no others. True when a bit changed.
    bool set(std::uint64_t region) noexcept;
    bool clear(std::uint64_t region) noexcept;
    bool set(const RegionRun& run) noexcept;
    bool clear(const RegionRun& run) noexcept;
    void set_all() noexcept;
    void clear_all() noexcept;
    /// Sets every bit that `other` has. Both maps must have the same regions.
    void unite(const RegionMap& other) noexcept;

    std::uint64_t count() const noexcept { return count_; }
    bool any() const noexcept { return count_ != 0; }

    /// The first run of set bits at or after `from`; none: no such bit. Iterate with from = run.end().
    std::optional<RegionRun> next_run(std::uint64_t from) const noexcept;

    /// The first region at or after `from` that is set here and in neither of the two, which have the same regions.
    std::optional<std::uint64_t> next_in_neither(std::uint64_t from, const RegionMap& one,
                                                 const RegionMap& other) const noexcept;

    std::uint64_t slots() const noexcept { return slots_; }
    static constexpr std::uint64_t slot_of(std::uint64_t region) noexcept { return region / map_slot_regions; }
    /// Changed since mark_slot_clean(). Mark a slot clean when its write is submitted: what changes meanwhile makes it
    /// dirty again. A write that failed: mark_slot_dirty().
    bool slot_dirty(std::uint64_t slot) const noexcept;
    std::optional<std::uint64_t> next_dirty_slot(std::uint64_t from) const noexcept;
    void mark_slot_dirty(std::uint64_t slot) noexcept;
    void mark_slot_clean(std::uint64_t slot) noexcept;
    void mark_all_slots_dirty() noexcept;

    /// Same regions, same bits; dirtiness does not count.
    bool same_bits(const RegionMap& other) const noexcept;

    /// The 64-bit words of one slot, for encoding; bits beyond the last region are zero.
    std::span<const std::uint64_t> slot_words_of(std::uint64_t slot) const noexcept;
    /// Replaces word `index` of a slot, for decoding; bits beyond the last region are left out.
    void replace_slot_word(std::uint64_t slot, std::uint64_t index, std::uint64_t bits) noexcept;

private:
    bool change(const RegionRun& run, bool to) noexcept;
    bool change_word(std::uint64_t word, std::uint64_t mask, bool to) noexcept;

    std::uint64_t regions_ = 0;
    std::uint64_t region_bytes_ = 0;
    std::uint64_t slots_ = 0;
    std::uint64_t count_ = 0;
    std::vector<std::uint64_t> words_;  ///< region r is bit r % 64 of word r / 64; none set beyond regions_
    std::vector<std::uint64_t> dirty_;  ///< one bit per slot
};

enum class MapKind : std::uint8_t { intent = 1, owed = 2 };

/// Whose map a slot is. A slot that names another one reads as all ones.
struct MapIdentity {
    Id mirror;
    MapKind kind = MapKind::intent;
    std::uint32_t member = 0;  ///< owed: the number of the member that lacks the regions; intent: 0

    bool operator==(const MapIdentity&) const = default;
};

/// When a slot was written. `sequence` orders the two copies of one place and goes on when the place is given to
/// another map, so that an older copy never comes back to life.
struct MapStamp {
    std::uint64_t sequence = 1;
    std::uint64_t revision = 0;  ///< of the mirror's record when the slot was written
    bool operator==(const MapStamp&) const = default;
};

/// One slot of a map, to be written.
struct MapSlot {
    MapIdentity identity;
    std::uint64_t slot = 0;
    std::uint64_t regions = 0;  ///< of the whole map
    std::uint64_t region_bytes = 0;
    std::span<const std::uint64_t> words;  ///< of this slot
};
/// Valid as long as the map is and does not change.
MapSlot slot_of_map(const RegionMap& map, const MapIdentity& identity, std::uint64_t slot) noexcept;

/// Writes a slot as it lies on a member: `into` is exactly map_slot_bytes long.
void encode_map_slot(const MapSlot& slot, const MapStamp& stamp, std::span<std::byte> into) noexcept;

/// What a slot says of itself, for `dstctl inspect` and for places given to other maps.
struct MapSlotHeader {
    MapIdentity identity;
    std::uint64_t slot = 0;
    std::uint64_t regions = 0;  ///< of the whole map
    std::uint64_t region_bytes = 0;
    MapStamp stamp;
    std::uint64_t set_bits = 0;  ///< in this slot
};
/// Of one copy. Survives any bytes.
Result<MapSlotHeader> decode_map_slot_header(std::span<const std::byte> copy);
/// True for a copy that is not good only because a write of it was interrupted. Survives any bytes.
bool is_torn_map_slot(std::span<const std::byte> copy) noexcept;
/// Of the copy that counts, none when the slot reads as all ones. A copy that could not be read is an empty span.
std::optional<MapSlotHeader> find_map_slot(std::span<const std::byte> first, std::span<const std::byte> second);

/// Where the next write of one slot goes on one member: never the newest good copy.
struct MapSlotPlace {
    unsigned copy = 0;
    std::uint64_t sequence = 1;
    unsigned bad_copies = 0;  ///< to be written, so that a later one that rots is told from one that never was good

    /// After a write to `copy` became durable. A write that failed leaves the place as it is.
    void advance() noexcept {
        copy ^= 1u;
        ++sequence;
        if (bad_copies != 0) --bad_copies;
    }
    bool operator==(const MapSlotPlace&) const = default;
};

struct MapSlotChoice {
    bool good = false;           ///< the bits come from the medium; else the slot's regions were all set
    std::uint64_t revision = 0;  ///< of the copy that counted; 0 unless good
    MapSlotPlace next;
};

/// Takes one slot from its two copies into `map`, replacing the slot's bits, and marks it clean. A copy that could not
/// be read is an empty span. The newest good copy counts, unless the other one is neither good, nor torn by a write
/// that was interrupted, nor known to be older: it may have been newer. Then, when no copy is good (fresh zeroes
/// included, so init writes the maps), and when the one that counts names another mirror, kind, member, slot, number of
/// regions or region size, all regions of the slot are set and the slot is marked dirty.
MapSlotChoice choose_map_slot(std::span<const std::byte> first, std::span<const std::byte> second,
                              const MapIdentity& identity, std::uint64_t slot, RegionMap& map) noexcept;

}  // namespace dst
