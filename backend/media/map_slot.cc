#include <algorithm>
#include <array>
#include <bit>

#include "block/assert.h"
#include "media/bytes.h"
#include "media/envelope.h"
#include "media/region_map.h"

namespace dst {
namespace {

constexpr std::size_t header_bytes = map_slot_bytes - map_slot_regions / 8;
static_assert(header_bytes == 128);

Envelope open_slot(std::span<const std::byte> copy) noexcept {
    Envelope envelope = open_envelope(copy, map_magic);
    if (envelope.state == EnvelopeState::good && envelope.length != map_slot_bytes) {
        envelope.state = EnvelopeState::damaged;
    }
    return envelope;
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
    ByteReader reader(copy.subspan(header_bytes));
    const std::size_t words = map.slot_words_of(slot).size();
    for (std::size_t i = 0; i < words; ++i) map.replace_slot_word(slot, i, reader.u64());
    DST_ASSERT(reader.ok());
}

void set_whole_slot(std::uint64_t slot, RegionMap& map) noexcept {
    const std::uint64_t first = slot * map_slot_regions;
    map.set(RegionRun{first, std::min(map_slot_regions, map.regions() - first)});
}

}  // namespace

void encode_map_slot(const RegionMap& map, const MapIdentity& identity, std::uint64_t slot, const MapStamp& stamp,
                     std::span<std::byte> into) noexcept {
    DST_ASSERT(into.size() == map_slot_bytes && slot < map.slots());
    ByteWriter writer(into);
    writer.zeroes(envelope_bytes);
    writer.id(identity.mirror);
    writer.u32(static_cast<std::uint32_t>(identity.kind));
    writer.u32(identity.member);
    writer.u64(slot);
    writer.u64(map.region_bytes());
    writer.u64(map.regions());
    writer.u64(stamp.revision);
    writer.zeroes(header_bytes - writer.written());
    for (const std::uint64_t word : map.slot_words_of(slot)) writer.u64(word);
    writer.zeroes(map_slot_bytes - writer.written());
    DST_ASSERT(writer.ok());
    seal(into, map_magic, stamp.sequence);
}

Result<MapSlotHeader> decode_map_slot_header(std::span<const std::byte> copy) {
    const Envelope envelope = open_slot(copy);
    MapSlotHeader header;
    if (envelope.state != EnvelopeState::good || !read_header(copy, envelope, header)) {
        return envelope_error(envelope, "map slot");
    }
    for (const std::byte byte : copy.subspan(header_bytes, map_slot_bytes - header_bytes)) {
        header.set_bits += static_cast<std::uint64_t>(std::popcount(std::to_integer<std::uint8_t>(byte)));
    }
    return header;
}

MapSlotChoice choose_map_slot(std::span<const std::byte> first, std::span<const std::byte> second,
                              const MapIdentity& identity, std::uint64_t slot, RegionMap& map) noexcept {
    DST_ASSERT(slot < map.slots());
    const std::array<std::span<const std::byte>, 2> copies{first, second};
    const std::array<Envelope, 2> envelopes{open_slot(first), open_slot(second)};
    const CopyChoice chosen = choose_copy(envelopes[0], envelopes[1]);
    MapSlotChoice choice;
    choice.next = {chosen.next, chosen.next_sequence};
    if (chosen.newest >= 0) {
        const auto newest = static_cast<std::size_t>(chosen.newest);
        MapSlotHeader header;
        choice.good = read_header(copies[newest], envelopes[newest], header) && header.identity == identity &&
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
