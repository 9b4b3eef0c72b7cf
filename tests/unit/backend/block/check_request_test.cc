#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "block/block_device.h"

namespace dst {
namespace {

constexpr std::uint64_t block = 4096;

Geometry geometry() {
    Geometry geometry;
    geometry.size_bytes = 100 * block;
    geometry.logical_block_bytes = block;
    geometry.physical_block_bytes = block;
    return geometry;
}

struct CheckRequest : testing::Test {
    Errc check(Operation operation, Extent extent, std::size_t payload_bytes) {
        piece = {memory.data(), payload_bytes};
        request.operation = operation;
        request.extent = extent;
        request.pieces = payload_bytes == 0 ? Pieces() : Pieces(&piece, 1);
        return check_request(request, geometry());
    }

    Bytes memory = Bytes(200 * block);
    Piece piece;
    Request request;
};

TEST_F(CheckRequest, TakesWhatFits) {
    EXPECT_EQ(check(Operation::read, {0, block}, block), Errc::ok);
    EXPECT_EQ(check(Operation::write, {99 * block, block}, block), Errc::ok);
    EXPECT_EQ(check(Operation::write_zeroes, {0, 100 * block}, 0), Errc::ok);
    EXPECT_EQ(check(Operation::unmap, {block, block}, 0), Errc::ok);
    EXPECT_EQ(check(Operation::flush, {}, 0), Errc::ok);
}

TEST_F(CheckRequest, RefusesWhatLiesBeyondTheEnd) {
    EXPECT_EQ(check(Operation::read, {99 * block, 2 * block}, 2 * block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::unmap, {100 * block, block}, 0), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesAnExtentThatOverflows) {
    const std::uint64_t top = std::numeric_limits<std::uint64_t>::max() - block + 1;
    EXPECT_EQ(check(Operation::unmap, {top, 2 * block}, 0), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::unmap, {block, top}, 0), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesPartsOfBlocks) {
    EXPECT_EQ(check(Operation::read, {512, block}, block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::read, {0, 512}, 512), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesAPayloadOfAnotherSize) {
    EXPECT_EQ(check(Operation::read, {0, 2 * block}, block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::write, {0, block}, 2 * block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::write, {0, block}, 0), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesAPayloadWhereNoneBelongs) {
    EXPECT_EQ(check(Operation::unmap, {0, block}, block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::write_zeroes, {0, block}, block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::flush, {}, block), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesAnEmptyExtent) {
    EXPECT_EQ(check(Operation::read, {0, 0}, 0), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::unmap, {block, 0}, 0), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesAFlushOfAPart) {
    EXPECT_EQ(check(Operation::flush, {0, block}, 0), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesFuaOnReads) {
    request.fua = true;
    EXPECT_EQ(check(Operation::read, {0, block}, block), Errc::invalid_argument);
    EXPECT_EQ(check(Operation::write, {0, block}, block), Errc::ok);
}

TEST_F(CheckRequest, ChecksumsAnswerSixteenBytesPerPiece) {
    request.checksum_piece_bytes = 2 * block;
    EXPECT_EQ(check(Operation::checksum, {0, 5 * block}, 48), Errc::ok);
    EXPECT_EQ(check(Operation::checksum, {0, 5 * block}, 32), Errc::invalid_argument);
}

TEST_F(CheckRequest, ChecksumPiecesAreWholeBlocks) {
    request.checksum_piece_bytes = block / 2;
    EXPECT_EQ(check(Operation::checksum, {0, block}, 32), Errc::invalid_argument);
    request.checksum_piece_bytes = 0;
    EXPECT_EQ(check(Operation::checksum, {0, block}, 0), Errc::invalid_argument);
}

TEST_F(CheckRequest, RefusesAnUnknownOperation) {
    EXPECT_EQ(check(static_cast<Operation>(99), {0, block}, block), Errc::invalid_argument);
}

TEST(ChecksumResultBytes, CountsTheLastShortPiece) {
    EXPECT_EQ(checksum_result_bytes({0, 10}, 4), 48u);
    EXPECT_EQ(checksum_result_bytes({0, 8}, 4), 32u);
    EXPECT_EQ(checksum_result_bytes({0, 0}, 4), 0u);
    EXPECT_EQ(checksum_result_bytes({0, 8}, 0), 0u);
}

TEST(Operation, OnlyThreeChangeData) {
    EXPECT_TRUE(changes_data(Operation::write));
    EXPECT_TRUE(changes_data(Operation::write_zeroes));
    EXPECT_TRUE(changes_data(Operation::unmap));
    EXPECT_FALSE(changes_data(Operation::read));
    EXPECT_FALSE(changes_data(Operation::flush));
    EXPECT_FALSE(changes_data(Operation::checksum));
}

}  // namespace
}  // namespace dst
