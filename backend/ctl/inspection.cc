#include "ctl/inspection.h"

#include <algorithm>

#include "media/layout.h"

namespace dst::ctl {
namespace {

/// A mirror of mirrors has few levels; more would be a circle of damaged records.
constexpr unsigned nested_mirrors_max = 16;

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
            auto decoded = bytes ? decode_record(*bytes) : Result<DecodedRecord>(bytes.error());
            if (!decoded && decoded.error().code != Errc::not_found) ++found.bad_copies;
            if (!decoded || decoded->record.storage != storage) continue;
            if (!newest || decoded->sequence > newest->sequence) newest = std::move(*decoded);
        }
        if (!newest) return {};
        found.record = std::move(newest->record);
        return found;
    }

    /// The maps of a member that is `member_bytes` long and holds `found`'s record.
    void read_maps(std::uint64_t member_bytes, MirrorInspection& found) {
        const Record& record = found.record;
        MirrorLayout layout = mirror_layout(member_bytes, record.region_bytes);
        if (layout.data_bytes == 0) return;
        for (unsigned map = 0; map < mirror_members_max && found.maps_here; ++map) read_map(layout, map, found);
    }

private:
    /// Map 0 is the intent map; the places of owed maps say themselves whose they are.
    void read_map(const MirrorLayout& layout, unsigned map, MirrorInspection& found) {
        MapInspection result{.kind = map == 0 ? MapKind::intent : MapKind::owed,
                             .regions = layout.regions,
                             .region_bytes = layout.region_bytes};
        bool written = map == 0;
        for (std::uint64_t slot = 0; slot < layout.map_slots; ++slot) {
            std::array<Bytes, 2> copies;
            for (unsigned copy = 0; copy < 2; ++copy) {
                Extent extent = layout.map_slot(map, slot, copy);
                std::uint64_t before_end = layout.member_bytes - extent.offset;
                if (before_end > end_) {
                    found.maps_here = false;
                    return;
                }
                auto bytes = reader_.read({end_ - before_end, extent.length});
                if (bytes) copies[copy] = std::move(*bytes);
            }
            auto newest = find_map_slot(copies[0], copies[1]);
            std::uint64_t first = slot * map_slot_regions;
            std::uint64_t in_slot = layout.regions > first ? std::min(map_slot_regions, layout.regions - first) : 0;
            if (newest && newest->identity.mirror == found.record.mirror && newest->identity.kind == result.kind) {
                written = true;
                result.member = newest->identity.member;
                result.set_regions += newest->set_bits;
            } else {
                ++result.slots_without_copy;
                result.set_regions += in_slot;
            }
        }
        if (written) found.maps.push_back(result);
    }

    LeafReader& reader_;
    std::uint64_t end_;
};

/// The device of the member that `label`'s leaf belongs to. Its record says how long it is; of nested mirrors only the
/// innermost is named by the label, but all members' leaves are.
std::uint64_t member_bytes_of(const Record& record, const Label& label) {
    for (const RecordMember& member : record.members) {
        for (const RecordLeaf& leaf : member.leaves) {
            if (leaf.medium == label.medium) return member.size_bytes;
        }
    }
    return 0;
}

}  // namespace

std::vector<MirrorInspection> inspect_mirrors(LeafReader& reader, std::uint64_t leaf_bytes, const Label& label) {
    std::vector<MirrorInspection> mirrors;
    // A mirror's data begin at 0 of its member, so the mirror above it ends where this one's data do.
    std::uint64_t end = leaf_bytes;
    while (mirrors.size() < nested_mirrors_max) {
        MirrorReader mirror(reader, end);
        auto found = mirror.read(label.storage);
        if (!found) break;
        std::uint64_t member_bytes = member_bytes_of(found->record, label);
        mirror.read_maps(member_bytes, *found);
        std::uint64_t before = member_bytes > end ? member_bytes - end : 0;  // on other parts of the same linear
        std::uint64_t offered = found->record.size_bytes;
        mirrors.push_back(std::move(*found));
        if (offered <= before || offered - before >= end) break;
        end = offered - before;
    }
    return mirrors;
}

}  // namespace dst::ctl
