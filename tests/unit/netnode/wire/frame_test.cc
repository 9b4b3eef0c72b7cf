#include "wire/frame.h"

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "wire/codec.h"
#include "wire/crc32c.h"

namespace dst::test {
namespace {

using wire::Header;
using wire::Kind;

Header read_order() {
    Header header;
    header.kind = Kind::read;
    header.request = 7;
    header.extent = {4096, 8192};
    return header;
}

Result<Header> decoded(const wire::HeaderBytes& raw) { return wire::decode_header(raw); }

/// Encodes, lets `change` at the raw bytes, and makes the header's checksum right again.
Result<Header> decoded_after(const Header& header, const std::function<void(wire::HeaderBytes&)>& change) {
    wire::HeaderBytes raw;
    wire::encode_header(header, raw);
    change(raw);
    wire::store_le(raw.data() + 60, wire::crc32c(std::span(raw).first(60)));
    return decoded(raw);
}

TEST(Crc32c, IsTheOneOfIscsi) {
    const std::string text = "123456789";
    EXPECT_EQ(wire::crc32c(std::as_bytes(std::span(text))), 0xe3069283u);
    EXPECT_EQ(wire::crc32c(Bytes(32)), 0x8a9136aau);  // RFC 3720 B.4
}

TEST(Crc32c, OfPartsIsThatOfTheWhole) {
    Bytes bytes(1000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31);
    wire::Crc32c crc;
    crc.add(std::span(bytes).first(1));
    crc.add(std::span(bytes).subspan(1, 500));
    crc.add({});
    crc.add(std::span(bytes).subspan(501));
    EXPECT_EQ(crc.value(), wire::crc32c(bytes));
}

TEST(FrameHeader, RoundTripsEveryField) {
    Header header = read_order();
    header.kind = Kind::hash;
    header.hash_piece_bytes = 4096;
    wire::HeaderBytes raw;
    wire::encode_header(header, raw);
    EXPECT_EQ(*decoded(raw), header);

    Header flushed;
    flushed.kind = Kind::flush;
    flushed.answer = true;
    flushed.request = 0x0123456789abcdef;
    flushed.incarnation.id.bytes.fill(0x42);
    wire::encode_header(flushed, raw);
    EXPECT_EQ(*decoded(raw), flushed);
}

TEST(FrameHeader, AnyFlippedBitIsFound) {
    wire::HeaderBytes raw;
    wire::encode_header(read_order(), raw);
    for (std::size_t bit = 0; bit < wire::header_bytes * 8; ++bit) {
        wire::HeaderBytes flipped = raw;
        flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        EXPECT_FALSE(decoded(flipped)) << bit;
    }
}

struct Malformed {
    const char* name;
    void (*change)(Header&);
    void (*change_raw)(wire::HeaderBytes&);
};

class FrameHeaderMalformed : public testing::TestWithParam<Malformed> {};

TEST_P(FrameHeaderMalformed, IsRefused) {
    ASSERT_TRUE(decoded_after(read_order(), [](wire::HeaderBytes&) {}));
    Header header = read_order();
    if (GetParam().change != nullptr) GetParam().change(header);
    const auto result = decoded_after(header, [](wire::HeaderBytes& raw) {
        if (GetParam().change_raw != nullptr) GetParam().change_raw(raw);
    });
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().text.empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, FrameHeaderMalformed,
    testing::Values(Malformed{"Magic", nullptr, [](wire::HeaderBytes& raw) { raw[0] = std::byte{0}; }},
                    Malformed{"Version", nullptr, [](wire::HeaderBytes& raw) { raw[4] = std::byte{2}; }},
                    Malformed{"KindZero", nullptr, [](wire::HeaderBytes& raw) { raw[5] = std::byte{0}; }},
                    Malformed{"KindUnknown", nullptr, [](wire::HeaderBytes& raw) { raw[5] = std::byte{16}; }},
                    Malformed{"Flags", nullptr, [](wire::HeaderBytes& raw) { raw[6] = std::byte{0x80}; }},
                    Malformed{"StatusUnknown", [](Header& h) { h.answer = true; },
                              [](wire::HeaderBytes& raw) { raw[7] = std::byte{errc_count}; }},
                    Malformed{"StatusInAnOrder", [](Header& h) { h.status = Errc::busy; }, nullptr},
                    Malformed{"NoRequestNumber", [](Header& h) { h.request = 0; }, nullptr},
                    Malformed{"LengthZero", [](Header& h) { h.extent.length = 0; }, nullptr},
                    Malformed{"LengthOverTheLimit", [](Header& h) { h.extent.length = (8u << 20) + 1; }, nullptr},
                    Malformed{"OffsetThatOverflows", [](Header& h) { h.extent.offset = UINT64_MAX - 100; }, nullptr},
                    Malformed{"ReadOrderWithPayload", [](Header& h) { h.payload_bytes = 8192; }, nullptr},
                    Malformed{"WriteOrderWithoutPayload", [](Header& h) { h.kind = Kind::write; }, nullptr},
                    Malformed{"WriteOrderWithLess",
                              [](Header& h) {
                                  h.kind = Kind::write;
                                  h.payload_bytes = 8191;
                              },
                              nullptr},
                    Malformed{"ReadAnswerWithoutPayload", [](Header& h) { h.answer = true; }, nullptr},
                    Malformed{"FailedReadWithPayload",
                              [](Header& h) {
                                  h.answer = true;
                                  h.status = Errc::io_error;
                                  h.payload_bytes = 8192;
                              },
                              nullptr},
                    Malformed{"ReasonWithoutError",
                              [](Header& h) {
                                  h.answer = h.reason = true;
                                  h.payload_bytes = 8192;
                              },
                              nullptr},
                    Malformed{"ReasonTooLong",
                              [](Header& h) {
                                  h.answer = h.reason = true;
                                  h.status = Errc::io_error;
                                  h.payload_bytes = 513;
                              },
                              nullptr},
                    Malformed{"FuaOnARead", [](Header& h) { h.fua = true; }, nullptr},
                    Malformed{"HashPieceOnARead", [](Header& h) { h.hash_piece_bytes = 512; }, nullptr},
                    Malformed{"HashWithoutPiece", [](Header& h) { h.kind = Kind::hash; }, nullptr},
                    Malformed{"HashWithTooManyPieces",
                              [](Header& h) {
                                  h.kind = Kind::hash;
                                  h.extent.length = 32u << 20;
                                  h.hash_piece_bytes = 1;
                              },
                              nullptr},
                    Malformed{"UnmapOverTheLimit",
                              [](Header& h) {
                                  h.kind = Kind::unmap;
                                  h.extent.length = (32u << 20) + 512;
                              },
                              nullptr},
                    Malformed{"ExtentOnAFlush", [](Header& h) { h.kind = Kind::flush; }, nullptr},
                    Malformed{"IncarnationOnARead", [](Header& h) { h.incarnation.id.bytes[0] = 1; }, nullptr},
                    Malformed{"ChecksumOfNothing", [](Header& h) { h.payload_crc = 1; }, nullptr},
                    Malformed{"ControlPayloadOverTheLimit",
                              [](Header& h) {
                                  h.kind = Kind::open;
                                  h.extent = {};
                                  h.payload_bytes = wire::control_bytes_max + 1;
                              },
                              nullptr}),
    [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace dst::test
