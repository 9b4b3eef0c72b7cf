#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "block/assert.h"
#include "block/buffer.h"
#include "block/id.h"

namespace dst::wire {

/// Writes little-endian integers at `to`, whatever the machine's own order.
template <std::unsigned_integral T>
void store_le(std::byte* to, T value) noexcept {
    for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

template <std::unsigned_integral T>
T load_le(const std::byte* from) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | (static_cast<T>(from[i]) << (8 * i)));
    return value;
}

/// Appends fields to a payload.
class PayloadWriter {
public:
    template <std::unsigned_integral T>
    void put(T value) {
        std::array<std::byte, sizeof(T)> raw;
        store_le(raw.data(), value);
        out_.insert(out_.end(), raw.begin(), raw.end());
    }
    void put_flag(bool value) { put<std::uint8_t>(value ? 1 : 0); }
    void put_id(const Id& id) {
        for (const std::uint8_t byte : id.bytes) out_.push_back(static_cast<std::byte>(byte));
    }
    void put_epoch(const Epoch& epoch) {
        put<std::uint64_t>(epoch.number);
        put_id(epoch.head);
    }
    /// Two bytes of length, then the text.
    void put_text(std::string_view text) {
        DST_ASSERT(text.size() <= 0xffff);
        put<std::uint16_t>(static_cast<std::uint16_t>(text.size()));
        for (const char c : text) out_.push_back(static_cast<std::byte>(c));
    }
    void put_bytes(std::span<const std::byte> bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

    Bytes take() { return std::move(out_); }

private:
    Bytes out_;
};

/// Takes fields off a payload. What is not there reads as zero and makes ok() false for good.
class PayloadReader {
public:
    explicit PayloadReader(std::span<const std::byte> in) noexcept : in_(in) {}

    template <std::unsigned_integral T>
    T get() noexcept {
        const std::span<const std::byte> raw = take(sizeof(T));
        return raw.empty() ? T{0} : load_le<T>(raw.data());
    }
    /// 0 or 1; anything else is malformed.
    bool get_flag() noexcept {
        const auto value = get<std::uint8_t>();
        if (value > 1) ok_ = false;
        return value == 1;
    }
    Id get_id() noexcept {
        Id id;
        const std::span<const std::byte> raw = take(id.bytes.size());
        if (!raw.empty()) std::memcpy(id.bytes.data(), raw.data(), raw.size());
        return id;
    }
    Epoch get_epoch() noexcept {
        Epoch epoch;
        epoch.number = get<std::uint64_t>();
        epoch.head = get_id();
        return epoch;
    }
    std::string get_text(std::size_t bytes_max) {
        const std::size_t size = get<std::uint16_t>();
        if (size > bytes_max) ok_ = false;
        const std::span<const std::byte> raw = take(size);
        return raw.empty() ? std::string() : std::string(reinterpret_cast<const char*>(raw.data()), raw.size());
    }
    void get_bytes(std::span<std::byte> to) noexcept {
        const std::span<const std::byte> raw = take(to.size());
        if (!raw.empty()) std::memcpy(to.data(), raw.data(), raw.size());
    }

    /// Nothing was missing or out of range so far.
    bool ok() const noexcept { return ok_; }
    /// ok, and nothing is left over.
    bool finished() const noexcept { return ok_ && in_.empty(); }

private:
    std::span<const std::byte> take(std::size_t size) noexcept {
        if (!ok_ || size > in_.size()) {
            ok_ = false;
            return {};
        }
        const std::span<const std::byte> raw = in_.first(size);
        in_ = in_.subspan(size);
        return raw;
    }

    std::span<const std::byte> in_;
    bool ok_ = true;
};

}  // namespace dst::wire
