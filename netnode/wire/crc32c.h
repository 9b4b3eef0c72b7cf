#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dst::wire {

/// CRC-32C (Castagnoli), as iSCSI uses it, of bytes that come in parts; hardware instructions where there are any.
class Crc32c {
public:
    void add(std::span<const std::byte> bytes) noexcept;
    std::uint32_t value() const noexcept { return ~state_; }

private:
    std::uint32_t state_ = 0xffffffffu;
};

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;

}  // namespace dst::wire
