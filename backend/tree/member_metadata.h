#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/block_device.h"
#include "media/layout.h"
#include "media/record.h"
#include "media/region_map.h"

namespace dst {

/// What lies in a member's place for the record.
struct FoundRecord {
    std::optional<Record> record;  ///< the newest good copy's
    std::uint64_t sequence = 0;    ///< of that copy
    unsigned copy = 0;             ///< which one it is
    bool damaged = false;          ///< something is there, and no copy is good
};

/// Reads and writes the metadata that a mirror keeps at the end of one member (media/layout.h), through the member's
/// device. Everything here is beside the data path and allocates. Operations may overlap; writes of the record must
/// not. The device must be up for any of them to succeed, and outlive them.
class MemberMetadata {
public:
    explicit MemberMetadata(BlockDevice& device) : device_(device) {}

    /// Both copies of the record are read; an error only when neither could be.
    void read_record(Callback<FoundRecord> done);
    /// Writes the copy that is not the newest good one, durably (FUA). Knows which by read_record() or its own writes.
    void write_record(const Record& record, Callback<void> done);

    /// The intent map of the mirror of `record` as this member holds it. Unreadable or foreign slots are all ones.
    void read_intent_map(const Record& record, Callback<RegionMap> done);
    /// Writes every slot of a map, durably.
    void write_map(const Record& record, const MapIdentity& identity, const RegionMap& map, Callback<void> done);

    /// A map as `record` and the device's size want it: no bit set.
    RegionMap empty_map(const Record& record) const;

private:
    class ReadRecord;
    class ReadMap;
    class WriteMap;

    std::vector<MapSlotPlace>& places(unsigned map, std::uint64_t slots);
    /// Where a mirror keeps the map of `identity`: 0 the intent map, then the owed maps.
    static unsigned map_place(const Record& record, const MapIdentity& identity);

    BlockDevice& device_;
    std::uint64_t sequence_ = 0;
    unsigned next_copy_ = 0;
    std::vector<std::vector<MapSlotPlace>> places_;
};

}  // namespace dst
