#pragma once

#include <cstdint>

#include "ctl/inspection.h"
#include "support/plain_terminal.h"

/// What `dstctl inspect` is shown.
namespace dst::ctl {

constexpr std::uint64_t leaf_bytes = 16 * mib;
constexpr std::uint64_t region_bytes = 1 * mib;

Id make_id(std::uint8_t seed);

Label sample_label();
/// Of a mirror whose member 1 is `member_bytes` long and ends in the labelled leaf. Member 2 is dirty.
Record sample_record(std::uint64_t member_bytes);
/// All that a record may have.
Record filled_record();
/// All that a journal may have.
Journal filled_journal();

/// The copy as an intact one of another version.
Bytes of_version(Bytes copy, std::uint8_t version);

/// Where a copy of the record lies on a member that is one leaf.
constexpr std::uint64_t record_at(unsigned copy) { return leaf_bytes - (2 - copy) * record_copy_bytes; }

/// A leaf's bytes in memory.
class MemoryLeaf : public LeafReader {
public:
    explicit MemoryLeaf(std::uint64_t size = leaf_bytes) : bytes_(size) {}

    Result<Bytes> read(const Extent& extent) override;
    void write(std::uint64_t offset, const Bytes& bytes);
    /// Both copies of a record of a mirror whose member ends at `end` of the leaf.
    void write_record(std::uint64_t end, const Record& record, std::uint64_t sequence = 3);
    /// Both copies of the first slot, with sequences 1 and 2.
    void write_map(unsigned place, const Record& record, const MapIdentity& identity, const RegionMap& map);
    /// One byte, so that a copy that has it is damaged.
    void rot(std::uint64_t offset) { write(offset, Bytes(1, std::byte{0xff})); }
    const Bytes& bytes() const { return bytes_; }

private:
    Bytes bytes_;
};

/// A leaf of a mirror with its intent map, in which 2 regions are set, and member 2's owed map with 3.
MemoryLeaf mirror_leaf();

/// The leaf's bytes with the label area behind them, the label in both copies.
Bytes labelled(const MemoryLeaf& leaf);

}  // namespace dst::ctl
