#include "wire/frame.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "wire/codec.h"
#include "wire/crc32c.h"

namespace dst::wire {
namespace {

// Where the fields lie in a header (docs/wire_protocol.md).
constexpr std::size_t at_magic = 0;
constexpr std::size_t at_version = 4;
constexpr std::size_t at_kind = 5;
constexpr std::size_t at_flags = 6;
constexpr std::size_t at_status = 7;
constexpr std::size_t at_request = 8;
constexpr std::size_t at_offset = 16;
constexpr std::size_t at_length = 24;
constexpr std::size_t at_payload_bytes = 32;
constexpr std::size_t at_payload_crc = 36;
constexpr std::size_t at_hash_piece = 40;
constexpr std::size_t at_incarnation = 44;
constexpr std::size_t at_header_crc = 60;
static_assert(at_incarnation + sizeof(Id::bytes) == at_header_crc);
static_assert(at_header_crc + sizeof(std::uint32_t) == header_bytes);
static_assert(sizeof(HeaderBytes) == header_bytes);

constexpr unsigned flag_answer = 1;
constexpr unsigned flag_fua = 2;
constexpr unsigned flag_reason = 4;
constexpr unsigned flags_known = flag_answer | flag_fua | flag_reason;

bool has_extent(Kind kind) noexcept {
    switch (kind) {
        case Kind::read:
        case Kind::write:
        case Kind::unmap:
        case Kind::write_zeroes:
        case Kind::hash: return true;
        case Kind::hello:
        case Kind::open:
        case Kind::flush:
        case Kind::ping:
        case Kind::close:
        case Kind::peek:
        case Kind::probe:
        case Kind::promise:
        case Kind::served:
        case Kind::label: return false;
    }
    return false;
}

bool may_have_fua(Kind kind) noexcept {
    return kind == Kind::write || kind == Kind::unmap || kind == Kind::write_zeroes;
}

/// The largest payload that `header`, ok so far, may have; a kind with a fixed size has exactly that (`exact`).
struct PayloadRule {
    std::uint64_t bytes = 0;
    bool exact = true;
};

PayloadRule order_payload(const Header& header) noexcept {
    switch (header.kind) {
        case Kind::write: return {header.extent.length, true};
        case Kind::hello:
        case Kind::open:
        case Kind::promise:
        case Kind::served:
        case Kind::label: return {control_bytes_max, false};
        case Kind::read:
        case Kind::flush:
        case Kind::unmap:
        case Kind::write_zeroes:
        case Kind::hash:
        case Kind::ping:
        case Kind::close:
        case Kind::peek:
        case Kind::probe: return {};
    }
    return {};
}

PayloadRule answer_payload(const Header& header) noexcept {
    if (header.reason) return {reason_bytes_max, false};
    if (header.status != Errc::ok) return {};
    switch (header.kind) {
        case Kind::read: return {header.extent.length, true};
        case Kind::hash: return {hash_result_bytes(header), true};
        case Kind::hello:
        case Kind::open:
        case Kind::peek:
        case Kind::probe:
        case Kind::promise:
        case Kind::served:
        case Kind::label: return {control_bytes_max, false};
        case Kind::write:
        case Kind::flush:
        case Kind::unmap:
        case Kind::write_zeroes:
        case Kind::ping:
        case Kind::close: return {};
    }
    return {};
}

/// What is wrong with the extent and the hash piece, or null.
const char* check_extent(const Header& header) noexcept {
    const Extent& extent = header.extent;
    if (!has_extent(header.kind)) {
        if (extent != Extent{} || header.hash_piece_bytes != 0) return "an extent where none belongs";
        return nullptr;
    }
    const bool payload = header.kind == Kind::read || header.kind == Kind::write;
    if (extent.empty() || extent.length > (payload ? payload_bytes_max : range_bytes_max))
        return "a length out of range";
    if (extent.offset > UINT64_MAX - extent.length) return "an offset out of range";
    if ((header.hash_piece_bytes != 0) != (header.kind == Kind::hash)) return "a hash piece out of range";
    if (header.kind == Kind::hash && hash_result_bytes(header) > payload_bytes_max) return "too many hash pieces";
    return nullptr;
}

/// What does not fit together in a header whose fields each are in range, or null.
const char* check_shape(const Header& header) noexcept {
    if (header.status != Errc::ok && !header.answer) return "an order with a status";
    if (header.reason && (!header.answer || header.status == Errc::ok)) return "a reason where none belongs";
    if (header.fua && (header.answer || !may_have_fua(header.kind))) return "FUA where it does not belong";
    const bool notice = header.kind == Kind::close && header.answer;
    if (header.request == 0 && !notice) return "no request number";
    if (const char* wrong = check_extent(header)) return wrong;
    const bool flushed = header.kind == Kind::flush && header.answer && header.status == Errc::ok;
    if (!header.incarnation.id.is_nil() && !flushed) return "an incarnation where none belongs";
    const PayloadRule rule = header.answer ? answer_payload(header) : order_payload(header);
    if (rule.exact ? header.payload_bytes != rule.bytes : header.payload_bytes > rule.bytes) {
        return "a payload of the wrong size";
    }
    if (header.payload_bytes == 0 && header.payload_crc != 0) return "a checksum of no payload";
    return nullptr;
}

Error malformed(const char* what) { return {Errc::protocol_error, std::string("a frame with ") + what}; }

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::hello: return "HELLO";
        case Kind::open: return "OPEN";
        case Kind::read: return "READ";
        case Kind::write: return "WRITE";
        case Kind::flush: return "FLUSH";
        case Kind::unmap: return "UNMAP";
        case Kind::write_zeroes: return "WRITE_ZEROES";
        case Kind::hash: return "HASH";
        case Kind::ping: return "PING";
        case Kind::close: return "CLOSE";
        case Kind::peek: return "PEEK";
        case Kind::probe: return "PROBE";
        case Kind::promise: return "PROMISE";
        case Kind::served: return "SERVED";
        case Kind::label: return "LABEL";
    }
    return "unknown";
}

std::uint64_t hash_result_bytes(const Header& header) noexcept {
    if (header.hash_piece_bytes == 0) return 0;
    const std::uint64_t piece = header.hash_piece_bytes;
    return (header.extent.length / piece + (header.extent.length % piece != 0 ? 1 : 0)) * 16;
}

void encode_header(const Header& header, HeaderBytes& out) noexcept {
    out.fill(std::byte{0});
    std::byte* to = out.data();
    store_le(to + at_magic, magic);
    store_le(to + at_version, protocol_version);
    store_le(to + at_kind, static_cast<std::uint8_t>(header.kind));
    const unsigned flags =
        (header.answer ? flag_answer : 0) | (header.fua ? flag_fua : 0) | (header.reason ? flag_reason : 0);
    store_le(to + at_flags, static_cast<std::uint8_t>(flags));
    store_le(to + at_status, static_cast<std::uint8_t>(header.status));
    store_le(to + at_request, header.request);
    store_le(to + at_offset, header.extent.offset);
    store_le(to + at_length, header.extent.length);
    store_le(to + at_payload_bytes, header.payload_bytes);
    store_le(to + at_payload_crc, header.payload_crc);
    store_le(to + at_hash_piece, header.hash_piece_bytes);
    std::memcpy(to + at_incarnation, header.incarnation.id.bytes.data(), header.incarnation.id.bytes.size());
    store_le(to + at_header_crc, crc32c(std::span(out).first(at_header_crc)));
}

Result<Header> decode_header(std::span<const std::byte, header_bytes> in) {
    const std::byte* from = in.data();
    if (load_le<std::uint32_t>(from + at_magic) != magic) {
        return Error{Errc::corrupt, "bytes that are no frame of this protocol"};
    }
    if (load_le<std::uint32_t>(from + at_header_crc) != crc32c(in.first(at_header_crc))) {
        return Error{Errc::corrupt, "a frame whose header has a wrong checksum"};
    }
    if (load_le<std::uint8_t>(from + at_version) != protocol_version) return malformed("an unknown version");
    Header header;
    const auto kind = load_le<std::uint8_t>(from + at_kind);
    if (kind < static_cast<std::uint8_t>(Kind::hello) || kind > static_cast<std::uint8_t>(Kind::label)) {
        return malformed("an unknown operation");
    }
    header.kind = static_cast<Kind>(kind);
    const auto flags = load_le<std::uint8_t>(from + at_flags);
    if ((flags & ~flags_known) != 0) return malformed("unknown flags");
    header.answer = (flags & flag_answer) != 0;
    header.fua = (flags & flag_fua) != 0;
    header.reason = (flags & flag_reason) != 0;
    const auto status = load_le<std::uint8_t>(from + at_status);
    if (status >= errc_count) return malformed("an unknown status");
    header.status = static_cast<Errc>(status);
    header.request = load_le<std::uint64_t>(from + at_request);
    header.extent = {load_le<std::uint64_t>(from + at_offset), load_le<std::uint64_t>(from + at_length)};
    header.payload_bytes = load_le<std::uint32_t>(from + at_payload_bytes);
    header.payload_crc = load_le<std::uint32_t>(from + at_payload_crc);
    header.hash_piece_bytes = load_le<std::uint32_t>(from + at_hash_piece);
    std::memcpy(header.incarnation.id.bytes.data(), from + at_incarnation, header.incarnation.id.bytes.size());
    if (const char* wrong = check_shape(header)) return malformed(wrong);
    return header;
}

}  // namespace dst::wire
