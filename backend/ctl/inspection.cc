#include "ctl/inspection.h"

#include <algorithm>
#include <cstring>

#include "media/envelope.h"

namespace dst::ctl {

CopyInspection bad_copy(const Bytes& copy, const Error& why) {
    if (why.code == Errc::not_found) {
        bool zeroes = std::all_of(copy.begin(), copy.end(), [](std::byte byte) { return byte == std::byte{0}; });
        return {zeroes ? CopyState::empty : CopyState::foreign};
    }
    if (why.code != Errc::not_supported) return {CopyState::damaged};
    Magic magic;
    std::memcpy(magic.data(), copy.data(), magic.size());
    const Envelope envelope = open_envelope(copy, magic);
    return {CopyState::other_version, envelope.sequence, envelope.version};
}

bool is_bad(const CopyInspection& copy) {
    switch (copy.state) {
        case CopyState::good:
        case CopyState::empty:
        case CopyState::torn: return false;
        case CopyState::foreign:
        case CopyState::damaged:
        case CopyState::other_version:
        case CopyState::unreadable: break;
    }
    return true;
}

std::uint64_t MapInspection::set_regions() const {
    std::uint64_t count = 0;
    for (const SlotInspection& slot : slots) count += slot.set_regions;
    return count;
}

std::uint64_t MapInspection::bad_slots() const {
    return static_cast<std::uint64_t>(
        std::count_if(slots.begin(), slots.end(), [](const SlotInspection& slot) { return !slot.good; }));
}

std::uint64_t MapInspection::slots_with_bad_copy() const {
    return static_cast<std::uint64_t>(std::count_if(slots.begin(), slots.end(), [](const SlotInspection& slot) {
        return std::any_of(slot.copies.begin(), slot.copies.end(), is_bad);
    }));
}

MapMeaning meaning_of(const MapInspection& map, const Record& record) {
    if (map.stale) return MapMeaning::unread;
    const RecordMember* const of = map.kind == MapKind::owed ? find_member(record, map.member) : nullptr;
    if (of != nullptr && of->state == MemberState::in_sync) return MapMeaning::unread;
    // As judge_return() does (tree/member_return.h).
    if (of != nullptr && (of->last_generation.is_nil() || !on_lineage(record, of->last_generation))) {
        return MapMeaning::lack_unknown;
    }
    return map.good() ? MapMeaning::set_regions : MapMeaning::no_copy;
}

unsigned MirrorInspection::bad_copies() const {
    return static_cast<unsigned>(std::count_if(copies.begin(), copies.end(), is_bad));
}

bool MirrorInspection::maps_written() const {
    const RecordMember* const here = find_member(record, member);
    return here != nullptr && here->state == MemberState::in_sync;
}

void MediumInspection::take(MirrorsInspection found) {
    mirrors = std::move(found.mirrors);
    lost_record = std::move(found.lost);
    ends_elsewhere = found.ends_elsewhere;
}

}  // namespace dst::ctl
