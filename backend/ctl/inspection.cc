#include "ctl/inspection.h"

#include <algorithm>

#include "media/layout.h"

namespace dst::ctl {
namespace {

/// A mirror of mirrors has few levels; more would be a circle of damaged records.
constexpr unsigned nested_mirrors_max = 16;

CopyInspection inspect_map_copy(const Result<Bytes>& bytes) {
    if (!bytes) return {CopyState::unreadable};
    if (is_torn_map_slot(*bytes)) return {CopyState::torn};
    auto header = decode_map_slot_header(*bytes);
    if (!header) return bad_copy(*bytes, header.error());
    return {CopyState::good, header->stamp.sequence};
}

/// Reads one mirror's metadata from the last leaf of one of its members.
class MirrorReader {
public:
    /// The member's device ends at `end` of the leaf.
    MirrorReader(LeafReader& reader, std::uint64_t end) : reader_(reader), end_(end) {}

    /// None: no record of `storage` is there.
    std::optional<MirrorInspection> read(const Id& storage) {
        if (end_ < 2 * record_copy_bytes) return {};
        MirrorInspection found;
        std::optional<DecodedRecord> newest;
        for (unsigned copy = 0; copy < 2; ++copy) {
            auto bytes = reader_.read({end_ - (2 - copy) * record_copy_bytes, record_copy_bytes});
            if (!bytes) {
                found.copies[copy].state = CopyState::unreadable;
                continue;
            }
            auto decoded = decode_record(*bytes);
            if (!decoded) {
                found.copies[copy] = bad_copy(*bytes, decoded.error());
                continue;
            }
            found.copies[copy] = {CopyState::good, decoded->sequence};
            if (decoded->record.storage != storage) continue;
            if (!newest || decoded->sequence > newest->sequence) newest = std::move(*decoded);
        }
        if (!newest) return {};
        found.record = std::move(newest->record);
        return found;
    }

    /// The maps of the member that holds `found`'s record.
    void read_maps(const RecordMember& member, MirrorInspection& found) {
        const Record& record = found.record;
        MirrorLayout layout = mirror_layout(member.size_bytes, record.region_bytes);
        if (layout.data_bytes == 0) return;
        // What the mirror offers may be less than what this member has room for.
        std::uint64_t regions =
            record.size_bytes / record.region_bytes + (record.size_bytes % record.region_bytes != 0 ? 1 : 0);
        std::vector<std::uint32_t> others;
        for (const RecordMember& other : record.members) {
            if (other.number != member.number) others.push_back(other.number);
        }
        for (unsigned place = 0; place < mirror_members_max; ++place) {
            MapInspection map{.regions = std::min(regions, layout.regions), .region_bytes = layout.region_bytes};
            map.kind = place == 0 ? MapKind::intent : MapKind::owed;
            map.stale = place > others.size();
            if (place != 0 && !map.stale) map.member = others[place - 1];
            found.maps_here = read_map(layout, place, record.mirror, map);
            if (!found.maps_here) return;
            if (!map.stale || map.good()) found.maps.push_back(std::move(map));
        }
    }

private:
    /// False: part of it lies elsewhere. Whose a stale map was is for the map to say.
    bool read_map(const MirrorLayout& layout, unsigned place, const Id& mirror, MapInspection& map) {
        for (std::uint64_t slot = 0; slot * map_slot_regions < map.regions; ++slot) {
            std::array<Bytes, 2> copies;
            SlotInspection result;
            for (unsigned copy = 0; copy < 2; ++copy) {
                Extent extent = layout.map_slot(place, slot, copy);
                std::uint64_t before_end = layout.member_bytes - extent.offset;
                if (before_end > end_) return false;
                auto bytes = reader_.read({end_ - before_end, extent.length});
                result.copies[copy] = inspect_map_copy(bytes);
                if (bytes) copies[copy] = std::move(*bytes);
            }
            result.header = find_map_slot(copies[0], copies[1]);
            if (map.stale && map.member == 0 && result.header) map.member = result.header->identity.member;
            result.good = result.header && result.header->identity == MapIdentity{mirror, map.kind, map.member} &&
                          result.header->slot == slot && result.header->regions == map.regions &&
                          result.header->region_bytes == map.region_bytes;
            result.set_regions = result.good ? result.header->set_bits
                                             : std::min(map_slot_regions, map.regions - slot * map_slot_regions);
            map.slots.push_back(result);
        }
        return true;
    }

    LeafReader& reader_;
    std::uint64_t end_;
};

/// The member that `label`'s leaf belongs to; null: none. Of nested mirrors only the innermost is named by the label,
/// but all members' leaves are.
const RecordMember* member_of(const Record& record, const Label& label) {
    for (const RecordMember& member : record.members) {
        for (const RecordLeaf& leaf : member.leaves) {
            if (leaf.medium == label.medium) return &member;
        }
    }
    return nullptr;
}

}  // namespace

CopyInspection bad_copy(const Bytes& copy, const Error& why) {
    if (why.code == Errc::not_found) {
        bool zeroes = std::all_of(copy.begin(), copy.end(), [](std::byte byte) { return byte == std::byte{0}; });
        return {zeroes ? CopyState::empty : CopyState::foreign};
    }
    return {why.code == Errc::not_supported ? CopyState::other_version : CopyState::damaged};
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
    return static_cast<unsigned>(std::count_if(copies.begin(), copies.end(), [](const CopyInspection& copy) {
        return copy.state != CopyState::good && copy.state != CopyState::empty;
    }));
}

std::vector<MirrorInspection> inspect_mirrors(LeafReader& reader, std::uint64_t leaf_bytes, const Label& label) {
    std::vector<MirrorInspection> mirrors;
    // A mirror's data begin at 0 of its member, so the mirror above it ends where this one's data do.
    std::uint64_t end = leaf_bytes;
    while (mirrors.size() < nested_mirrors_max) {
        MirrorReader mirror(reader, end);
        auto found = mirror.read(label.storage);
        if (!found) break;
        const RecordMember* member = member_of(found->record, label);
        std::uint64_t member_bytes = member == nullptr ? 0 : member->size_bytes;
        if (member != nullptr) {
            found->member = member->number;
            mirror.read_maps(*member, *found);
        }
        std::uint64_t before = member_bytes > end ? member_bytes - end : 0;  // on other parts of the same linear
        std::uint64_t offered = found->record.size_bytes;
        mirrors.push_back(std::move(*found));
        if (offered <= before || offered - before >= end) break;
        end = offered - before;
    }
    return mirrors;
}

}  // namespace dst::ctl
