#include "media/bytes.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace dst {

bool ByteWriter::take(std::size_t count) noexcept {
    if (ok_ && count <= into_.size() - at_) return true;
    ok_ = false;
    return false;
}

void ByteWriter::integer(std::uint64_t value, std::size_t size) noexcept {
    if (!take(size)) return;
    std::byte* const to = into_.data() + at_;
    at_ += size;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(to, &value, size);
    } else {
        for (std::size_t i = 0; i < size; ++i, value >>= 8) to[i] = static_cast<std::byte>(value & 0xff);
    }
}

void ByteWriter::id(const Id& value) noexcept { bytes(std::as_bytes(std::span(value.bytes))); }

void ByteWriter::epoch(const Epoch& value) noexcept {
    u64(value.number);
    id(value.head);
}

void ByteWriter::bytes(std::span<const std::byte> value) noexcept {
    if (!take(value.size())) return;
    std::copy(value.begin(), value.end(), into_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += value.size();
}

void ByteWriter::zeroes(std::size_t count) noexcept {
    if (!take(count)) return;
    std::fill_n(into_.begin() + static_cast<std::ptrdiff_t>(at_), count, std::byte{0});
    at_ += count;
}

void ByteWriter::text(std::string_view value) noexcept {
    if (value.size() > std::numeric_limits<std::uint8_t>::max()) {
        ok_ = false;
        return;
    }
    u8(static_cast<std::uint8_t>(value.size()));
    bytes(std::as_bytes(std::span(value)));
}

void ByteWriter::padded_text(std::string_view value, std::uint8_t room) noexcept {
    if (value.size() > room) {
        ok_ = false;
        return;
    }
    text(value);
    zeroes(room - value.size());
}

bool ByteReader::take(std::size_t count) noexcept {
    if (!ok_ || count > from_.size() - at_) {
        ok_ = false;
        return false;
    }
    at_ += count;
    return true;
}

std::uint64_t ByteReader::integer(std::size_t size) noexcept {
    if (!take(size)) return 0;
    const std::byte* const from = from_.data() + at_ - size;
    std::uint64_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(&value, from, size);
    } else {
        for (std::size_t i = size; i > 0; --i) value = (value << 8) | std::to_integer<std::uint64_t>(from[i - 1]);
    }
    return value;
}

Id ByteReader::id() noexcept {
    Id value;
    const std::span<const std::byte> taken = bytes(value.bytes.size());
    for (std::size_t i = 0; i < taken.size(); ++i) value.bytes[i] = std::to_integer<std::uint8_t>(taken[i]);
    return value;
}

Epoch ByteReader::epoch() noexcept {
    Epoch value;
    value.number = u64();
    value.head = id();
    return value;
}

std::span<const std::byte> ByteReader::bytes(std::size_t count) noexcept {
    if (!take(count)) return {};
    return from_.subspan(at_ - count, count);
}

std::string ByteReader::text() {
    const std::span<const std::byte> taken = bytes(u8());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

std::string ByteReader::padded_text(std::uint8_t room) {
    const std::size_t size = u8();
    const std::span<const std::byte> field = bytes(room);
    if (size > field.size()) {
        fail();
        return {};
    }
    return {reinterpret_cast<const char*>(field.data()), size};
}

namespace {

std::uint32_t crc32c_part(std::span<const std::byte> bytes, std::uint32_t state) noexcept {
    // ISA-L takes int lengths and memory that is not const, which it only reads.
    constexpr std::size_t part_max = 1u << 30;
    while (!bytes.empty()) {
        const std::span<const std::byte> part = bytes.first(std::min(bytes.size(), part_max));
        auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
        state = crc32_iscsi(data, static_cast<int>(part.size()), state);
        bytes = bytes.subspan(part.size());
    }
    return state;
}

}  // namespace

std::uint32_t crc32c(std::initializer_list<std::span<const std::byte>> parts) noexcept {
    std::uint32_t state = 0xffffffffu;
    for (const std::span<const std::byte> part : parts) state = crc32c_part(part, state);
    return ~state;
}

}  // namespace dst
