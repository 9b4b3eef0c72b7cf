#include "support/samples.h"

namespace dst::test {

Id id_of(std::uint8_t value) {
    Id id;
    id.bytes.fill(value);
    return id;
}

Label sample_label() {
    Label label;
    label.medium = id_of(0x11);
    label.storage = id_of(0x22);
    label.storage_name = "vol0";
    label.place = "/2.0";
    label.member = 2;
    label.size_bytes = 10ull << 30;
    label.logical_block_bytes = 512;
    label.promised = {4, id_of(0x33)};
    label.served = {3, id_of(0x44)};
    label.sequence = 9;
    return label;
}

Record sample_record() {
    Record record;
    record.storage = id_of(0x22);
    record.mirror = id_of(0x55);
    record.medium = id_of(0x66);
    record.generation = 7;
    record.generation_id = id_of(0x77);
    record.lineage = {id_of(0x76), id_of(0x75)};
    record.revision = 12;
    record.epoch = {4, id_of(0x33)};
    record.forced = true;
    record.ordered = id_of(0x76);
    record.size_bytes = 10ull << 30;
    record.logical_block_bytes = 512;
    record.region_bytes = 1u << 20;
    record.next_number = 3;
    RecordMember first;
    first.number = 1;
    first.name = "a:7790/d";
    first.state = MemberState::in_sync;
    first.incarnation = {id_of(0x88)};
    first.revision = 12;
    first.size_bytes = (10ull << 30) + 131072;
    first.leaves = {{"/1", id_of(0x12), (10ull << 30) + 131072, 512, 4096}};
    RecordMember second;
    second.number = 2;
    second.name = "/dev/sdb";
    second.state = MemberState::dirty;
    second.incarnation = {id_of(0x99)};
    second.revision = 10;
    second.last_generation = id_of(0x75);
    second.may_have = {{id_of(0x76), 11, {3, id_of(0x44)}, true}};
    second.size_bytes = 11ull << 30;
    second.leaves = {{"/2.0", id_of(0x11), 5ull << 30, 512, 512}, {"/2.1", id_of(0x13), 6ull << 30, 512, 512}};
    record.members = {first, second};
    return record;
}

Journal sample_journal() {
    Journal journal;
    journal.storage = id_of(0x22);
    journal.storage_name = "vol0";
    journal.machine = id_of(0xaa);
    journal.file = 4711;
    journal.established = {4, id_of(0x33)};
    journal.epoch_tried = 5;
    journal.size_bytes = 10ull << 30;
    journal.logical_block_bytes = 512;
    Record unknown;
    unknown.storage = id_of(0x22);
    unknown.logical_block_bytes = 512;
    unknown.region_bytes = map_slot_bytes;
    journal.records = {sample_record(), unknown};
    journal.leaves = {{"/1", id_of(0x12), (10ull << 30) + 131072, 512, 4096}};
    journal.order = StartOrder::resolve;
    journal.discards = {{id_of(0x55), 2}, {id_of(0x5a), 1}};
    journal.served_orders = {{id_of(0x55), id_of(0x76)}};
    journal.sequence = 21;
    return journal;
}

RegionMap sample_map() {
    RegionMap map(100, 1u << 20);
    for (const std::uint64_t region : {0, 1, 63, 64, 99}) map.set(region);
    return map;
}

MapIdentity sample_map_identity() { return {id_of(0x55), MapKind::owed, 2}; }

std::span<const std::byte> bytes_of(const LabelImage& image) { return image; }

}  // namespace dst::test
