#include <algorithm>

#include "media/region_map.h"
#include "storage_scenario.h"

/// What the maps on the media say when nothing goes on (M4), and what a clean end leaves.
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// What is wrong with one map of a member, whose device holds `content`; empty: it lies there, and names no region.
std::string wrong_in_map(const Bytes& content, const MirrorLayout& layout, const Record& record, unsigned map) {
    const MapKind kind = map == 0 ? MapKind::intent : MapKind::owed;
    const std::string name = kind == MapKind::intent ? "intent" : "owed";
    const std::uint64_t regions = (record.size_bytes + record.region_bytes - 1) / record.region_bytes;
    const std::uint64_t slots = (regions + map_slot_regions - 1) / map_slot_regions;
    for (std::uint64_t slot = 0; slot < slots; ++slot) {
        const auto copy = [&](unsigned which) {
            const Extent extent = layout.map_slot(map, slot, which);
            return std::span(content).subspan(extent.offset, extent.length);
        };
        const std::optional<MapSlotHeader> header = find_map_slot(copy(0), copy(1));
        if (!header) return "no good copy of a slot of its " + name + " map";
        if (header->identity.mirror != record.mirror || header->identity.kind != kind || header->slot != slot) {
            return "another slot where one of its " + name + " map should be";
        }
        if (header->set_bits != 0) return std::to_string(header->set_bits) + " bits in its " + name + " map";
    }
    return {};
}

}  // namespace

unsigned StorageScenario::mirrors_deep(const VertexStatus& vertex) {
    unsigned deepest = 0;
    for (const VertexStatus& child : vertex.children) deepest = std::max(deepest, mirrors_deep(child));
    return deepest + (vertex.kind == VertexKind::mirror ? 1 : 0);
}

// Nothing is in flight, nobody lacks anything, and that is so on every member of every mirror.
std::string StorageScenario::bits_left(const VertexStatus& vertex) {
    for (const VertexStatus& child : vertex.children) {
        if (vertex.kind == VertexKind::mirror && child.state != VertexState::in_sync) continue;
        const std::string below = bits_left(child);
        if (!below.empty()) return below;
        if (vertex.kind != VertexKind::mirror) continue;
        const Bytes content = content_of(child, child.size_bytes);
        const MirrorLayout any_regions = mirror_layout(content.size(), 1u << 20);
        const auto copy = [&](unsigned which) {
            const Extent extent = any_regions.record_copy(which);
            return std::span(content).subspan(extent.offset, extent.length);
        };
        const std::optional<Record> record = choose_record(copy(0), copy(1)).record;
        if (!record) return child.name + " has no record";
        const MirrorLayout layout = mirror_layout(content.size(), record->region_bytes);
        // The intent map, and one for each other member.
        for (unsigned map = 0; map < record->members.size(); ++map) {
            const std::string wrong = wrong_in_map(content, layout, *record, map);
            if (!wrong.empty()) return child.name + " has " + wrong;
        }
    }
    return {};
}

// Regions that were not changed for 5 s are cleared, those of one look together. That is a write to the mirror below.
void StorageScenario::check_maps(const VertexStatus& tree) {
    const TimePoint clear = counts_.last_sent + seconds(5) + mirrors_deep(tree) * seconds(20);
    static_cast<void>(run_until([] { return false; }, std::max<Duration>(seconds(0), clear - loop_.now())));
    if (trace_.failed() || !all_in_sync(tree) || serving_head() == nullptr) return;
    trace_.coverage().count("maps are clear");
    const std::string left = bits_left(tree);
    if (!left.empty()) trace_.finding("M4", left + ", and nothing was written for long");
}

// Just after requests, so that there is something to flush and to clear.
void StorageScenario::end_after_requests(HeadProcess& head) {
    service_of(head)->client->start(head.engine().root());
    static_cast<void>(run_until([] { return false; }, milliseconds(200)));
    if (trace_.failed() || !all_answered() || serving_head() != &head) return;
    const StorageStatus status = head.engine().status();
    if (status.tree && all_in_sync(*status.tree)) at_end_ = with_trees(*status.tree);
}

// "The next start finds the map empty", and what was acknowledged survives whatever happens to the machines then.
void StorageScenario::check_clean_end() {
    if (!at_end_ || trace_.failed()) return;
    trace_.coverage().count("clean end");
    for (const auto& [leaf, platter] : world_->leaves()) {
        const std::size_t in_doubt = platter->volatile_sectors();
        if (in_doubt == 0) continue;
        return trace_.finding(
            "M4", leaf + " has " + std::to_string(in_doubt) + " sectors after a clean end that were not flushed");
    }
    check_copies(*at_end_, 0, at_end_->size_bytes);
    const std::string differs = difference(*at_end_);
    if (!differs.empty()) trace_.finding("M4", differs + " after a clean end");
    const std::string left = bits_left(*at_end_);
    if (!left.empty()) trace_.finding("M4", left + " after a clean end");
}

}  // namespace dst::sim
