#pragma once

#include <algorithm>
#include <functional>

#include "fuzz.h"
#include "wire/crc32c.h"
#include "wire/frame.h"

namespace dst::fuzz {

inline void put32(std::span<std::byte> at, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

/// Cuts the input into frames and makes their magic, version and checksums right, so that the fuzzer comes past them.
/// A payload goes as far as the input does.
inline Bytes framed(std::span<const std::byte> in) {
    Bytes out;
    while (in.size() >= wire::header_bytes) {
        Bytes header(in.begin(), in.begin() + wire::header_bytes);
        in = in.subspan(wire::header_bytes);
        std::uint32_t payload = 0;
        for (unsigned i = 0; i < 4; ++i) payload |= static_cast<std::uint32_t>(header[32 + i]) << (8 * i);
        const auto body = in.first(std::min<std::size_t>(payload, in.size()));
        in = in.subspan(body.size());
        put32(std::span(header).subspan(0), wire::magic);
        header[4] = std::byte{wire::protocol_version};
        put32(std::span(header).subspan(36), body.empty() ? 0 : wire::crc32c(body));
        put32(std::span(header).subspan(60), wire::crc32c(std::span(header).first(60)));
        out.insert(out.end(), header.begin(), header.end());
        out.insert(out.end(), body.begin(), body.end());
    }
    out.insert(out.end(), in.begin(), in.end());
    return out;
}

/// One frame of the program's own.
inline void append_frame(Bytes& out, wire::Header header, const Bytes& payload) {
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = payload.empty() ? 0 : wire::crc32c(payload);
    wire::HeaderBytes bytes;
    wire::encode_header(header, bytes);
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.insert(out.end(), payload.begin(), payload.end());
}

}  // namespace dst::fuzz
