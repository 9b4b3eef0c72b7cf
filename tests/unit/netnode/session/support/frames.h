#pragma once

#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "block/assert.h"
#include "block/buffer.h"
#include "wire/crc32c.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace dst::test {

/// A whole frame: header and payload, with good checksums.
struct Frame {
    wire::Header header;
    Bytes payload;
};

inline Bytes frame_bytes(wire::Header header, std::span<const std::byte> payload = {}) {
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = payload.empty() ? 0 : wire::crc32c(payload);
    wire::HeaderBytes raw;
    wire::encode_header(header, raw);
    Bytes out(raw.begin(), raw.end());
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

/// Takes all whole frames off the front of `stream`. What is no frame fails the program.
inline std::vector<Frame> take_frames(Bytes& stream) {
    std::vector<Frame> frames;
    while (stream.size() >= wire::header_bytes) {
        const auto header = wire::decode_header(std::span<const std::byte, 64>(stream.data(), wire::header_bytes));
        DST_ASSERT(header);
        const std::size_t whole = wire::header_bytes + header->payload_bytes;
        if (stream.size() < whole) break;
        const auto begin = stream.begin() + wire::header_bytes;
        const auto end = stream.begin() + static_cast<std::ptrdiff_t>(whole);
        frames.push_back({*header, Bytes(begin, end)});
        stream.erase(stream.begin(), end);
    }
    return frames;
}

inline wire::Header order(wire::Kind kind, std::uint64_t request, Extent extent = {}) {
    wire::Header header;
    header.kind = kind;
    header.request = request;
    header.extent = extent;
    return header;
}

/// The answer to `to`, ok.
inline wire::Header answer(wire::Header to) {
    to.answer = true;
    to.fua = false;
    return to;
}

inline Bytes filled(std::size_t size, unsigned seed) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 7 + seed * 131 + i / 251) & 0xff);
    return bytes;
}

inline Bytes text_bytes(std::string_view text) {
    Bytes bytes;
    for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
    return bytes;
}

inline Id id_of(std::uint8_t value) {
    Id id;
    id.bytes.fill(value);
    return id;
}

}  // namespace dst::test
