#include <algorithm>
#include <array>
#include <bit>

#include "block/assert.h"
#include "media/bytes.h"
#include "media/envelope.h"
#include "media/region_map.h"

namespace dst {
namespace {

constexpr std::size_t header_bytes = map_slot_header_bytes;
constexpr std::size_t sectors = map_slot_bytes / map_sector_bytes;
constexpr std::size_t check_offset = map_sector_bytes - map_sector_check_bytes;
static_assert((header_bytes % 8 == 0) && (check_offset % 8 == 0));

/// The bytes of bits in a sector.
template <typename Byte>
std::span<Byte> bits_of(std::span<Byte> copy, std::size_t sector) noexcept {
    const std::size_t begin = sector == 0 ? header_bytes : 0;
    return copy.subspan(sector * map_sector_bytes + begin, check_offset - begin);
}

/// Of the whole sector, its own four bytes taken as zero; of the first one without the envelope. It must not end the
/// sector: what ends in its own CRC has the same CRC whatever it holds, and the envelope's would tell nothing.
std::uint32_t sector_checksum(std::span<const std::byte> copy, std::size_t sector) noexcept {
    constexpr std::array<std::byte, 4> absent{};
    const std::size_t begin = sector == 0 ? envelope_bytes : 0;
    const std::span<const std::byte> whole = copy.subspan(sector * map_sector_bytes, map_sector_bytes);
    return crc32c({whole.subspan(begin, check_offset - begin), absent, whole.subspan(check_offset + absent.size())});
}

/// One copy as it was found.
struct Opened {
    Envelope envelope;
    bool torn = false;         ///< every sector is as it was written once, and not all at once
    std::uint64_t newest = 0;  ///< sequence of the sectors that are as they were written; 0: there is none
};

Opened open_copy(std::span<const std::byte> copy) noexcept {
    Opened opened;
    opened.envelope = open_envelope(copy, map_magic);
    if (copy.size() != map_slot_bytes) {
        if (opened.envelope.state == EnvelopeState::good) opened.envelope.state = EnvelopeState::damaged;
        return opened;
    }
    std::size_t whole = 0;
    std::uint64_t oldest = 0;
    for (std::size_t sector = 0; sector < sectors; ++sector) {
        ByteReader check(copy.subspan(sector * map_sector_bytes + check_offset, map_sector_check_bytes));
        const std::uint32_t checksum = check.u32();
        check.skip(4);
        const std::uint64_t sequence = check.u64();
        if (checksum != sector_checksum(copy, sector) || sequence == 0) continue;
        oldest = whole == 0 ? sequence : std::min(oldest, sequence);
        opened.newest = std::max(opened.newest, sequence);
        ++whole;
    }
    const bool all = whole == sectors;
    const bool at_once = oldest == opened.newest;
    opened.torn = all && !at_once;
    if (opened.envelope.state == EnvelopeState::good &&
        (!all || !at_once || opened.newest != opened.envelope.sequence || opened.envelope.length != map_slot_bytes)) {
        opened.envelope.state = EnvelopeState::damaged;
    }
    return opened;
}

/// Whether what lies there may have been newer than a good copy with this sequence.
bool may_be_newer(const Opened& copy, std::uint64_t than) noexcept {
    const EnvelopeState state = copy.envelope.state;
    if (state == EnvelopeState::good || state == EnvelopeState::unknown_version || copy.torn) return false;
    return copy.newest == 0 || copy.newest > than;
}

struct Counting {
    int copy = -1;  ///< 0, 1, or neither
    MapSlotPlace next;
};

Counting choose(const std::array<Opened, 2>& copies) noexcept {
    const CopyChoice chosen = choose_copy(copies[0].envelope, copies[1].envelope);
    Counting counting{chosen.newest, {chosen.next, chosen.next_sequence, 0}};
    for (const Opened& copy : copies) {
        counting.next.sequence = std::max(counting.next.sequence, copy.newest + 1);
        if (copy.envelope.state != EnvelopeState::good) ++counting.next.bad_copies;
    }
    if (chosen.newest < 0) return counting;
    const Opened& other = copies[static_cast<std::size_t>(1 - chosen.newest)];
    if (may_be_newer(other, copies[static_cast<std::size_t>(chosen.newest)].envelope.sequence)) counting.copy = -1;
    return counting;
}

/// The fields behind the envelope of an intact slot. False: a kind that is not known.
bool read_header(std::span<const std::byte> copy, const Envelope& envelope, MapSlotHeader& header) noexcept {
    ByteReader reader(copy.first(header_bytes));
    reader.skip(envelope_bytes);
    header.identity.mirror = reader.id();
    const std::uint32_t kind = reader.u32();
    header.identity.member = reader.u32();
    header.slot = reader.u64();
    header.region_bytes = reader.u64();
    header.regions = reader.u64();
    header.stamp.revision = reader.u64();
    header.stamp.sequence = envelope.sequence;
    header.identity.kind = static_cast<MapKind>(kind);
    return reader.ok() &&
           (kind == static_cast<std::uint32_t>(MapKind::intent) || kind == static_cast<std::uint32_t>(MapKind::owed));
}

void take_bits(std::span<const std::byte> copy, std::uint64_t slot, RegionMap& map) noexcept {
    const std::size_t words = map.slot_words_of(slot).size();
    std::size_t word = 0;
    for (std::size_t sector = 0; sector < sectors; ++sector) {
        ByteReader reader(bits_of(copy, sector));
        while (reader.remaining() != 0 && word < words) map.replace_slot_word(slot, word++, reader.u64());
    }
}

std::uint64_t count_bits(std::span<const std::byte> copy) noexcept {
    std::uint64_t count = 0;
    for (std::size_t sector = 0; sector < sectors; ++sector) {
        ByteReader reader(bits_of(copy, sector));
        while (reader.remaining() != 0) count += static_cast<std::uint64_t>(std::popcount(reader.u64()));
    }
    return count;
}

void set_whole_slot(std::uint64_t slot, RegionMap& map) noexcept {
    const std::uint64_t first = slot * map_slot_regions;
    map.set(RegionRun{first, std::min(map_slot_regions, map.regions() - first)});
}

}  // namespace

MapSlot slot_of_map(const RegionMap& map, const MapIdentity& identity, std::uint64_t slot) noexcept {
    return {identity, slot, map.regions(), map.region_bytes(), map.slot_words_of(slot)};
}

void encode_map_slot(const MapSlot& slot, const MapStamp& stamp, std::span<std::byte> into) noexcept {
    DST_ASSERT(into.size() == map_slot_bytes && slot.words.size() * 64 <= map_slot_regions && stamp.sequence != 0);
    ByteWriter writer(into);
    writer.zeroes(envelope_bytes);
    writer.id(slot.identity.mirror);
    writer.u32(static_cast<std::uint32_t>(slot.identity.kind));
    writer.u32(slot.identity.member);
    writer.u64(slot.slot);
    writer.u64(slot.region_bytes);
    writer.u64(slot.regions);
    writer.u64(stamp.revision);
    writer.zeroes(map_slot_bytes - writer.written());
    DST_ASSERT(writer.ok());
    std::size_t word = 0;
    for (std::size_t sector = 0; sector < sectors; ++sector) {
        ByteWriter bits(bits_of(into, sector));
        while (word < slot.words.size() && bits.written() < bits_of(into, sector).size()) bits.u64(slot.words[word++]);
        ByteWriter check(into.subspan(sector * map_sector_bytes + check_offset, map_sector_check_bytes));
        check.u64(0);
        check.u64(stamp.sequence);
        ByteWriter(into.subspan(sector * map_sector_bytes + check_offset, 4)).u32(sector_checksum(into, sector));
    }
    seal(into, map_magic, stamp.sequence);
}

Result<MapSlotHeader> decode_map_slot_header(std::span<const std::byte> copy) {
    const Envelope envelope = open_copy(copy).envelope;
    MapSlotHeader header;
    if (envelope.state != EnvelopeState::good || !read_header(copy, envelope, header)) {
        return envelope_error(envelope, "map slot");
    }
    header.set_bits = count_bits(copy);
    return header;
}

bool is_torn_map_slot(std::span<const std::byte> copy) noexcept { return open_copy(copy).torn; }

std::optional<MapSlotHeader> find_map_slot(std::span<const std::byte> first, std::span<const std::byte> second) {
    const Counting counting = choose({open_copy(first), open_copy(second)});
    if (counting.copy < 0) return std::nullopt;
    const auto header = decode_map_slot_header(counting.copy == 0 ? first : second);
    if (!header) return std::nullopt;
    return *header;
}

MapSlotChoice choose_map_slot(std::span<const std::byte> first, std::span<const std::byte> second,
                              const MapIdentity& identity, std::uint64_t slot, RegionMap& map) noexcept {
    DST_ASSERT(slot < map.slots());
    const std::array<std::span<const std::byte>, 2> copies{first, second};
    const std::array<Opened, 2> opened{open_copy(first), open_copy(second)};
    const Counting counting = choose(opened);
    MapSlotChoice choice;
    choice.next = counting.next;
    if (counting.copy >= 0) {
        const auto newest = static_cast<std::size_t>(counting.copy);
        MapSlotHeader header;
        choice.good = read_header(copies[newest], opened[newest].envelope, header) && header.identity == identity &&
                      header.slot == slot && header.regions == map.regions() &&
                      header.region_bytes == map.region_bytes();
        if (choice.good) {
            choice.revision = header.stamp.revision;
            take_bits(copies[newest], slot, map);
            map.mark_slot_clean(slot);
            return choice;
        }
    }
    set_whole_slot(slot, map);
    map.mark_slot_dirty(slot);
    return choice;
}

}  // namespace dst
