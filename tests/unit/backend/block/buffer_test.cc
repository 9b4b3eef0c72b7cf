#include "block/buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace dst {
namespace {

Bytes bytes_of(std::string_view text) {
    Bytes bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Buffer, TotalSizeSumsThePieces) {
    Bytes memory(10);
    const std::array<Piece, 3> pieces{{{memory.data(), 3}, {memory.data() + 3, 0}, {memory.data() + 3, 7}}};
    EXPECT_EQ(total_size(pieces), 10u);
    EXPECT_EQ(total_size({}), 0u);
}

TEST(Buffer, CopiesIntoPiecesInOrder) {
    Bytes first(3);
    Bytes second(4);
    const std::array<Piece, 3> pieces{{{first.data(), 3}, {nullptr, 0}, {second.data(), 4}}};
    copy_to_pieces(bytes_of("abcdefg"), pieces);
    EXPECT_EQ(text_of(first), "abc");
    EXPECT_EQ(text_of(second), "defg");
}

TEST(Buffer, CopiesFromPiecesInOrder) {
    Bytes first = bytes_of("abc");
    Bytes second = bytes_of("defg");
    const std::array<Piece, 2> pieces{{{first.data(), 3}, {second.data(), 4}}};
    Bytes to(7);
    copy_from_pieces(pieces, to);
    EXPECT_EQ(text_of(to), "abcdefg");
}

TEST(Buffer, ZeroesEveryPieceAndNothingElse) {
    Bytes memory = bytes_of("abcdef");
    const std::array<Piece, 2> pieces{{{memory.data(), 2}, {memory.data() + 4, 1}}};
    zero_pieces(pieces);
    EXPECT_EQ(text_of(memory), (std::string{'\0', '\0', 'c', 'd', '\0', 'f'}));
}

TEST(BufferDeathTest, RefusesToReadBeyondTheSource) {
    Bytes memory(8);
    const std::array<Piece, 1> pieces{{{memory.data(), 8}}};
    const Bytes from(7);
    EXPECT_DEATH(copy_to_pieces(from, pieces), "assertion-failed");
}

// Every offset and length of three pieces of 3, 0 and 5 bytes.
TEST(SlicePieces, CoversExactlyTheAskedRange) {
    Bytes memory = bytes_of("abcXdefgh");
    const std::array<Piece, 3> pieces{{{memory.data(), 3}, {memory.data() + 3, 0}, {memory.data() + 4, 5}}};
    const std::string whole = "abcdefgh";
    for (std::size_t offset = 0; offset <= whole.size(); ++offset) {
        for (std::size_t length = 0; offset + length <= whole.size(); ++length) {
            std::vector<Piece> slice;
            slice_pieces(pieces, offset, length, slice);
            Bytes got(length);
            ASSERT_EQ(total_size(slice), length);
            copy_from_pieces(slice, got);
            EXPECT_EQ(text_of(got), whole.substr(offset, length));
        }
    }
}

TEST(SlicePieces, AppendsToWhatIsThere) {
    Bytes memory(4);
    const std::array<Piece, 1> pieces{{{memory.data(), 4}}};
    std::vector<Piece> slice{{memory.data(), 1}};
    slice_pieces(pieces, 1, 2, slice);
    ASSERT_EQ(slice.size(), 2u);
    EXPECT_EQ(slice[1].data, memory.data() + 1);
}

TEST(SlicePiecesDeathTest, RefusesARangeBeyondThePayload) {
    Bytes memory(4);
    const std::array<Piece, 1> pieces{{{memory.data(), 4}}};
    std::vector<Piece> slice;
    EXPECT_DEATH(slice_pieces(pieces, 2, 3, slice), "assertion-failed");
}

}  // namespace
}  // namespace dst
