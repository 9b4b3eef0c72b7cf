// docs/disk_format.md against encoder and decoder.
#include <gtest/gtest.h>

#include "page_vectors.h"
#include "support/samples.h"

namespace dst {
namespace {

using test::page_vector;

/// CRC-32C bit by bit, as its definition says.
std::uint32_t plain_crc32c(const Bytes& bytes) {
    std::uint32_t state = 0xffffffff;
    for (const std::byte byte : bytes) {
        state ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78 : 0);
    }
    return ~state;
}

TEST(DiskFormat, LabelIsAsThePageSays) {
    const LabelImage image = encode_label(test::sample_label());
    const Bytes expected = page_vector("label");
    EXPECT_EQ(Bytes(image.begin(), image.end()), expected);
    ASSERT_EQ(expected.size(), image.size());
    LabelImage read{};
    std::copy(expected.begin(), expected.end(), read.begin());
    EXPECT_EQ(*decode_label(read), test::sample_label());
}

TEST(DiskFormat, RecordIsAsThePageSays) {
    EXPECT_EQ(*encode_record(test::sample_record(), 33), page_vector("record"));
    const Result<DecodedRecord> decoded = decode_record(page_vector("record"));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->record, test::sample_record());
    EXPECT_EQ(decoded->sequence, 33u);
}

TEST(DiskFormat, MapSlotIsAsThePageSays) {
    Bytes slot(map_slot_bytes);
    encode_map_slot(slot_of_map(test::sample_map(), test::sample_map_identity(), 0), {8, 12}, slot);
    EXPECT_EQ(slot, page_vector("map-slot"));
    RegionMap map(100, 1u << 20);
    EXPECT_TRUE(
        choose_map_slot(page_vector("map-slot"), page_vector("map-slot"), test::sample_map_identity(), 0, map).good);
    EXPECT_TRUE(map.same_bits(test::sample_map()));
}

TEST(DiskFormat, JournalIsAsThePageSays) {
    EXPECT_EQ(*encode_journal(test::sample_journal()), page_vector("journal"));
    EXPECT_EQ(*decode_journal(page_vector("journal")), test::sample_journal());
}

TEST(DiskFormat, ChecksumIsCrc32cOfTheBytesThatCount) {
    for (const char* name : {"label", "record", "map-slot", "journal"}) {
        Bytes bytes = page_vector(name);
        ASSERT_GE(bytes.size(), 32u);
        const auto number_at = [&bytes](std::size_t at) {
            std::uint32_t number = 0;
            for (std::size_t i = 4; i > 0; --i)
                number = number << 8 | std::to_integer<std::uint32_t>(bytes[at + i - 1]);
            return number;
        };
        const std::uint32_t checksum = number_at(12);
        ASSERT_LE(number_at(24), bytes.size());
        bytes.resize(number_at(24));
        std::fill_n(bytes.begin() + 12, 4, std::byte{0});
        EXPECT_EQ(plain_crc32c(bytes), checksum) << name;
    }
}

}  // namespace
}  // namespace dst
