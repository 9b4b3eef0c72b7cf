#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/record.h"
#include "media/region_map.h"

namespace dst {

/// The intent map and the owed maps of one mirror as its head has them in memory, and what it must know of each region
/// to set and clear intent bits (M3, M4). No I/O: Mirror writes the slots that are dirty here to its members.
///
/// Invariant, for every member that is not in sync: the regions it lacks are set in its owed map or in the intent map,
/// durably on every member in sync.
class MirrorMaps {
public:
    struct Table {
        MapIdentity identity;
        RegionMap map;
    };

    MirrorMaps() = default;
    /// No intent; nothing owed to members in sync, everything to the others. All slots clean.
    explicit MirrorMaps(const Record& record);

    /// The intent map first, then one owed map per member of the record.
    std::vector<Table>& tables() noexcept { return tables_; }
    RegionMap& intent() noexcept { return tables_.front().map; }
    const RegionMap& intent() const noexcept { return tables_.front().map; }
    /// Null: no such member.
    RegionMap* owed(std::uint32_t member) noexcept;
    const RegionMap* owed(std::uint32_t member) const noexcept;
    bool empty() const noexcept { return tables_.empty(); }
    /// Some slot of some map is not on the members as it is here.
    bool any_dirty() const noexcept;

    /// A change of these regions begins; they are busy until end().
    void begin(const RegionRun& regions);
    void end(const RegionRun& regions);

    /// Sets their intent bits, as if they were changed now.
    void expect(const RegionRun& regions);

    /// Their intent bits are durable on every member in sync, and nobody is about to clear them.
    bool durable(const RegionRun& regions) const noexcept { return durable_.test_all(regions); }
    /// What the intent map says now is on the members: after a start.
    void all_durable();
    /// `words` of a slot of the intent map have become durable.
    void slot_durable(std::uint64_t slot, std::span<const std::uint64_t> words);

    /// Regions with a durable bit that were not changed since the call before the last, and are not busy.
    RegionMap idle();
    /// Not busy, and not changed since the call of idle() that found it so.
    bool still_idle(std::uint64_t region) const noexcept;
    bool busy(std::uint64_t region) const noexcept { return busy_[region] != 0; }
    /// Takes an intent bit away; it counts as clear from now on.
    void clear_intent(std::uint64_t region);

private:
    std::vector<Table> tables_;
    RegionMap durable_;  ///< intent bits on every member in sync
    RegionMap recent_;   ///< changed since the last idle()
    RegionMap before_;   ///< changed between the last two
    /// Changes under way per region. Only memory bounds them: of an exported tree each session may have some hundred
    /// discards in flight. 1 MiB for 2^18 regions, which a mirror has at most unless the file asks for smaller ones.
    std::vector<std::uint32_t> busy_;
};

}  // namespace dst
