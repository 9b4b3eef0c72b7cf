#include "wire/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace dst::wire {

void Crc32c::add(std::span<const std::byte> bytes) noexcept {
    // ISA-L takes an int and, though it does not write, a pointer to non-const.
    constexpr std::size_t part_max = std::size_t{1} << 30;
    while (!bytes.empty()) {
        const std::size_t part = std::min(bytes.size(), part_max);
        auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
        state_ = crc32_iscsi(data, static_cast<int>(part), state_);
        bytes = bytes.subspan(part);
    }
}

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
    Crc32c crc;
    crc.add(bytes);
    return crc.value();
}

}  // namespace dst::wire
