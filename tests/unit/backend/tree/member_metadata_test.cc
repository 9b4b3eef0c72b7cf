#include "tree/member_metadata.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "media/bytes.h"
#include "media/envelope.h"
#include "support/fake_device.h"
#include "support/test_request.h"

namespace dst {
namespace {

class MemberMetadataTest : public ::testing::Test {
protected:
    MemberMetadataTest() {
        record.mirror = loop.random_id();
        record.storage = loop.random_id();
        record.generation_id = loop.random_id();
        record.region_bytes = 1u << 20;
        record.size_bytes = 4u << 20;
        record.logical_block_bytes = 512;
    }
    Result<FoundRecord> read() {
        MemberMetadata fresh(device);
        std::optional<Result<FoundRecord>> found;
        fresh.read_record([&](Result<FoundRecord> result) { found = std::move(result); });
        loop.run_until([&] { return found.has_value(); });
        return *found;
    }
    Result<void> write(const Record& what) {
        std::optional<Result<void>> written;
        metadata.write_record(what, [&](Result<void> result) { written = std::move(result); });
        loop.run_until([&] { return written.has_value(); });
        return *written;
    }

    Extent record_copy(unsigned copy) const {
        return mirror_layout(device.geometry().size_bytes, record.region_bytes).record_copy(copy);
    }
    RegionMap read_map(const MapIdentity& identity) {
        MemberMetadata fresh(device);
        std::optional<RegionMap> map;
        fresh.read_map(record, identity, [&](Result<RegionMap> read) { map = std::move(*read); });
        loop.run_until([&] { return map.has_value(); });
        return *map;
    }
    void write_map(const MapIdentity& identity, const RegionMap& map) {
        bool written = false;
        metadata.write_map(record, identity, map, [&](const Result<void>& result) { written = result.has_value(); });
        loop.run_until([&] { return written; });
    }
    void rot(const Extent& copy) {
        Bytes bytes = device.bytes(copy.offset, 512);
        bytes[100] ^= std::byte{1};
        device.put(copy.offset, bytes);
    }

    /// As another version of DST would have written it.
    void set_version(const Extent& copy, unsigned version, std::uint64_t sequence) {
        Bytes bytes = device.bytes(copy.offset, copy.length);
        const std::size_t length = open_envelope(bytes, record_magic).length;
        bytes.resize((length + 511) / 512 * 512);
        const std::span sealed = std::span(bytes).first(length);
        seal(sealed, record_magic, sequence);
        ByteWriter writer(sealed.subspan(8, 8));
        writer.u32(version);
        writer.u32(0);
        const std::uint32_t checksum = crc32c({std::span<const std::byte>(sealed)});
        ByteWriter(sealed.subspan(12, 4)).u32(checksum);
        device.put(copy.offset, bytes);
    }

    sim::SimLoop loop;
    FakeDevice device{loop};
    MemberMetadata metadata{device};
    Record record;
};

TEST_F(MemberMetadataTest, NothingThereIsNoRecord) {
    const auto found = read();
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->record);
    EXPECT_FALSE(found->damaged);
}

TEST_F(MemberMetadataTest, NewestRecordIsFound) {
    ASSERT_TRUE(write(record));
    record.revision = 9;
    ASSERT_TRUE(write(record));
    EXPECT_EQ(read()->record, record);
}

TEST_F(MemberMetadataTest, WriteThatFailsLeavesTheRecordBefore) {
    ASSERT_TRUE(write(record));
    Record next = record;
    next.revision = 9;
    device.fail(Operation::write, Errc::medium_error);
    EXPECT_FALSE(write(next));
    EXPECT_EQ(read()->record, record);
    ASSERT_TRUE(write(next));
    EXPECT_EQ(read()->record, next);
}

TEST_F(MemberMetadataTest, LostWayIsAnErrorNotAMissingRecord) {
    device.go_down();
    const auto found = read();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::disconnected);
}

TEST_F(MemberMetadataTest, OneUnreadableCopyCostsNothing) {
    ASSERT_TRUE(write(record));
    ASSERT_TRUE(write(record));
    device.fail(Operation::read, Errc::medium_error);
    EXPECT_EQ(read()->record, record);
}

TEST_F(MemberMetadataTest, EitherCopyOfTheNewestRecordMayRot) {
    for (unsigned copy = 0; copy < 2; ++copy) {
        ++record.revision;
        ASSERT_TRUE(write(record));
        rot(record_copy(copy));
        EXPECT_EQ(read()->record, record) << copy;
    }
}

TEST_F(MemberMetadataTest, RecordOfAnotherVersionIsNeitherPassedOverNorTakenForNone) {
    ASSERT_TRUE(write(record));
    ++record.revision;
    ASSERT_TRUE(write(record));
    set_version(record_copy(0), 2, 9);
    const auto found = read();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::not_supported);
    EXPECT_NE(found.error().text.find("version 2"), std::string::npos) << found.error().text;
}

TEST_F(MemberMetadataTest, OlderCopyOfAnotherVersionIsWrittenOver) {
    ASSERT_TRUE(write(record));
    ++record.revision;
    ASSERT_TRUE(write(record));
    set_version(record_copy(1), 2, 1);
    EXPECT_EQ(read()->record, record);
    MemberMetadata fresh(device);
    bool known = false;
    fresh.read_record([&](const Result<FoundRecord>& found) { known = found.has_value(); });
    loop.run_until([&] { return known; });
    Record next = record;
    next.revision = 9;
    device.log.clear();
    fresh.write_record(next, [](const Result<void>&) {});
    loop.run_for(std::chrono::seconds(1));
    const auto is_write = [](const auto& order) { return order.first == Operation::write; };
    const auto first = std::find_if(device.log.begin(), device.log.end(), is_write);
    ASSERT_NE(first, device.log.end());
    EXPECT_EQ(first->second.offset, record_copy(1).offset);
    EXPECT_EQ(read()->record, next);
}

/// As a process left it that died between the two copies: with its power the disk would lose the one, while the other
/// one is being written.
TEST_F(MemberMetadataTest, WhatOnlyOneCopyHasIsFlushedBeforeTheOtherOneIsWritten) {
    ASSERT_TRUE(write(record));
    const Bytes older = device.bytes(record_copy(1).offset, record_copy(1).length);
    record.revision = 9;
    ASSERT_TRUE(write(record));
    const auto orders_of_a_write = [this] {
        MemberMetadata fresh(device);
        bool known = false;
        fresh.read_record([&](const Result<FoundRecord>& found) { known = found.has_value(); });
        loop.run_until([&] { return known; });
        device.log.clear();
        bool written = false;
        fresh.write_record(record, [&](const Result<void>& result) { written = result.has_value(); });
        loop.run_until([&] { return written; });
        std::vector<Operation> orders;
        for (const auto& [operation, extent] : device.log) orders.push_back(operation);
        return orders;
    };
    const std::vector<Operation> both{Operation::write, Operation::write};
    EXPECT_EQ(orders_of_a_write(), both) << "the second copy was written when the first one was durable";
    device.put(record_copy(1).offset, older);
    EXPECT_EQ(orders_of_a_write(), (std::vector<Operation>{Operation::flush, Operation::write, Operation::write}));
}

TEST_F(MemberMetadataTest, BytesThatAreNoRecordAreADamagedOne) {
    for (unsigned copy = 0; copy < 2; ++copy) device.put(record_copy(copy).offset, Bytes(512, std::byte{7}));
    const auto found = read();
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->record);
    EXPECT_TRUE(found->damaged);
}

TEST_F(MemberMetadataTest, RecordIsOnBothCopiesBeforeItIsAcknowledged) {
    ASSERT_TRUE(write(record));
    const Bytes before = device.bytes(record_copy(1).offset, 4096);
    ++record.revision;
    device.hold();
    std::optional<Result<void>> written;
    metadata.write_record(record, [&](Result<void> result) { written = std::move(result); });
    device.answer();
    loop.run_for(std::chrono::seconds(1));
    EXPECT_FALSE(written);
    // One copy is as it was while the other one is being written.
    EXPECT_EQ(device.bytes(record_copy(1).offset, 4096), before);
    ASSERT_EQ(device.held(), 1u);
    EXPECT_TRUE(device.held_request(0).fua);
    device.release();
    loop.run_until([&] { return written.has_value(); });
    EXPECT_TRUE(*written);
    EXPECT_EQ(device.bytes(record_copy(0).offset, 4096), device.bytes(record_copy(1).offset, 4096));
}

TEST_F(MemberMetadataTest, SecondCopyThatFailsIsTheOneToWriteFirst) {
    ASSERT_TRUE(write(record));
    Record next = record;
    next.revision = 9;
    device.hold();
    std::optional<Result<void>> written;
    metadata.write_record(next, [&](Result<void> result) { written = std::move(result); });
    device.answer();
    loop.run_for(std::chrono::seconds(1));
    device.answer(Errc::medium_error);
    loop.run_until([&] { return written.has_value(); });
    EXPECT_FALSE(*written);
    const Extent half = device.log.back().second;
    next.revision = 10;
    metadata.write_record(next, [&](Result<void>) {});
    EXPECT_EQ(device.log.back().second, half);
    device.release();
    loop.run_for(std::chrono::seconds(1));
}

TEST_F(MemberMetadataTest, IntentMapIsAllOnesUntilItWasWritten) {
    std::optional<RegionMap> map;
    metadata.read_intent_map(record, [&](Result<RegionMap> read) { map = std::move(*read); });
    loop.run_until([&] { return map.has_value(); });
    EXPECT_EQ(map->count(), 4u);
    bool written = false;
    metadata.write_map(record, {record.mirror, MapKind::intent, 0}, metadata.empty_map(record),
                       [&](const Result<void>& result) { written = result.has_value(); });
    loop.run_until([&] { return written; });
    map.reset();
    MemberMetadata fresh(device);
    fresh.read_intent_map(record, [&](Result<RegionMap> read) { map = std::move(*read); });
    loop.run_until([&] { return map.has_value(); });
    EXPECT_FALSE(map->any());
}

TEST_F(MemberMetadataTest, MapIsInBothCopiesAndWithoutTheNewestIsAllOnes) {
    const MapIdentity intent{record.mirror, MapKind::intent, 0};
    const MirrorLayout layout = mirror_layout(device.geometry().size_bytes, record.region_bytes);
    write_map(intent, metadata.empty_map(record));
    for (unsigned copy = 0; copy < 2; ++copy) {
        EXPECT_TRUE(decode_map_slot_header(device.bytes(layout.map_slot(0, 0, copy).offset, map_slot_bytes))) << copy;
    }
    EXPECT_FALSE(read_map(intent).any());
    rot(layout.map_slot(0, 0, 1));
    EXPECT_EQ(read_map(intent).count(), 4u);
    // Writing it again makes both copies good again.
    write_map(intent, metadata.empty_map(record));
    rot(layout.map_slot(0, 0, 0));
    EXPECT_FALSE(read_map(intent).any());
    write_map(intent, metadata.empty_map(record));
    EXPECT_TRUE(decode_map_slot_header(device.bytes(layout.map_slot(0, 0, 0).offset, map_slot_bytes)));
}

/// Three slots: regions of 4 KiB on a larger device.
class MemberMetadataSlots : public ::testing::Test {
protected:
    MemberMetadataSlots() {
        record.mirror = loop.random_id();
        record.region_bytes = 4096;
        record.size_bytes = 3 * 30720 * 4096ull - 4096;
        record.logical_block_bytes = 512;
        const RegionMap map = marked();
        bool written = false;
        metadata.write_map(record, intent(), map, [&](const Result<void>& result) { written = result.has_value(); });
        loop.run_until([&] { return written; });
    }
    MapIdentity intent() const { return {record.mirror, MapKind::intent, 0}; }
    RegionMap marked() const {
        RegionMap map = metadata.empty_map(record);
        for (std::uint64_t slot = 0; slot < map.slots(); ++slot) map.set(slot * map_slot_regions + 7 + slot);
        return map;
    }

    sim::SimLoop loop;
    FakeDevice device{loop, 384u << 20};
    MemberMetadata metadata{device};
    Record record;
};

TEST_F(MemberMetadataSlots, AreReadAtOnce) {
    device.hold();
    std::optional<RegionMap> found;
    metadata.read_map(record, intent(), [&](Result<RegionMap> read) { found = std::move(*read); });
    EXPECT_EQ(device.held(), 6u);
    device.release();
    loop.run_until([&] { return found.has_value(); });
    EXPECT_TRUE(found->same_bits(marked()));
    EXPECT_FALSE(found->next_dirty_slot(0));
}

TEST_F(MemberMetadataSlots, OneThatCannotBeReadIsAllOnes) {
    device.fail(Operation::read, Errc::medium_error, 2);
    std::optional<RegionMap> found;
    metadata.read_map(record, intent(), [&](Result<RegionMap> read) { found = std::move(*read); });
    loop.run_until([&] { return found.has_value(); });
    EXPECT_EQ(found->count(), map_slot_regions + 2);
    EXPECT_TRUE(found->slot_dirty(0));
}

TEST_F(MemberMetadataSlots, LostWayIsOneErrorWhenAllHaveAnswered) {
    device.hold();
    unsigned answers = 0;
    Errc code = Errc::ok;
    metadata.read_map(record, intent(), [&](const Result<RegionMap>& read) {
        ++answers;
        code = read ? Errc::ok : read.error().code;
        EXPECT_EQ(device.held(), 0u);
    });
    device.answer();
    device.go_down();
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(answers, 1u);
    EXPECT_EQ(code, Errc::disconnected);
}

}  // namespace
}  // namespace dst
