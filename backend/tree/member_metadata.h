#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "block/block_device.h"
#include "media/layout.h"
#include "media/record.h"
#include "media/region_map.h"

namespace dst {

/// The owed map of a member of the mirror.
struct MemberMap {
    std::uint32_t member = 0;  ///< its number in the record
    RegionMap map;
};

/// What lies in a member's place for the record.
struct FoundRecord {
    std::optional<Record> record;  ///< the newest good copy's
    bool damaged = false;          ///< something is there, and no copy is good
};

/// Reads and writes the metadata that a mirror keeps at the end of one member (media/layout.h), through the member's
/// device. Everything here is beside the data path and allocates. Operations may overlap; writes of the record must
/// not. The device must be up for any of them to succeed, and outlive them.
class MemberMetadata {
public:
    explicit MemberMetadata(BlockDevice& device) : device_(device) {}

    /// Both copies of the record are read. An error when neither could be, and not_supported when the newest one is of
    /// another version of DST.
    void read_record(Callback<FoundRecord> done);
    /// Writes the copy that is not the newest good one, durably (FUA), and then the other one, so that either may rot
    /// later. Knows which by read_record() or its own writes.
    void write_record(const Record& record, Callback<void> done);
    /// Zeroes both copies, durably. Broken off, it may leave either: for media that nobody starts from meanwhile.
    void erase_record(Callback<void> done);

    /// The number of this member in its mirror's record: its own owed map is not kept on it.
    void set_number(std::uint32_t number) noexcept { number_ = number; }

    /// A map of the mirror of `record` as this member holds it. Slots that are unreadable, or of another map, are all
    /// ones, and dirty.
    void read_map(const Record& record, const MapIdentity& identity, Callback<RegionMap> done);
    void read_intent_map(const Record& record, Callback<RegionMap> done);
    /// Makes a map durable on this member: reads what is there and writes the slots that differ, and those of which a
    /// copy is not good, until both are. Not for the member's own owed map.
    void write_map(const Record& record, const MapIdentity& identity, const RegionMap& map, Callback<void> done);

    /// One slot as it is to be written now, of a map that was read or written here before: where, and the bytes. To be
    /// followed by slot_written() when it is durable.
    Extent next_slot(const Record& record, const MapSlot& slot, std::span<std::byte> into);
    void slot_written(const Record& record, const MapIdentity& identity, std::uint64_t slot);

    /// A map as `record` and the device's size want it: no bit set.
    RegionMap empty_map(const Record& record) const;

private:
    class ReadRecord;
    class WriteRecord;
    class ReadMap;
    class WriteMap;

    std::vector<MapSlotPlace>& places(unsigned map, std::uint64_t slots);
    /// Where a mirror keeps the map of `identity`: 0 the intent map, then the owed maps.
    unsigned map_place(const Record& record, const MapIdentity& identity) const;

    BlockDevice& device_;
    std::uint32_t number_ = 0;
    std::uint64_t sequence_ = 0;
    unsigned next_copy_ = 0;
    bool may_lie_in_cache_ = false;  ///< the newest record was only read, and the other copy is older
    std::vector<std::vector<MapSlotPlace>> places_;
};

}  // namespace dst
