#include "media/record.h"

#include <algorithm>
#include <limits>

#include "block/assert.h"
#include "block/breaks.h"
#include "media/envelope.h"
#include "media/layout.h"
#include "media/record_codec.h"

namespace dst {
namespace {

constexpr std::size_t padding_bytes = 4096;

bool contains(const std::vector<Id>& ids, const Id& id) noexcept {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// What was under way to a member when that head gave it up.
bool had_written(const Record& record, const MayHave& known, const Record& found) noexcept {
    const bool last = known.known_to.none() || known.known_to.head == record.epoch.head || broken(Rule::m7_who_gave_up);
    const Epoch& by = last ? record.epoch : known.known_to;
    return found.epoch.head == by.head && found.epoch.number <= by.number;
}

bool some_member_may_have(const Record& record, const Id& generation) noexcept {
    return std::any_of(record.members.begin(), record.members.end(), [&](const RecordMember& member) {
        return (member.state != MemberState::in_sync && member.last_generation == generation) ||
               find_generation(member.may_have, generation) != nullptr;
    });
}

Result<DecodedRecord> decode_opened(std::span<const std::byte> copy, const Envelope& envelope) {
    if (envelope.state != EnvelopeState::good) return envelope_error(envelope, "record");
    ByteReader reader(copy.first(envelope.length));
    reader.skip(envelope_bytes);
    DecodedRecord decoded{read_record(reader), envelope.sequence};
    if (!reader.ok() || reader.remaining() != 0) return envelope_error(envelope, "record");
    return decoded;
}

}  // namespace

Descent compare_descent(const Record& first, const Record& second) noexcept {
    if (first.generation_id == second.generation_id) return Descent::same;
    const bool first_descends = contains(first.lineage, second.generation_id) && !went_on(first, second);
    const bool second_descends = contains(second.lineage, first.generation_id) && !went_on(second, first);
    if (first_descends && second_descends) {
        if (first.generation == second.generation) return Descent::split;
        return first.generation > second.generation ? Descent::newer : Descent::older;
    }
    if (first_descends) return Descent::newer;
    return second_descends ? Descent::older : Descent::split;
}

bool went_on(const Record& record, const Record& found) noexcept {
    if (broken(Rule::m7_went_on)) return false;
    return std::any_of(found.members.begin(), found.members.end(), [&](const RecordMember& member) {
        const RecordMember* const now = find_member(record, member.number);
        if (member.state != MemberState::in_sync || now == nullptr) return false;
        const MayHave* const known = find_generation(now->may_have, found.generation_id);
        if (known == nullptr) return false;
        const bool given_up = now->state != MemberState::in_sync && now->last_generation.is_nil();
        const bool by_an_order = known->ordered && !broken(Rule::m7_left_by_itself);
        const std::uint64_t known_up_to = broken(Rule::m7_each_revision) ? now->revision : known->revision;
        return (given_up || by_an_order) && found.revision > known_up_to && !had_written(record, *known, found);
    });
}

bool on_lineage(const Record& record, const Id& generation) noexcept {
    return record.generation_id == generation || contains(record.lineage, generation);
}

std::size_t age_on(const Record& record, const Id& generation) noexcept {
    if (record.generation_id == generation) return 0;
    const auto found = std::find(record.lineage.begin(), record.lineage.end(), generation);
    if (found == record.lineage.end()) return std::numeric_limits<std::size_t>::max();
    return static_cast<std::size_t>(found - record.lineage.begin()) + 1;
}

const Record& newer_of(const Record& first, const Record& second) noexcept {
    switch (compare_descent(first, second)) {
        case Descent::same: return second.revision > first.revision ? second : first;
        case Descent::newer: return first;
        case Descent::older: return second;
        case Descent::split: break;
    }
    DST_ASSERT(!"records of one line");
    return first;
}

const RecordMember* find_member(const Record& record, std::uint32_t number) noexcept {
    const auto found = std::find_if(record.members.begin(), record.members.end(),
                                    [number](const RecordMember& member) { return member.number == number; });
    return found == record.members.end() ? nullptr : &*found;
}

RecordMember* find_member(Record& record, std::uint32_t number) noexcept {
    return const_cast<RecordMember*>(find_member(std::as_const(record), number));
}

MayHave may_have_of(const Record& record) noexcept { return {record.generation_id, record.revision, record.epoch}; }

void remember_generation(std::vector<MayHave>& may_have, const MayHave& generation) {
    if (generation.generation.is_nil()) return;
    const MayHave* const known = find_generation(may_have, generation.generation);
    MayHave kept = known != nullptr && known->revision >= generation.revision ? *known : generation;
    kept.ordered = generation.ordered || (known != nullptr && known->ordered);
    drop_generation(may_have, kept.generation);
    may_have.insert(may_have.begin(), kept);
}

void drop_generation(std::vector<MayHave>& may_have, const Id& generation) {
    std::erase_if(may_have, [&](const MayHave& one) { return one.generation == generation; });
}

const MayHave* find_generation(const std::vector<MayHave>& may_have, const Id& generation) noexcept {
    const auto found = std::find_if(may_have.begin(), may_have.end(),
                                    [&](const MayHave& one) { return one.generation == generation; });
    return found == may_have.end() ? nullptr : &*found;
}

void bound_lineage(Record& record) {
    for (RecordMember& member : record.members) {
        if (member.may_have.size() > may_have_max) member.may_have.resize(may_have_max);
    }
    if (record.lineage.size() <= lineage_kept) return;
    std::vector<Id> kept(record.lineage.begin(), record.lineage.begin() + lineage_kept);
    for (std::size_t i = lineage_kept; i < record.lineage.size(); ++i) {
        const Id& generation = record.lineage[i];
        if (some_member_may_have(record, generation) && !contains(kept, generation)) kept.push_back(generation);
    }
    record.lineage = std::move(kept);
}

Result<Bytes> encode_record(const Record& record, std::uint64_t sequence) {
    if (record.members.size() > mirror_members_max) {
        return Error{Errc::too_large, "a mirror has " + std::to_string(record.members.size()) + " members, at most " +
                                          std::to_string(mirror_members_max) + " fit"};
    }
    Record bounded = record;
    bound_lineage(bounded);
    Bytes copy(record_copy_bytes);
    ByteWriter writer(copy);
    writer.zeroes(envelope_bytes);
    write_record(writer, bounded);
    if (!writer.ok()) {
        return Error{Errc::too_large, "the record of a mirror takes more than " + std::to_string(record_copy_bytes) +
                                          " bytes: too many leaves, or a name over 255 bytes"};
    }
    const std::size_t length = writer.written();
    seal(std::span(copy).first(length), record_magic, sequence);
    copy.resize((length + padding_bytes - 1) / padding_bytes * padding_bytes);
    return copy;
}

Result<DecodedRecord> decode_record(std::span<const std::byte> copy) {
    return decode_opened(copy, open_envelope(copy, record_magic));
}

RecordChoice choose_record(std::span<const std::byte> first, std::span<const std::byte> second) {
    const std::array<std::span<const std::byte>, 2> copies{first, second};
    std::array<Envelope, 2> envelopes;
    std::array<std::optional<Record>, 2> records;
    RecordChoice choice;
    for (std::size_t i = 0; i < 2; ++i) {
        envelopes[i] = open_envelope(copies[i], record_magic);
        Result<DecodedRecord> decoded = decode_opened(copies[i], envelopes[i]);
        if (decoded) {
            records[i] = std::move(decoded->record);
            continue;
        }
        if (envelopes[i].state == EnvelopeState::good) envelopes[i].state = EnvelopeState::damaged;
        if (choice.why.code != Errc::not_supported && decoded.error().code != Errc::not_found) {
            choice.why = decoded.error();
        }
    }
    const CopyChoice chosen = choose_copy(envelopes[0], envelopes[1]);
    choice.next_copy = chosen.next;
    choice.next_sequence = chosen.next_sequence;
    if (chosen.newest >= 0) {
        choice.record = std::move(records[static_cast<std::size_t>(chosen.newest)]);
        choice.why = {Errc::ok, {}};
    }
    return choice;
}

}  // namespace dst
