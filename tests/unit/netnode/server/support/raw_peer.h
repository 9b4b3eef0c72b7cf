#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <string>

#include "asio/owned_fd.h"
#include "asio/resolver.h"
#include "block/buffer.h"
#include "wire/crc32c.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace dst {

inline void append_frame(Bytes& stream, wire::Header header, std::span<const std::byte> payload = {}) {
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = payload.empty() ? 0 : wire::crc32c(payload);
    wire::HeaderBytes raw;
    wire::encode_header(header, raw);
    stream.insert(stream.end(), raw.begin(), raw.end());
    stream.insert(stream.end(), payload.begin(), payload.end());
}

/// HELLO, OPEN without an epoch, and reads from the beginning of the export.
inline Bytes opening_and_reads(const std::string& export_name, unsigned count, std::uint64_t length) {
    Bytes stream;
    wire::Header header;
    header.kind = wire::Kind::hello;
    header.request = 1;
    append_frame(stream, header, wire::encode(wire::Hello{1, 1, wire::known_features, "raw"}));
    header.kind = wire::Kind::open;
    header.request = 2;
    wire::Open open;
    open.export_name = export_name;
    open.head = "raw";
    open.connection.bytes[0] = 1;
    append_frame(stream, header, wire::encode(open));
    header.kind = wire::Kind::read;
    header.extent = {0, length};
    for (unsigned i = 0; i < count; ++i) {
        header.request = 10 + i;
        append_frame(stream, header);
    }
    return stream;
}

/// A connection to 127.0.0.1 that has sent `bytes` and does nothing more.
inline OwnedFd connect_raw(std::uint16_t port, const Bytes& bytes = {}, const std::string& from = "127.0.0.1") {
    OwnedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto source = parse_address(from, 0);
    EXPECT_EQ(::bind(socket.get(), source->get(), source->length), 0);
    const auto address = parse_address("127.0.0.1", port);
    EXPECT_EQ(::connect(socket.get(), address->get(), address->length), 0);
    EXPECT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    return socket;
}

/// The other end has closed or reset it.
inline bool closed_by_peer(const OwnedFd& socket) {
    std::byte none;
    const ssize_t got = ::recv(socket.get(), &none, 1, MSG_DONTWAIT | MSG_PEEK);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

}  // namespace dst
