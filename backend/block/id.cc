#include "block/id.h"

#include <algorithm>
#include <cstddef>

namespace dst {
namespace {

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

constexpr std::ptrdiff_t time_bytes = 8;
constexpr std::ptrdiff_t file_at = 12;
constexpr std::ptrdiff_t end_of_id = sizeof(Id::bytes);

bool all_zero(const Id& id, std::ptrdiff_t from, std::ptrdiff_t end) noexcept {
    return std::all_of(id.bytes.begin() + from, id.bytes.begin() + end, [](std::uint8_t byte) { return byte == 0; });
}

Incarnation part_of(const Incarnation& whole, std::ptrdiff_t from, std::ptrdiff_t end) noexcept {
    Incarnation part;
    std::copy(whole.id.bytes.begin() + from, whole.id.bytes.begin() + end, part.id.bytes.begin() + from);
    return part;
}

}  // namespace

bool Id::is_nil() const noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string to_string(const Id& id) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(32);
    for (const std::uint8_t byte : id.bytes) {
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

std::string short_string(const Id& id) { return to_string(id).substr(0, 8); }

std::optional<Id> parse_id(std::string_view text) noexcept {
    Id id;
    if (text.size() != 2 * id.bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const int high = hex_value(text[2 * i]);
        const int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return id;
}

bool same_data(const Incarnation& recorded, const Incarnation& now) noexcept {
    return is_of_disks(now) || data_of(recorded) == data_of(now);
}

bool is_of_disks(const Incarnation& incarnation) noexcept { return all_zero(incarnation.id, time_bytes, file_at); }

bool same_file(const Incarnation& recorded, const Incarnation& now) noexcept {
    if (is_of_disks(recorded) != is_of_disks(now)) return true;
    if (file_of(recorded) == Incarnation{} || file_of(now) == Incarnation{}) return true;
    return file_of(recorded) == file_of(now);
}

Incarnation of_file(const Id& id) noexcept { return with_other_file({}, id); }

Incarnation with_other_file(const Incarnation& of, const Id& id) noexcept {
    Incarnation other = of;
    std::copy_n(id.bytes.begin(), end_of_id - file_at, other.id.bytes.begin() + file_at);
    other.id.bytes.back() |= 1;
    return other;
}

Incarnation data_of(const Incarnation& incarnation) noexcept { return part_of(incarnation, time_bytes, file_at); }

Incarnation file_of(const Incarnation& incarnation) noexcept { return part_of(incarnation, file_at, end_of_id); }

Incarnation with_other_time(const Incarnation& of, const Id& random) noexcept {
    Incarnation other = of;
    std::copy_n(random.bytes.begin(), time_bytes, other.id.bytes.begin());
    return other;
}

}  // namespace dst
