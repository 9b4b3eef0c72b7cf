#include "media/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace dst {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
    const auto view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
}

TEST(ByteWriter, WritesLittleEndian) {
    std::array<std::byte, 15> memory{};
    ByteWriter writer(memory);
    writer.u8(0x01);
    writer.u16(0x0302);
    writer.u32(0x07060504);
    writer.u64(0x0f0e0d0c0b0a0908);
    EXPECT_TRUE(writer.ok());
    for (std::size_t i = 0; i < memory.size(); ++i) EXPECT_EQ(std::to_integer<std::size_t>(memory[i]), i + 1);
}

TEST(ByteWriter, NeverWritesBeyondItsMemory) {
    std::array<std::byte, 8> memory;
    memory.fill(std::byte{0xee});
    ByteWriter writer{std::span(memory).first(6)};
    writer.u32(0);
    writer.u32(0);
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(writer.written(), 4u);
    EXPECT_EQ(memory[4], std::byte{0xee});
    EXPECT_EQ(memory[6], std::byte{0xee});
}

TEST(ByteWriter, StaysFailedAfterAFieldThatDidNotFit) {
    std::array<std::byte, 4> memory{};
    ByteWriter writer(memory);
    writer.u64(1);
    writer.u8(1);
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(memory[0], std::byte{0});
}

TEST(ByteWriter, RefusesTextsOverTheirRoom) {
    std::array<std::byte, 600> memory{};
    ByteWriter padded(memory);
    padded.padded_text("abcd", 3);
    EXPECT_FALSE(padded.ok());
    ByteWriter free(memory);
    free.text(std::string(256, 'x'));
    EXPECT_FALSE(free.ok());
}

TEST(ByteReader, ReadsWhatTheWriterWrote) {
    std::array<std::byte, 128> memory{};
    ByteWriter writer(memory);
    const Id id = *parse_id("000102030405060708090a0b0c0d0e0f");
    writer.epoch({7, id});
    writer.text("name");
    writer.padded_text("place", 9);
    writer.u16(0xbeef);
    ByteReader reader{std::span(memory).first(writer.written())};
    EXPECT_EQ(reader.epoch(), (Epoch{7, id}));
    EXPECT_EQ(reader.text(), "name");
    EXPECT_EQ(reader.padded_text(9), "place");
    EXPECT_EQ(reader.u16(), 0xbeef);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReader, ReadsZeroPastTheEndAndStaysFailed) {
    const std::vector<std::byte> memory(3, std::byte{0xff});
    ByteReader reader(memory);
    EXPECT_EQ(reader.u32(), 0u);
    EXPECT_EQ(reader.u8(), 0u);
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, RefusesATextLongerThanWhatIsLeft) {
    const std::vector<std::byte> memory = bytes_of(
        "\x05"
        "abc");
    ByteReader reader(memory);
    EXPECT_EQ(reader.text(), "");
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, RefusesAPaddedTextLongerThanItsField) {
    const std::vector<std::byte> memory = bytes_of(
        "\x05"
        "abcdef");
    ByteReader reader(memory);
    EXPECT_EQ(reader.padded_text(4), "");
    EXPECT_FALSE(reader.ok());
}

TEST(Crc32c, GivesTheCheckValueOfRfc3720) {
    const std::vector<std::byte> digits = bytes_of("123456789");
    EXPECT_EQ(crc32c({digits}), 0xe3069283u);
}

TEST(Crc32c, GivesTheZeroesExampleOfRfc3720) {
    const std::vector<std::byte> zeroes(32);
    EXPECT_EQ(crc32c({zeroes}), 0x8a9136aau);
}

TEST(Crc32c, OfPartsEqualsThatOfTheWhole) {
    const std::vector<std::byte> digits = bytes_of("123456789");
    const std::span<const std::byte> whole(digits);
    EXPECT_EQ(crc32c({whole.first(4), {}, whole.subspan(4)}), crc32c({whole}));
}

}  // namespace
}  // namespace dst
