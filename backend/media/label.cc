#include "media/label.h"

#include "block/assert.h"
#include "media/bytes.h"
#include "media/envelope.h"
#include "media/record_codec.h"

namespace dst {
namespace {

constexpr std::uint64_t copy_bytes = std::tuple_size_v<LabelImage>;
constexpr std::uint8_t storage_name_room = 63;
constexpr std::uint8_t place_room = 255;

Envelope open_label(const LabelImage& image) noexcept {
    Envelope envelope = open_envelope(image, label_magic);
    if (envelope.state == EnvelopeState::good && envelope.length != copy_bytes) envelope.state = EnvelopeState::damaged;
    return envelope;
}

Result<Label> decode_opened(const LabelImage& image, const Envelope& envelope) {
    if (envelope.state != EnvelopeState::good) return envelope_error(envelope, "label");
    ByteReader reader(image);
    reader.skip(envelope_bytes);
    Label label;
    label.sequence = envelope.sequence;
    label.medium = reader.id();
    label.storage = reader.id();
    label.promised = reader.epoch();
    label.served = reader.epoch();
    label.size_bytes = reader.u64();
    label.logical_block_bytes = reader.u32();
    label.member = reader.u32();
    label.storage_name = reader.padded_text(storage_name_room);
    label.place = reader.padded_text(place_room);
    if (!reader.ok() || !block_size_valid(label.logical_block_bytes)) return envelope_error(envelope, "label");
    return label;
}

std::uint64_t rounded_down(std::uint64_t bytes) noexcept { return bytes / copy_bytes * copy_bytes; }

}  // namespace

std::uint64_t leaf_size_bytes(std::uint64_t medium_bytes) noexcept {
    const std::uint64_t whole = rounded_down(medium_bytes);
    return whole > label_area_bytes ? whole - label_area_bytes : 0;
}

LabelImage encode_label(const Label& label) {
    DST_ASSERT(block_size_valid(label.logical_block_bytes));
    LabelImage image{};
    ByteWriter writer(image);
    writer.zeroes(envelope_bytes);
    writer.id(label.medium);
    writer.id(label.storage);
    writer.epoch(label.promised);
    writer.epoch(label.served);
    writer.u64(label.size_bytes);
    writer.u32(label.logical_block_bytes);
    writer.u32(label.member);
    writer.padded_text(label.storage_name, storage_name_room);
    writer.padded_text(label.place, place_room);
    DST_ASSERT(writer.ok());
    seal(image, label_magic, label.sequence);
    return image;
}

Result<Label> decode_label(const LabelImage& image) { return decode_opened(image, open_label(image)); }

Extent label_copy(std::uint64_t medium_bytes, unsigned copy) noexcept {
    DST_ASSERT(copy < 2 && leaf_size_bytes(medium_bytes) != 0);
    const std::uint64_t area_end = rounded_down(medium_bytes);
    return {copy == 0 ? area_end - label_area_bytes : area_end - copy_bytes, copy_bytes};
}

LabelChoice choose_label(const LabelCopies& copies) {
    std::array<Envelope, 2> envelopes;
    std::array<std::optional<Label>, 2> labels;
    for (unsigned i = 0; i < 2; ++i) {
        if (!copies.readable[i]) {
            envelopes[i].state = EnvelopeState::damaged;
            continue;
        }
        envelopes[i] = open_label(copies.images[i]);
        if (envelopes[i].state != EnvelopeState::good) continue;
        Result<Label> label = decode_opened(copies.images[i], envelopes[i]);
        if (label) {
            labels[i] = std::move(*label);
        } else {
            envelopes[i].state = EnvelopeState::damaged;
        }
    }
    const CopyChoice chosen = choose_copy(envelopes[0], envelopes[1]);
    LabelChoice choice;
    choice.next_copy = chosen.next;
    choice.next_sequence = chosen.next_sequence;
    if (chosen.newest >= 0) {
        const auto newest = static_cast<std::size_t>(chosen.newest);
        choice.state = LabelState::valid;
        choice.image = copies.images[newest];
        choice.label = std::move(labels[newest]);
        choice.one_copy_bad = envelopes[1 - newest].state == EnvelopeState::damaged;
    } else if (chosen.newer_version) {
        const bool first = envelopes[0].state == EnvelopeState::unknown_version;
        choice.state = LabelState::damaged;
        choice.why = envelope_error(envelopes[first ? 0 : 1], "label");
    } else if (!copies.readable[0] || !copies.readable[1]) {
        choice.state = LabelState::unreadable;
        choice.why = {Errc::medium_error, "the disk does not read the label"};
    } else if (chosen.damaged) {
        choice.state = LabelState::damaged;
        choice.why = {Errc::corrupt, "both copies of the label are damaged"};
    }
    return choice;
}

}  // namespace dst
