#include "tree/member_metadata.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace dst
