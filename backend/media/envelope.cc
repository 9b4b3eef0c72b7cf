#include "media/envelope.h"

#include <algorithm>
#include <string>

#include "block/assert.h"
#include "media/bytes.h"

namespace dst {
namespace {

constexpr std::size_t crc_offset = 12;
constexpr std::size_t crc_bytes = 4;

std::uint32_t copy_checksum(std::span<const std::byte> copy) noexcept {
    constexpr std::array<std::byte, crc_bytes> absent{};
    return crc32c({copy.first(crc_offset), absent, copy.subspan(crc_offset + crc_bytes)});
}

bool intact(const Envelope& envelope) noexcept {
    return envelope.state == EnvelopeState::good || envelope.state == EnvelopeState::unknown_version;
}

}  // namespace

void seal(std::span<std::byte> copy, const Magic& magic, std::uint64_t sequence) noexcept {
    DST_ASSERT(copy.size() >= envelope_bytes);
    ByteWriter writer(copy.first(envelope_bytes));
    writer.bytes(std::as_bytes(std::span(magic)));
    writer.u32(format_version);
    writer.u32(0);
    writer.u64(sequence);
    writer.u32(static_cast<std::uint32_t>(copy.size()));
    writer.u32(0);
    DST_ASSERT(writer.ok());
    ByteWriter(copy.subspan(crc_offset, crc_bytes)).u32(copy_checksum(copy));
}

Envelope open_envelope(std::span<const std::byte> copy, const Magic& magic) noexcept {
    Envelope envelope;
    ByteReader reader(copy);
    if (!std::ranges::equal(reader.bytes(magic.size()), std::as_bytes(std::span(magic)))) return envelope;
    envelope.state = EnvelopeState::damaged;
    const std::uint32_t version = reader.u32();
    const std::uint32_t checksum = reader.u32();
    const std::uint64_t sequence = reader.u64();
    const std::uint32_t length = reader.u32();
    if (!reader.ok() || length < envelope_bytes || length > copy.size()) return envelope;
    if (copy_checksum(copy.first(length)) != checksum) return envelope;
    envelope.state = version == format_version ? EnvelopeState::good : EnvelopeState::unknown_version;
    envelope.version = version;
    envelope.sequence = sequence;
    envelope.length = length;
    return envelope;
}

Error envelope_error(const Envelope& envelope, std::string_view what) {
    const std::string name(what);
    switch (envelope.state) {
        case EnvelopeState::good: break;
        case EnvelopeState::empty: return {Errc::not_found, "no " + name + " is there"};
        case EnvelopeState::damaged:
            return {Errc::corrupt, "the " + name + " is damaged: its checksum or length is wrong"};
        case EnvelopeState::unknown_version:
            return {Errc::not_supported, "the " + name + " has format version " + std::to_string(envelope.version) +
                                             ", this program knows version " + std::to_string(format_version) +
                                             ": use the DST that wrote it"};
    }
    return {Errc::corrupt, "the " + name + " is damaged: its content makes no sense"};
}

CopyChoice choose_copy(const Envelope& first, const Envelope& second) noexcept {
    const std::array<const Envelope*, 2> copies{&first, &second};
    CopyChoice choice;
    for (int i = 0; i < 2; ++i) {
        if (!intact(*copies[i])) continue;
        if (choice.newest < 0 || copies[i]->sequence > copies[choice.newest]->sequence) choice.newest = i;
    }
    if (choice.newest < 0) {
        choice.damaged = first.state == EnvelopeState::damaged || second.state == EnvelopeState::damaged;
        return choice;
    }
    choice.next = choice.newest == 0 ? 1 : 0;
    choice.next_sequence = copies[choice.newest]->sequence + 1;
    if (copies[choice.newest]->state == EnvelopeState::unknown_version) {
        choice.newest = -1;
        choice.newer_version = true;
        choice.damaged = true;
    }
    return choice;
}

}  // namespace dst
