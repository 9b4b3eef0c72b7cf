#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "block/id.h"

namespace dst {

/// Writes little-endian fields one after another into memory of the caller's. What does not fit is not written and
/// makes ok() false for good.
class ByteWriter {
public:
    explicit ByteWriter(std::span<std::byte> into) noexcept : into_(into) {}

    void u8(std::uint8_t value) noexcept { integer(value, 1); }
    void u16(std::uint16_t value) noexcept { integer(value, 2); }
    void u32(std::uint32_t value) noexcept { integer(value, 4); }
    void u64(std::uint64_t value) noexcept { integer(value, 8); }
    void id(const Id& value) noexcept;
    void epoch(const Epoch& value) noexcept;
    void bytes(std::span<const std::byte> value) noexcept;
    void zeroes(std::size_t count) noexcept;
    /// One byte of length, then the text. A text over 255 bytes makes ok() false.
    void text(std::string_view value) noexcept;
    /// One byte of length, then the text, then zeroes: 1 + `room` bytes in all. A text over `room` makes ok() false.
    void padded_text(std::string_view value, std::uint8_t room) noexcept;

    bool ok() const noexcept { return ok_; }
    std::size_t written() const noexcept { return at_; }

private:
    bool take(std::size_t count) noexcept;
    void integer(std::uint64_t value, std::size_t size) noexcept;

    std::span<std::byte> into_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

/// Reads what ByteWriter wrote. Past the end every field reads as zero and ok() is false for good; nothing is ever
/// read outside the span.
class ByteReader {
public:
    explicit ByteReader(std::span<const std::byte> from) noexcept : from_(from) {}

    std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(integer(1)); }
    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(integer(2)); }
    std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(integer(4)); }
    std::uint64_t u64() noexcept { return integer(8); }
    Id id() noexcept;
    Epoch epoch() noexcept;
    /// The next `count` bytes; empty when there are fewer.
    std::span<const std::byte> bytes(std::size_t count) noexcept;
    void skip(std::size_t count) noexcept { take(count); }
    std::string text();
    std::string padded_text(std::uint8_t room);

    bool ok() const noexcept { return ok_; }
    std::size_t remaining() const noexcept { return from_.size() - at_; }
    /// For a decoder that found a value it cannot accept.
    void fail() noexcept { ok_ = false; }

private:
    bool take(std::size_t count) noexcept;
    std::uint64_t integer(std::size_t size) noexcept;

    std::span<const std::byte> from_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

/// CRC-32C (Castagnoli) of the parts one after another, as RFC 3720, section 12.1 uses it: "123456789" gives E3069283.
std::uint32_t crc32c(std::initializer_list<std::span<const std::byte>> parts) noexcept;

}  // namespace dst
