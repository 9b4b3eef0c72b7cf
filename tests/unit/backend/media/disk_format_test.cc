// docs/disk_format.md against encoder and decoder.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "support/samples.h"

namespace dst {
namespace {

/// The blocks "```vector NAME SIZE" of the page.
std::map<std::string, Bytes> vectors_of_the_page() {
    std::map<std::string, Bytes> vectors;
    std::ifstream page(DST_SOURCE_DIR "/docs/disk_format.md");
    Bytes* current = nullptr;
    for (std::string line; std::getline(page, line);) {
        std::istringstream words(line);
        std::string first;
        words >> first;
        if (first == "```vector") {
            std::string name;
            std::size_t size = 0;
            words >> name >> size;
            current = &vectors[name];
            current->resize(size);
        } else if (first == "```") {
            current = nullptr;
        } else if (current != nullptr) {
            std::size_t at = std::stoul(first, nullptr, 16);
            for (std::string byte; words >> byte; ++at)
                current->at(at) = static_cast<std::byte>(std::stoul(byte, nullptr, 16));
        }
    }
    return vectors;
}

/// CRC-32C bit by bit, as its definition says.
std::uint32_t plain_crc32c(const Bytes& bytes) {
    std::uint32_t state = 0xffffffff;
    for (const std::byte byte : bytes) {
        state ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78 : 0);
    }
    return ~state;
}

class DiskFormat : public testing::Test {
protected:
    const Bytes& vector(const std::string& name) {
        const auto found = vectors_.find(name);
        EXPECT_NE(found, vectors_.end()) << "the page has no vector " << name;
        return found == vectors_.end() ? none_ : found->second;
    }

private:
    std::map<std::string, Bytes> vectors_ = vectors_of_the_page();
    Bytes none_;
};

TEST_F(DiskFormat, LabelIsAsThePageSays) {
    const LabelImage image = encode_label(test::sample_label());
    const Bytes& expected = vector("label");
    EXPECT_EQ(Bytes(image.begin(), image.end()), expected);
    ASSERT_EQ(expected.size(), image.size());
    LabelImage read{};
    std::copy(expected.begin(), expected.end(), read.begin());
    EXPECT_EQ(*decode_label(read), test::sample_label());
}

TEST_F(DiskFormat, RecordIsAsThePageSays) {
    EXPECT_EQ(*encode_record(test::sample_record(), 33), vector("record"));
    const Result<DecodedRecord> decoded = decode_record(vector("record"));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->record, test::sample_record());
    EXPECT_EQ(decoded->sequence, 33u);
}

TEST_F(DiskFormat, MapSlotIsAsThePageSays) {
    Bytes slot(map_slot_bytes);
    encode_map_slot(slot_of_map(test::sample_map(), test::sample_map_identity(), 0), {8, 12}, slot);
    EXPECT_EQ(slot, vector("map-slot"));
    RegionMap map(100, 1u << 20);
    EXPECT_TRUE(choose_map_slot(vector("map-slot"), vector("map-slot"), test::sample_map_identity(), 0, map).good);
    EXPECT_TRUE(map.same_bits(test::sample_map()));
}

TEST_F(DiskFormat, JournalIsAsThePageSays) {
    EXPECT_EQ(*encode_journal(test::sample_journal()), vector("journal"));
    EXPECT_EQ(*decode_journal(vector("journal")), test::sample_journal());
}

TEST_F(DiskFormat, ChecksumIsCrc32cOfTheBytesThatCount) {
    for (const char* name : {"label", "record", "map-slot", "journal"}) {
        Bytes bytes = vector(name);
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
