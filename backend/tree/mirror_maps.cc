#include "tree/mirror_maps.h"

#include <algorithm>
#include <limits>

#include "block/assert.h"

namespace dst {

MirrorMaps::MirrorMaps(const Record& record) {
    const std::uint64_t regions = (record.size_bytes + record.region_bytes - 1) / record.region_bytes;
    const RegionMap none(regions, record.region_bytes);
    tables_.push_back({{record.mirror, MapKind::intent, 0}, none});
    for (const RecordMember& member : record.members) {
        tables_.push_back({{record.mirror, MapKind::owed, member.number}, none});
        if (member.state == MemberState::in_sync) continue;
        RegionMap& map = tables_.back().map;
        map.set_all();
        for (std::uint64_t slot = 0; slot < map.slots(); ++slot) map.mark_slot_clean(slot);
    }
    durable_ = recent_ = before_ = none;
    busy_.assign(regions, 0);
}

RegionMap* MirrorMaps::owed(std::uint32_t member) noexcept {
    for (Table& table : tables_) {
        if (table.identity.kind == MapKind::owed && table.identity.member == member) return &table.map;
    }
    return nullptr;
}

const RegionMap* MirrorMaps::owed(std::uint32_t member) const noexcept {
    return const_cast<MirrorMaps*>(this)->owed(member);
}

bool MirrorMaps::any_dirty() const noexcept {
    return std::any_of(tables_.begin(), tables_.end(),
                       [](const Table& table) { return table.map.next_dirty_slot(0).has_value(); });
}

void MirrorMaps::begin(const RegionRun& regions) {
    for (std::uint64_t region = regions.first; region < regions.end(); ++region) {
        DST_ASSERT(busy_[region] != std::numeric_limits<std::uint32_t>::max());
        ++busy_[region];
    }
    recent_.set(regions);
}

void MirrorMaps::end(const RegionRun& regions) {
    for (std::uint64_t region = regions.first; region < regions.end(); ++region) {
        DST_ASSERT(busy_[region] != 0);
        --busy_[region];
    }
    recent_.set(regions);
}

void MirrorMaps::expect(const RegionRun& regions) {
    intent().set(regions);
    recent_.set(regions);
}

void MirrorMaps::all_durable() { durable_ = intent(); }

void MirrorMaps::slot_durable(std::uint64_t slot, std::span<const std::uint64_t> words) {
    const std::span<const std::uint64_t> now = intent().slot_words_of(slot);
    const std::span<const std::uint64_t> had = durable_.slot_words_of(slot);
    DST_ASSERT(words.size() == now.size());
    // A bit that was cleared meanwhile is not durable, whatever was written.
    for (std::size_t i = 0; i < words.size(); ++i) {
        if ((had[i] | (words[i] & now[i])) != had[i]) durable_.replace_slot_word(slot, i, had[i] | (words[i] & now[i]));
    }
}

RegionMap MirrorMaps::idle() {
    RegionMap found(intent().regions(), intent().region_bytes());
    for (auto run = durable_.next_run(0); run; run = durable_.next_run(run->end())) {
        for (std::uint64_t region = run->first; region < run->end(); ++region) {
            if (busy_[region] == 0 && !recent_.test(region) && !before_.test(region)) found.set(region);
        }
    }
    before_ = recent_;
    recent_.clear_all();
    return found;
}

bool MirrorMaps::still_idle(std::uint64_t region) const noexcept {
    return busy_[region] == 0 && !recent_.test(region) && !before_.test(region);
}

void MirrorMaps::clear_intent(std::uint64_t region) {
    intent().clear(region);
    durable_.clear(region);
}

}  // namespace dst
