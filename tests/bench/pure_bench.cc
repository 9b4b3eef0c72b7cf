// The parts without I/O that are on the path of requests, or of a start.
#include <benchmark/benchmark.h>

#include "media/bytes.h"
#include "media/journal.h"
#include "media/record.h"
#include "media/region_map.h"
#include "wire/frame.h"

namespace dst {
namespace {

Id id_of(std::uint8_t byte) {
    Id id;
    id.bytes.fill(byte);
    return id;
}

wire::Header write_order() {
    wire::Header header;
    header.kind = wire::Kind::write;
    header.request = 4711;
    header.extent = {1u << 30, 4096};
    header.payload_bytes = 4096;
    header.payload_crc = 0x12345678;
    return header;
}

void frame_encode(benchmark::State& state) {
    const wire::Header header = write_order();
    wire::HeaderBytes bytes;
    for (auto _ : state) {
        wire::encode_header(header, bytes);
        benchmark::DoNotOptimize(bytes);
    }
}
BENCHMARK(frame_encode);

void frame_decode(benchmark::State& state) {
    wire::HeaderBytes bytes;
    wire::encode_header(write_order(), bytes);
    for (auto _ : state) benchmark::DoNotOptimize(wire::decode_header(bytes));
}
BENCHMARK(frame_decode);

void checksum(benchmark::State& state) {
    const Bytes bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
    for (auto _ : state) benchmark::DoNotOptimize(crc32c({bytes}));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(4096)->Arg(1 << 20);

/// 16 TiB in regions of 64 MiB: what a mirror of that size has.
RegionMap large_map() { return {1u << 18, 64u << 20}; }

/// What every write of a mirror does: the bit is set already.
void map_test(benchmark::State& state) {
    RegionMap map = large_map();
    map.set_all();
    std::uint64_t at = 0;
    for (auto _ : state) {
        at = (at + 0x9e3779b97f4a7c15) & ((std::uint64_t{1} << 44) - 1);
        benchmark::DoNotOptimize(map.test_all(map.regions_of({at / 4096 * 4096, 4096})));
    }
}
BENCHMARK(map_test);

void map_set_and_clear(benchmark::State& state) {
    RegionMap map = large_map();
    std::uint64_t region = 0;
    for (auto _ : state) {
        region = (region + 77777) % map.regions();
        benchmark::DoNotOptimize(map.set(region));
        benchmark::DoNotOptimize(map.clear(region));
    }
}
BENCHMARK(map_set_and_clear);

void map_next_run_of_an_empty_map(benchmark::State& state) {
    const RegionMap map = large_map();
    for (auto _ : state) benchmark::DoNotOptimize(map.next_run(0));
}
BENCHMARK(map_next_run_of_an_empty_map);

void map_slot_encode(benchmark::State& state) {
    RegionMap map = large_map();
    map.set(12345);
    const MapIdentity identity{id_of(1), MapKind::intent, 0};
    Bytes slot(map_slot_bytes);
    for (auto _ : state) {
        encode_map_slot(slot_of_map(map, identity, 0), {7, 9}, slot);
        benchmark::DoNotOptimize(slot.data());
    }
}
BENCHMARK(map_slot_encode);

void map_slot_choose(benchmark::State& state) {
    RegionMap map = large_map();
    map.set(12345);
    const MapIdentity identity{id_of(1), MapKind::intent, 0};
    std::array<Bytes, 2> copies{Bytes(map_slot_bytes), Bytes(map_slot_bytes)};
    for (std::uint64_t i = 0; i < 2; ++i) encode_map_slot(slot_of_map(map, identity, 0), {7 + i, 9}, copies[i]);
    for (auto _ : state) benchmark::DoNotOptimize(choose_map_slot(copies[0], copies[1], identity, 0, map));
}
BENCHMARK(map_slot_choose);

/// Eight members of four leaves each.
Record large_record() {
    Record record;
    record.storage = id_of(1);
    record.mirror = id_of(2);
    record.region_bytes = 64u << 20;
    record.logical_block_bytes = 512;
    record.next_number = 9;
    for (std::uint8_t i = 0; i < lineage_kept; ++i) record.lineage.push_back(id_of(i));
    for (std::uint32_t number = 1; number <= mirror_members_max; ++number) {
        RecordMember member;
        member.number = number;
        member.name = "node1.example:7790/disk" + std::to_string(number);
        for (unsigned leaf = 0; leaf < 4; ++leaf) {
            RecordLeaf& added = member.leaves.emplace_back();
            added.place = "/" + std::to_string(number) + "." + std::to_string(leaf);
            added.size_bytes = 1u << 30;
        }
        record.members.push_back(member);
    }
    return record;
}

void record_encode(benchmark::State& state) {
    const Record record = large_record();
    for (auto _ : state) benchmark::DoNotOptimize(encode_record(record, 7));
}
BENCHMARK(record_encode);

void record_decode(benchmark::State& state) {
    const Bytes copy = *encode_record(large_record(), 7);
    for (auto _ : state) benchmark::DoNotOptimize(decode_record(copy));
}
BENCHMARK(record_decode);

void journal_encode(benchmark::State& state) {
    Journal journal;
    journal.storage_name = "vol0";
    journal.logical_block_bytes = 512;
    journal.records.assign(4, large_record());
    for (auto _ : state) benchmark::DoNotOptimize(encode_journal(journal));
}
BENCHMARK(journal_encode);

}  // namespace
}  // namespace dst
