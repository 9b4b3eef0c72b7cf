#include <algorithm>
#include <array>
#include <string_view>

#include "ctl/inspection.h"
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

/// Both copies of a record as they were read, and what they say together.
struct RecordCopies {
    CopyInspections copies;
    RecordChoice choice;
};

/// Reads one mirror's metadata from the last leaf of one of its members.
class MirrorReader {
public:
    /// The member's device ends at `end` of the leaf.
    MirrorReader(LeafReader& reader, std::uint64_t end) : reader_(reader), end_(end) {}

    /// None: there is no room for a record.
    std::optional<RecordCopies> read_record() {
        if (end_ < 2 * record_copy_bytes) return {};
        RecordCopies found;
        std::array<Bytes, 2> read;
        for (unsigned copy = 0; copy < 2; ++copy) {
            auto bytes = reader_.read({end_ - (2 - copy) * record_copy_bytes, record_copy_bytes});
            if (!bytes) {
                found.copies[copy].state = CopyState::unreadable;
                continue;
            }
            read[copy] = std::move(*bytes);
            auto decoded = decode_record(read[copy]);
            found.copies[copy] =
                decoded ? CopyInspection{CopyState::good, decoded->sequence} : bad_copy(read[copy], decoded.error());
        }
        found.choice = choose_record(read[0], read[1]);
        return found;
    }

    /// The maps of `member`, which holds `found`'s record. Not `which_known`: other members may hold it as well, and
    /// only the intent map lies in the same place on all of them.
    void read_maps(const RecordMember& member, bool which_known, MirrorInspection& found) {
        const Record& record = found.record;
        MirrorLayout layout = mirror_layout(member.size_bytes, record.region_bytes);
        if (layout.data_bytes == 0) return;
        const std::vector<std::uint32_t> others = others_of(record, member);
        for (unsigned place = 0; place < (which_known ? mirror_members_max : 1); ++place) {
            MapInspection map{.regions = regions_of(record, layout), .region_bytes = layout.region_bytes};
            map.kind = place == 0 ? MapKind::intent : MapKind::owed;
            map.stale = place > others.size();
            if (place != 0 && !map.stale) map.member = others[place - 1];
            found.maps_here = read_map(layout, place, record.mirror, map);
            if (!found.maps_here) return;
            if (!map.stale || map.good()) found.maps.push_back(std::move(map));
        }
    }

    /// False: the owed maps that lie here are not in the order that they have on this member.
    bool owed_maps_fit(const RecordMember& member, const Record& record) {
        const MirrorLayout layout = mirror_layout(member.size_bytes, record.region_bytes);
        if (layout.data_bytes == 0) return true;
        const std::vector<std::uint32_t> others = others_of(record, member);
        for (unsigned place = 1; place <= others.size(); ++place) {
            MapInspection map{.kind = MapKind::owed, .member = others[place - 1]};
            map.regions = regions_of(record, layout);
            map.region_bytes = layout.region_bytes;
            static_cast<void>(read_map(layout, place, record.mirror, map));
            for (const SlotInspection& slot : map.slots) {
                if (slot.header && slot.header->identity.mirror == record.mirror && !slot.good) return false;
            }
        }
        return true;
    }

private:
    static std::vector<std::uint32_t> others_of(const Record& record, const RecordMember& member) {
        std::vector<std::uint32_t> others;
        for (const RecordMember& other : record.members) {
            if (other.number != member.number) others.push_back(other.number);
        }
        return others;
    }

    /// What the mirror offers may be less than what this member has room for.
    static std::uint64_t regions_of(const Record& record, const MirrorLayout& layout) {
        const std::uint64_t offered =
            record.size_bytes / record.region_bytes + (record.size_bytes % record.region_bytes != 0 ? 1 : 0);
        return std::min(offered, layout.regions);
    }

    /// False: part of it lies elsewhere. Whose a stale map was is for the map to say.
    bool read_map(const MirrorLayout& layout, unsigned place, const Id& mirror, MapInspection& map) {
        // The first slot's first copy is the farthest from the end. A record may name any size: no room is made for
        // what cannot lie here.
        if (map.regions != 0 && layout.member_bytes - layout.map_slot(place, 0, 0).offset > end_) return false;
        RegionMap bits(map.regions, map.region_bytes);
        for (std::uint64_t slot = 0; slot * map_slot_regions < map.regions; ++slot) {
            std::array<Bytes, 2> copies;
            SlotInspection result;
            for (unsigned copy = 0; copy < 2; ++copy) {
                Extent extent = layout.map_slot(place, slot, copy);
                std::uint64_t before_end = layout.member_bytes - extent.offset;
                auto bytes = reader_.read({end_ - before_end, extent.length});
                result.copies[copy] = inspect_map_copy(bytes);
                if (bytes) copies[copy] = std::move(*bytes);
            }
            result.header = find_map_slot(copies[0], copies[1]);
            if (map.stale && map.member == 0 && result.header) map.member = result.header->identity.member;
            const MapIdentity identity{mirror, map.kind, map.member};
            result.good = choose_map_slot(copies[0], copies[1], identity, slot, bits).good;
            result.set_regions = result.good ? result.header->set_bits
                                             : std::min(map_slot_regions, map.regions - slot * map_slot_regions);
            map.slots.push_back(result);
        }
        for (auto run = bits.next_run(0); run; run = bits.next_run(run->end())) map.set.push_back(*run);
        return true;
    }

    LeafReader& reader_;
    std::uint64_t end_;
};

/// The member that a leaf belongs to.
struct Holder {
    const RecordMember* member = nullptr;  ///< one that is as large; null: none
    bool which_known = false;              ///< it is this one
};

/// Of nested mirrors only the innermost is named by the label, but all members' leaves are.
Holder holder_by_label(const Record& record, const Label& label) {
    for (const RecordMember& member : record.members) {
        for (const RecordLeaf& leaf : member.leaves) {
            if (leaf.medium == label.medium) return {&member, true};
        }
    }
    return {};
}

/// Without a label: a member with a leaf of this size, of several one whose maps lie as they do here.
Holder holder_by_size(MirrorReader& reader, const Record& record, std::uint64_t leaf_bytes) {
    std::vector<const RecordMember*> sized;
    std::vector<const RecordMember*> fitting;
    for (const RecordMember& member : record.members) {
        const bool has_it = std::any_of(member.leaves.begin(), member.leaves.end(),
                                        [&](const RecordLeaf& leaf) { return leaf.size_bytes == leaf_bytes; });
        if (!has_it) continue;
        sized.push_back(&member);
        if (reader.owed_maps_fit(member, record)) fitting.push_back(&member);
    }
    const auto& held = fitting.empty() ? sized : fitting;
    const bool same = std::all_of(held.begin(), held.end(), [&](const RecordMember* member) {
        return member->size_bytes == held.front()->size_bytes;
    });
    if (held.empty() || !same) return {};
    return {held.front(), held.size() == 1};
}

/// Whether a record must lie at the end of what `place` names: a member is named by its number in the mirror. A part of
/// a linear holds the record of a mirror above it if it is the last one, which the place does not tell.
bool names_member(std::string_view place) {
    const std::size_t last = place.find_last_of("/.");
    return last != std::string_view::npos && place[last] == '/';
}

/// `place` without its innermost mirror: what that one is to the tree above it.
std::string_view above_mirror(std::string_view place) {
    const std::size_t mirror = place.rfind('/');
    return mirror == std::string_view::npos ? std::string_view{} : place.substr(0, mirror);
}

/// What the label says of the place in the tree where the mirror would be; nothing: the label is gone.
struct Above {
    std::optional<std::string_view> place;
    std::optional<Id> storage;

    bool must_have_record() const { return place && names_member(*place); }
    bool may_have_record() const { return !place || place->find('/') != std::string_view::npos; }
};

/// None: nothing says that a record belongs there.
std::optional<LostRecord> lost_record(const RecordCopies& found, const Above& above) {
    LostRecord lost{found.copies, found.choice.why};
    if (found.choice.record) {
        if (!above.must_have_record()) return {};
        lost.storage = found.choice.record->storage;
        return lost;
    }
    const bool of_a_record = std::any_of(found.copies.begin(), found.copies.end(), [](const CopyInspection& copy) {
        return copy.state == CopyState::damaged || copy.state == CopyState::other_version;
    });
    if (above.must_have_record() || (of_a_record && above.may_have_record())) return lost;
    return {};
}

}  // namespace

MirrorsInspection inspect_mirrors(LeafReader& reader, std::uint64_t leaf_bytes, const std::optional<Label>& label) {
    MirrorsInspection result;
    Above above;
    if (label) above = {label->place, label->storage};
    // A mirror's data begin at 0 of its member, so the mirror above it ends where this one's data do.
    std::uint64_t end = leaf_bytes;
    while (result.mirrors.size() < nested_mirrors_max) {
        MirrorReader mirror(reader, end);
        auto read = mirror.read_record();
        if (!read) break;
        std::optional<Record>& record = read->choice.record;
        if (!record || (above.storage && record->storage != *above.storage)) {
            result.lost = lost_record(*read, above);
            break;
        }
        MirrorInspection found{.record = std::move(*record), .copies = read->copies};
        const Holder holder =
            label ? holder_by_label(found.record, *label) : holder_by_size(mirror, found.record, leaf_bytes);
        if (holder.which_known) found.member = holder.member->number;
        if (holder.member != nullptr) mirror.read_maps(*holder.member, holder.which_known, found);
        const std::uint64_t member_bytes = holder.member == nullptr ? 0 : holder.member->size_bytes;
        const std::uint64_t before = member_bytes > end ? member_bytes - end : 0;  // on other parts of the same linear
        const std::uint64_t offered = found.record.size_bytes;
        above.storage = found.record.storage;
        if (above.place) above.place = above_mirror(*above.place);
        result.mirrors.push_back(std::move(found));
        result.ends_elsewhere = offered <= before;
        if (result.ends_elsewhere || offered - before >= end) return result;
        end = offered - before;
    }
    const bool all_found = !result.lost && (!above.place || !above.may_have_record());
    if (all_found) result.data_end = end;
    return result;
}

}  // namespace dst::ctl
