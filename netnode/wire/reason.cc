#include <cstddef>

#include "wire/frame.h"
#include "wire/payload.h"

namespace dst::wire {
namespace {

unsigned char at(std::span<const std::byte> in, std::size_t i) noexcept { return static_cast<unsigned char>(in[i]); }

/// Bytes of the well-formed UTF-8 character that starts at `i` (RFC 3629 section 4), or 0.
std::size_t character_bytes(std::span<const std::byte> in, std::size_t i) noexcept {
    const unsigned char first = at(in, i);
    if (first < 0x80) return 1;
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || in.size() - i < size) return 0;
    for (std::size_t k = 1; k < size; ++k) {
        if ((at(in, i + k) & 0xc0) != 0x80) return 0;
    }
    const unsigned char second = at(in, i + 1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return size;
}

}  // namespace

std::string_view bounded_reason(std::string_view text) noexcept {
    if (text.size() <= reason_bytes_max) return text;
    std::size_t size = reason_bytes_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
}

std::string printable_reason(std::span<const std::byte> in) {
    std::string out;
    out.reserve(in.size());
    for (std::size_t i = 0; i < in.size();) {
        const std::size_t size = character_bytes(in, i);
        const bool control =
            at(in, i) < 0x20 || at(in, i) == 0x7f || (size == 2 && at(in, i) == 0xc2 && at(in, i + 1) < 0xa0);
        if (size == 0 || control) {
            out += '?';
            i += size == 0 ? 1 : size;
            continue;
        }
        for (std::size_t k = 0; k < size; ++k) out += static_cast<char>(in[i + k]);
        i += size;
    }
    return out;
}

}  // namespace dst::wire
