#include "ctl/units.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace dst::ctl {

std::string format_size(std::uint64_t bytes) {
    static constexpr std::array<const char*, 7> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return std::to_string(bytes) + " B";
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    // From 1023.5 on it would be printed as 1024 of the smaller unit.
    while (value >= 1023.5 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    char text[32];
    // From 99.95 on one digit behind the point would be printed as 100.0.
    std::snprintf(text, sizeof text, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

std::string format_rate(std::uint64_t bytes_per_second) { return format_size(bytes_per_second) + "/s"; }

std::string format_duration(std::uint64_t seconds) {
    auto pair = [](std::uint64_t large, const char* large_unit, std::uint64_t small, const char* small_unit) {
        std::string text = std::to_string(large) + " " + large_unit;
        if (small != 0) text += " " + std::to_string(small) + " " + small_unit;
        return text;
    };
    if (seconds < 100) return std::to_string(seconds) + " s";
    std::uint64_t minutes = (seconds + 30) / 60;
    if (minutes < 60) return std::to_string(minutes) + " min";
    if (minutes < 48 * 60) return pair(minutes / 60, "h", minutes % 60, "min");
    std::uint64_t hours = (minutes + 30) / 60;
    return pair(hours / 24, "d", hours % 24, "h");
}

std::string format_hexadecimal(std::uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016" PRIx64, value);
    return text;
}

unsigned percent_of(std::uint64_t part, std::uint64_t whole) {
    if (part >= whole) return 100;
    return std::min(99u, static_cast<unsigned>(static_cast<double>(part) / static_cast<double>(whole) * 100));
}

}  // namespace dst::ctl
