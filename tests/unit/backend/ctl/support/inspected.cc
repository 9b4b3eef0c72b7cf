#include "support/inspected.h"

#include <algorithm>
#include <cstring>

#include "media/bytes.h"
#include "media/envelope.h"
#include "media/layout.h"

namespace dst::ctl {

Id make_id(std::uint8_t seed) {
    Id id;
    id.bytes.fill(seed);
    return id;
}

Label sample_label() {
    return {.medium = make_id(1),
            .storage = make_id(2),
            .storage_name = "vol0",
            .place = "/1",
            .member = 1,
            .size_bytes = leaf_bytes,
            .logical_block_bytes = 512,
            .promised = {4, make_id(3)},
            .served = {4, make_id(3)},
            .sequence = 9};
}

Record sample_record(std::uint64_t member_bytes) {
    Record record;
    record.storage = make_id(2);
    record.mirror = make_id(5);
    record.medium = make_id(6);
    record.generation = 7;
    record.generation_id = make_id(7);
    record.lineage = {make_id(8)};
    record.revision = 12;
    record.epoch = {4, make_id(3)};
    record.size_bytes = mirror_layout(member_bytes, region_bytes).data_bytes;
    record.logical_block_bytes = 512;
    record.region_bytes = region_bytes;
    record.next_number = 3;
    RecordMember here{.number = 1, .name = "/dev/sdb", .revision = 12, .size_bytes = member_bytes};
    here.leaves = {{.place = "/1",
                    .medium = make_id(1),
                    .size_bytes = leaf_bytes,
                    .logical_block_bytes = 512,
                    .physical_block_bytes = 512}};
    RecordMember other = here;
    other.number = 2;
    other.name = "node:1/disk0";
    other.state = MemberState::dirty;
    other.last_generation = make_id(8);
    other.leaves[0].place = "/2";
    other.leaves[0].medium = make_id(9);
    record.members = {here, other};
    return record;
}

Record filled_record() {
    Record filled = sample_record(leaf_bytes);
    filled.lineage = {make_id(0x76), make_id(0x75), make_id(8)};
    filled.forced = true;
    filled.ordered = make_id(0x76);
    filled.members[0].incarnation = {make_id(0x88)};
    filled.members[1].incarnation = {make_id(0x99)};
    filled.members[1].may_have = {{make_id(0x76), 11, {3, make_id(0x44)}, true}, {make_id(0x74), 10, {}, false}};
    filled.members[1].leaves[0].physical_block_bytes = 4096;
    return filled;
}

Journal filled_journal() {
    Journal journal;
    journal.storage = make_id(2);
    journal.storage_name = "vol0";
    journal.machine = make_id(0xaa);
    journal.file = 0x1267;
    journal.established = {4, make_id(3)};
    journal.epoch_tried = 5;
    journal.size_bytes = 15 * mib;
    journal.logical_block_bytes = 512;
    journal.records = {filled_record()};
    journal.leaves = {filled_record().members[1].leaves[0]};
    journal.order = StartOrder::resolve;
    journal.discards = {{make_id(5), 2}, {make_id(0x50), 1}};
    journal.served_orders = {{make_id(4), make_id(7)}};
    journal.sequence = 21;
    return journal;
}

Bytes of_version(Bytes copy, std::uint8_t version) {
    Magic magic;
    std::memcpy(magic.data(), copy.data(), magic.size());
    const std::size_t length = open_envelope(copy, magic).length;
    copy[8] = std::byte{version};
    const std::span checksum = std::span(copy).subspan(12, 4);
    std::fill(checksum.begin(), checksum.end(), std::byte{0});
    ByteWriter(checksum).u32(crc32c({std::span(copy).first(length)}));
    return copy;
}

Result<Bytes> MemoryLeaf::read(const Extent& extent) {
    if (!extent.fits(bytes_.size())) return Error{Errc::invalid_argument, "beyond the end"};
    auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(extent.offset);
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(extent.length));
}

void MemoryLeaf::write(std::uint64_t offset, const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

void MemoryLeaf::write_record(std::uint64_t end, const Record& record, std::uint64_t sequence) {
    for (unsigned copy = 0; copy < 2; ++copy) {
        write(end - (2 - copy) * record_copy_bytes, *encode_record(record, sequence + copy));
    }
}

void MemoryLeaf::write_map(unsigned place, const Record& record, const MapIdentity& identity, const RegionMap& map) {
    MirrorLayout layout = mirror_layout(leaf_bytes, record.region_bytes);
    Bytes slot(map_slot_bytes);
    for (unsigned copy = 0; copy < 2; ++copy) {
        encode_map_slot(slot_of_map(map, identity, 0), {copy + 1, record.revision}, slot);
        write(layout.map_slot(place, 0, copy).offset, slot);
    }
}

MemoryLeaf mirror_leaf() {
    MemoryLeaf leaf;
    Record of_mirror = sample_record(leaf_bytes);
    leaf.write_record(leaf_bytes, of_mirror);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    map.set(RegionRun{4, 2});
    leaf.write_map(0, of_mirror, {of_mirror.mirror, MapKind::intent, 0}, map);
    map.set(8);
    leaf.write_map(1, of_mirror, {of_mirror.mirror, MapKind::owed, 2}, map);
    return leaf;
}

Bytes labelled(const MemoryLeaf& leaf) {
    Bytes medium = leaf.bytes();
    medium.resize(leaf_bytes + label_area_bytes);
    LabelImage image = encode_label(sample_label());
    for (unsigned copy = 0; copy < 2; ++copy) {
        Extent extent = label_copy(medium.size(), copy);
        std::copy(image.begin(), image.end(), medium.begin() + static_cast<std::ptrdiff_t>(extent.offset));
    }
    return medium;
}

}  // namespace dst::ctl
