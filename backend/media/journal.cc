#include "media/journal.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "media/envelope.h"
#include "media/layout.h"
#include "media/record_codec.h"

namespace dst {
namespace {

constexpr std::size_t count_max = std::numeric_limits<std::uint16_t>::max();

void write_journal(ByteWriter& writer, const Journal& journal) {
    writer.id(journal.storage);
    writer.id(journal.machine);
    writer.u64(journal.file);
    writer.epoch(journal.established);
    writer.u64(journal.epoch_tried);
    writer.u64(journal.size_bytes);
    writer.u32(journal.logical_block_bytes);
    writer.u32(static_cast<std::uint32_t>(journal.order));
    const OrderedDiscard first = journal.discards.empty() ? OrderedDiscard{} : journal.discards.front();
    writer.id(first.mirror);
    writer.u32(first.member);
    writer.text(journal.storage_name);
    writer.u16(static_cast<std::uint16_t>(journal.records.size()));
    writer.u16(static_cast<std::uint16_t>(journal.leaves.size()));
    writer.u16(static_cast<std::uint16_t>(journal.served_orders.size()));
    for (const Record& record : journal.records) {
        Record bounded = record;
        bound_lineage(bounded);
        write_record(writer, bounded);
    }
    for (const RecordLeaf& leaf : journal.leaves) write_leaf(writer, leaf);
    for (const ServedOrder& order : journal.served_orders) {
        writer.id(order.mirror);
        writer.id(order.generation);
    }
    for (std::size_t i = 1; i < journal.discards.size(); ++i) {
        writer.id(journal.discards[i].mirror);
        writer.u32(journal.discards[i].member);
    }
}

Journal read_journal(ByteReader& reader) {
    Journal journal;
    journal.storage = reader.id();
    journal.machine = reader.id();
    journal.file = reader.u64();
    journal.established = reader.epoch();
    journal.epoch_tried = reader.u64();
    journal.size_bytes = reader.u64();
    journal.logical_block_bytes = reader.u32();
    const std::uint32_t order = reader.u32();
    const Id mirror = reader.id();
    const std::uint32_t member = reader.u32();
    if (order == static_cast<std::uint32_t>(StartOrder::resolve)) journal.discards.push_back({mirror, member});
    journal.storage_name = reader.text();
    const std::size_t records = reader.u16();
    const std::size_t leaves = reader.u16();
    const std::size_t orders = reader.u16();
    for (std::size_t i = 0; i < records && reader.ok(); ++i) journal.records.push_back(read_record(reader));
    for (std::size_t i = 0; i < leaves && reader.ok(); ++i) journal.leaves.push_back(read_leaf(reader));
    for (std::size_t i = 0; i < orders && reader.ok(); ++i) {
        const Id of = reader.id();
        journal.served_orders.push_back({of, reader.id()});
    }
    while (!journal.discards.empty() && reader.ok() && reader.remaining() != 0) {
        const Id another = reader.id();
        journal.discards.push_back({another, reader.u32()});
    }
    if (order <= static_cast<std::uint32_t>(StartOrder::resolve)) {
        journal.order = static_cast<StartOrder>(order);
    } else {
        reader.fail();
    }
    if (journal.logical_block_bytes != 0 && !block_size_valid(journal.logical_block_bytes)) reader.fail();
    return journal;
}

Result<Journal> decode_opened(std::span<const std::byte> slot, const Envelope& envelope) {
    if (envelope.state != EnvelopeState::good) return envelope_error(envelope, "journal");
    ByteReader reader(slot.first(envelope.length));
    reader.skip(envelope_bytes);
    Journal journal = read_journal(reader);
    if (!reader.ok() || reader.remaining() != 0) return envelope_error(envelope, "journal");
    journal.sequence = envelope.sequence;
    return journal;
}

/// The store answers nothing for a slot that was never written. Zeroes are what a first write leaves that never ended.
bool was_written(const Bytes& slot) {
    return std::any_of(slot.begin(), slot.end(), [](std::byte byte) { return byte != std::byte{0}; });
}

}  // namespace

std::string_view describe(StartOrder order) {
    switch (order) {
        case StartOrder::none: break;
        case StartOrder::takeover: return "to start although another head is alive";
        case StartOrder::accept_data_loss: return "to start with loss of data";
        case StartOrder::resolve: return "to give up one side of a split";
    }
    return {};
}

Result<Bytes> encode_journal(const Journal& journal) {
    const bool members_fit = std::all_of(journal.records.begin(), journal.records.end(), [](const Record& record) {
        return record.members.size() <= mirror_members_max;
    });
    Bytes slot(Store::slot_bytes_max);
    ByteWriter writer(slot);
    writer.zeroes(envelope_bytes);
    write_journal(writer, journal);
    if (!writer.ok() || !members_fit || journal.records.size() > count_max || journal.leaves.size() > count_max ||
        journal.served_orders.size() > count_max) {
        return Error{Errc::too_large, "the journal of storage " + journal.storage_name + " takes more than " +
                                          std::to_string(Store::slot_bytes_max) +
                                          " bytes, or has a mirror of too many members or a name over 255 bytes"};
    }
    slot.resize(writer.written());
    slot.shrink_to_fit();
    seal(slot, journal_magic, journal.sequence);
    return slot;
}

Result<Journal> decode_journal(std::span<const std::byte> slot) {
    return decode_opened(slot, open_envelope(slot, journal_magic));
}

JournalChoice choose_journal(const StoreContents& contents) {
    std::array<Envelope, 2> envelopes;
    std::array<std::optional<Journal>, 2> journals;
    JournalChoice choice;
    for (std::size_t i = 0; i < 2; ++i) {
        envelopes[i] = open_envelope(contents.slots[i], journal_magic);
        Result<Journal> decoded = decode_opened(contents.slots[i], envelopes[i]);
        if (decoded) {
            journals[i] = std::move(*decoded);
            continue;
        }
        const bool lost = envelopes[i].state == EnvelopeState::empty && was_written(contents.slots[i]);
        if (envelopes[i].state == EnvelopeState::good || lost) {
            envelopes[i].state = EnvelopeState::damaged;
            decoded = envelope_error(envelopes[i], "journal");
        }
        choice.copy_damaged = choice.copy_damaged || envelopes[i].state == EnvelopeState::damaged;
        if (choice.why.code != Errc::not_supported && decoded.error().code != Errc::not_found) {
            choice.why = decoded.error();
        }
    }
    const CopyChoice chosen = choose_copy(envelopes[0], envelopes[1]);
    choice.next_slot = chosen.next;
    choice.next_sequence = chosen.next_sequence;
    choice.damaged = chosen.damaged;
    if (chosen.newest >= 0) {
        choice.journal = std::move(journals[static_cast<std::size_t>(chosen.newest)]);
        choice.why = {Errc::ok, {}};
    }
    return choice;
}

}  // namespace dst
