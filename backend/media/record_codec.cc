#include "media/record_codec.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "media/layout.h"

namespace dst {
namespace {

constexpr std::uint32_t flag_forced = 1;
constexpr std::uint32_t flag_write_through = 2;
constexpr std::uint32_t flag_ordered = 1;
constexpr std::size_t leaves_max = std::numeric_limits<std::uint16_t>::max();

bool region_size_valid(std::uint64_t bytes) noexcept {
    return std::has_single_bit(bytes) && bytes >= map_slot_bytes && bytes <= (std::uint64_t{1} << 40);
}

bool state_valid(std::uint8_t state) noexcept {
    return state >= static_cast<std::uint8_t>(MemberState::in_sync) &&
           state <= static_cast<std::uint8_t>(MemberState::detached);
}

void write_member(ByteWriter& writer, const RecordMember& member) {
    writer.u32(member.number);
    writer.u8(static_cast<std::uint8_t>(member.state));
    writer.u8(static_cast<std::uint8_t>(member.may_have.size()));
    writer.zeroes(2);
    writer.id(member.incarnation.id);
    writer.u64(member.revision);
    writer.id(member.last_generation);
    writer.u64(member.size_bytes);
    writer.text(member.name);
    writer.u16(static_cast<std::uint16_t>(std::min(member.leaves.size(), leaves_max)));
    for (const RecordLeaf& leaf : member.leaves) write_leaf(writer, leaf);
    for (const MayHave& one : member.may_have) {
        writer.id(one.generation);
        writer.u64(one.revision);
        writer.epoch(one.known_to);
        writer.u32(one.ordered ? flag_ordered : 0);
    }
}

RecordMember read_member(ByteReader& reader) {
    RecordMember member;
    member.number = reader.u32();
    const std::uint8_t state = reader.u8();
    const std::size_t may_have = reader.u8();
    reader.skip(2);
    if (may_have > may_have_max) reader.fail();
    member.incarnation.id = reader.id();
    member.revision = reader.u64();
    member.last_generation = reader.id();
    member.size_bytes = reader.u64();
    member.name = reader.text();
    const std::size_t leaves = reader.u16();
    for (std::size_t i = 0; i < leaves && reader.ok(); ++i) member.leaves.push_back(read_leaf(reader));
    for (std::size_t i = 0; i < may_have && reader.ok(); ++i) {
        MayHave one;
        one.generation = reader.id();
        one.revision = reader.u64();
        one.known_to = reader.epoch();
        one.ordered = (reader.u32() & flag_ordered) != 0;
        member.may_have.push_back(one);
    }
    if (state_valid(state)) {
        member.state = static_cast<MemberState>(state);
    } else {
        reader.fail();
    }
    return member;
}

bool numbers_valid(const Record& record) noexcept {
    for (std::size_t i = 0; i < record.members.size(); ++i) {
        const std::uint32_t number = record.members[i].number;
        if (number == 0 || number >= record.next_number) return false;
        for (std::size_t j = 0; j < i; ++j) {
            if (record.members[j].number == number) return false;
        }
    }
    return true;
}

}  // namespace

bool block_size_valid(std::uint32_t bytes) noexcept {
    return std::has_single_bit(bytes) && bytes >= 512 && bytes <= 65536;
}

void write_leaf(ByteWriter& writer, const RecordLeaf& leaf) {
    writer.id(leaf.medium);
    writer.u64(leaf.size_bytes);
    writer.u32(leaf.logical_block_bytes);
    writer.u32(leaf.physical_block_bytes);
    writer.text(leaf.place);
}

RecordLeaf read_leaf(ByteReader& reader) {
    RecordLeaf leaf;
    leaf.medium = reader.id();
    leaf.size_bytes = reader.u64();
    leaf.logical_block_bytes = reader.u32();
    leaf.physical_block_bytes = reader.u32();
    leaf.place = reader.text();
    for (const std::uint32_t bytes : {leaf.logical_block_bytes, leaf.physical_block_bytes}) {
        if (bytes != 0 && !std::has_single_bit(bytes)) reader.fail();
    }
    return leaf;
}

void write_record(ByteWriter& writer, const Record& record) {
    writer.id(record.storage);
    writer.id(record.mirror);
    writer.id(record.medium);
    writer.u64(record.generation);
    writer.id(record.generation_id);
    writer.u64(record.revision);
    writer.epoch(record.epoch);
    writer.u64(record.size_bytes);
    writer.u64(record.region_bytes);
    writer.u32(record.logical_block_bytes);
    writer.u32(record.next_number);
    writer.u32((record.forced ? flag_forced : 0) | (record.write_through ? flag_write_through : 0));
    writer.id(record.ordered);
    writer.u16(static_cast<std::uint16_t>(record.members.size()));
    writer.u16(static_cast<std::uint16_t>(record.lineage.size()));
    for (const Id& generation : record.lineage) writer.id(generation);
    for (const RecordMember& member : record.members) write_member(writer, member);
}

Record read_record(ByteReader& reader) {
    Record record;
    record.storage = reader.id();
    record.mirror = reader.id();
    record.medium = reader.id();
    record.generation = reader.u64();
    record.generation_id = reader.id();
    record.revision = reader.u64();
    record.epoch = reader.epoch();
    record.size_bytes = reader.u64();
    record.region_bytes = reader.u64();
    record.logical_block_bytes = reader.u32();
    record.next_number = reader.u32();
    const std::uint32_t flags = reader.u32();
    record.forced = (flags & flag_forced) != 0;
    record.write_through = (flags & flag_write_through) != 0;
    record.ordered = reader.id();
    const std::size_t members = reader.u16();
    const std::size_t lineage = reader.u16();
    if (members > mirror_members_max || lineage > lineage_max) reader.fail();
    for (std::size_t i = 0; i < lineage && reader.ok(); ++i) record.lineage.push_back(reader.id());
    for (std::size_t i = 0; i < members && reader.ok(); ++i) record.members.push_back(read_member(reader));
    if (!block_size_valid(record.logical_block_bytes) || !region_size_valid(record.region_bytes) ||
        !numbers_valid(record)) {
        reader.fail();
    }
    return record;
}

}  // namespace dst
