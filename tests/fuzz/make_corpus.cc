#include <filesystem>
#include <fstream>
#include <string>

#include "framed.h"
#include "media/journal.h"
#include "media/label.h"
#include "media/record.h"
#include "media/region_map.h"
#include "wire/payload.h"

namespace {

using namespace dst;

/// An input is a mode byte and what follows it.
void write_seed(const std::filesystem::path& root, const std::string& fuzzer, const std::string& name, unsigned mode,
                std::span<const std::byte> bytes) {
    std::filesystem::create_directories(root / fuzzer);
    std::ofstream file(root / fuzzer / name, std::ios::binary);
    file.put(static_cast<char>(mode));
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// Both forms of a copy: as it lies there, and the content for an envelope made anew.
void write_copy(const std::filesystem::path& root, const std::string& fuzzer, std::span<const std::byte> copy) {
    write_seed(root, fuzzer, "whole", 0, copy);
    write_seed(root, fuzzer, "content", 1, copy.subspan(32));
    write_seed(root, fuzzer, "cut-short", 0, copy.first(copy.size() / 2));
}

Record sample_record() {
    Record record;
    record.storage.bytes[0] = 1;
    record.mirror.bytes[0] = 2;
    record.generation_id.bytes[0] = 3;
    record.lineage.resize(2);
    record.size_bytes = 1u << 30;
    record.logical_block_bytes = 512;
    record.region_bytes = 1u << 20;
    record.next_number = 3;
    for (std::uint32_t number = 1; number <= 2; ++number) {
        RecordMember member;
        member.number = number;
        member.name = "node" + std::to_string(number) + ":7790/disk0";
        member.size_bytes = record.size_bytes;
        member.leaves.push_back({"/" + std::to_string(number), {}, record.size_bytes, 512, 4096});
        member.may_have = {{record.generation_id, 5, {2, record.mirror}, number == 1}};
        record.members.push_back(member);
    }
    return record;
}

void write_media(const std::filesystem::path& root) {
    Label label;
    label.medium.bytes[0] = 1;
    label.storage_name = "vol0";
    label.place = "/1";
    label.member = 1;
    label.size_bytes = 1u << 30;
    label.logical_block_bytes = 512;
    label.sequence = 1;
    write_copy(root, "label", encode_label(label));
    write_copy(root, "record", encode_record(sample_record(), 7).value());
    Journal journal;
    journal.storage_name = "vol0";
    journal.established = {3, {}};
    journal.size_bytes = 1u << 30;
    journal.logical_block_bytes = 512;
    journal.records.push_back(sample_record());
    journal.leaves = sample_record().members.front().leaves;
    journal.sequence = 4;
    write_copy(root, "journal", encode_journal(journal).value());
    RegionMap map(100, 1u << 20);
    map.set(RegionRun{10, 20});
    Bytes slot(map_slot_bytes);
    encode_map_slot(slot_of_map(map, {sample_record().mirror, MapKind::owed, 2}, 0), {5, 6}, slot);
    write_copy(root, "map_slot", slot);
}

wire::Header order(wire::Kind kind, std::uint64_t request) {
    wire::Header header;
    header.kind = kind;
    header.request = request;
    return header;
}

void write_wire(const std::filesystem::path& root) {
    write_seed(root, "frame", "hello", 0, wire::encode(wire::Hello{1, 1, 1, "dst"}));
    write_seed(root, "frame", "open", 2, wire::encode(wire::Open{"disk0", {}, "/1", {3, {}}, "tgtd[1]", {}, {}}));
    write_seed(root, "frame", "open-answer", 4, wire::encode(wire::OpenAnswer{}));
    write_seed(root, "frame", "peek", 6, wire::encode(Peek{}));
    write_seed(root, "frame", "probe", 8, wire::encode(Probe{LabelState::absent, "ext4", false}));
    write_seed(root, "frame", "promise", 10, wire::encode(wire::PromiseOrder{}));
    write_seed(root, "frame", "label-order", 14, wire::encode(wire::LabelOrder{}));

    Bytes reads;
    wire::Header header = order(wire::Kind::read, 3);
    header.extent = {4096, 8192};
    fuzz::append_frame(reads, header, {});
    write_seed(root, "frame", "header", 1, reads);
    header = order(wire::Kind::hash, 4);
    header.extent = {0, 65536};
    header.hash_piece_bytes = 4096;
    fuzz::append_frame(reads, header, {});
    fuzz::append_frame(reads, order(wire::Kind::flush, 5), {});
    fuzz::append_frame(reads, order(wire::Kind::ping, 6), {});
    write_seed(root, "server_session", "reads", 3, reads);

    Bytes writes;
    header = order(wire::Kind::write, 3);
    header.extent = {0, 1024};
    header.fua = true;
    fuzz::append_frame(writes, header, Bytes(1024));
    header = order(wire::Kind::unmap, 4);
    header.extent = {4096, 8192};
    fuzz::append_frame(writes, header, {});
    fuzz::append_frame(writes, order(wire::Kind::close, 5), {});
    write_seed(root, "server_session", "writes", 3, writes);

    Bytes control;
    fuzz::append_frame(control, order(wire::Kind::peek, 3), {});
    fuzz::append_frame(control, order(wire::Kind::probe, 4), {});
    fuzz::append_frame(control, order(wire::Kind::promise, 5), wire::encode(wire::PromiseOrder{}));
    fuzz::append_frame(control, order(wire::Kind::label, 6), wire::encode(wire::LabelOrder{}));
    write_seed(root, "server_session", "control", 3, control);

    Bytes opening;
    fuzz::append_frame(opening, order(wire::Kind::hello, 1), wire::encode(wire::Hello{1, 1, 1, "dst"}));
    write_seed(root, "server_session", "hello", 0, opening);

    Bytes answer;
    header = order(wire::Kind::read, 3);
    header.answer = true;
    header.extent = {0, 8192};
    fuzz::append_frame(answer, header, Bytes(8192));
    write_seed(root, "remote_leaf", "read-answer", 7, answer);
    Bytes failed;
    header = order(wire::Kind::write, 4);
    header.answer = true;
    header.extent = {0, 8192};
    header.status = Errc::medium_error;
    fuzz::append_frame(failed, header, {});
    write_seed(root, "remote_leaf", "write-failed", 7, failed);
    Bytes hello;
    header = order(wire::Kind::hello, 1);
    header.answer = true;
    fuzz::append_frame(hello, header, wire::encode(wire::Hello{1, 1, 1, "dst"}));
    write_seed(root, "remote_leaf", "hello-answer", 1, hello);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    write_media(argv[1]);
    write_wire(argv[1]);
    return 0;
}
