#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "block/error.h"
#include "block/extent.h"
#include "block/id.h"

/// Frames of the netnode protocol, version 1 (docs/wire_protocol.md): a header of 64 bytes, little-endian, and a
/// payload whose size the header says. Pure encode and decode; decoding survives any bytes.
namespace dst::wire {

inline constexpr std::size_t header_bytes = 64;
inline constexpr std::uint32_t magic = 0x57545344;  ///< "DSTW" as it lies on the wire
inline constexpr std::uint8_t protocol_version = 1;

/// Limits that both sides keep, whatever the other announces.
inline constexpr std::uint32_t payload_bytes_max = 8u << 20;
inline constexpr std::uint32_t range_bytes_max = 32u << 20;  ///< unmap, write_zeroes, hash: bytes of the extent
inline constexpr std::uint32_t reason_bytes_max = 512;
inline constexpr std::uint32_t control_bytes_max = 16u << 10;  ///< payload of everything but read, write and hash

/// What a frame asks for or answers. The numbers travel on the wire: never renumber.
enum class Kind : std::uint8_t {
    hello = 1,
    open = 2,
    read = 3,
    write = 4,
    flush = 5,
    unmap = 6,
    write_zeroes = 7,
    hash = 8,
    ping = 9,
    close = 10,
    peek = 11,
    probe = 12,
    promise = 13,
    served = 14,
    label = 15,
};

std::string_view to_string(Kind kind) noexcept;

/// One header in the program's own form. Fields that a kind does not use are zero, on the wire too.
struct Header {
    Kind kind = Kind::ping;
    bool answer = false;
    bool fua = false;     ///< orders write, unmap, write_zeroes: answered when durable
    bool reason = false;  ///< answers with a status other than ok: the payload is UTF-8 text
    Errc status = Errc::ok;
    std::uint64_t request = 0;  ///< the asker's number, repeated in the answer; 0: a notice (close) of the netnode
    Extent extent;              ///< read, write, unmap, write_zeroes, hash; answers repeat it
    std::uint32_t payload_bytes = 0;
    std::uint32_t payload_crc = 0;  ///< CRC-32C of the payload; zero without payload or when not agreed
    std::uint32_t hash_piece_bytes = 0;
    Incarnation incarnation;  ///< flush answers with status ok

    bool operator==(const Header&) const = default;
};

using HeaderBytes = std::array<std::byte, header_bytes>;

void encode_header(const Header& header, HeaderBytes& out) noexcept;

/// Checks magic, header checksum, version, kind, flags, status, every limit, and that the fields fit the kind, so that
/// payload_bytes may be allocated. Errors: corrupt (no frame of ours, or damaged), protocol_error.
Result<Header> decode_header(std::span<const std::byte, header_bytes> in);

/// The number of digests of 16 bytes that a hash order over the header's extent answers.
std::uint64_t hash_result_bytes(const Header& header) noexcept;

}  // namespace dst::wire
