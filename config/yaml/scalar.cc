#include "yaml/scalar.h"

#include <array>
#include <bit>
#include <charconv>
#include <limits>

#include "yaml/report.h"

namespace dst::yaml {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array<Unit, 9> size_units{{{"B", 1},
                                          {"KiB", 1ull << 10},
                                          {"MiB", 1ull << 20},
                                          {"GiB", 1ull << 30},
                                          {"TiB", 1ull << 40},
                                          {"KB", 1000ull},
                                          {"MB", 1000'000ull},
                                          {"GB", 1000'000'000ull},
                                          {"TB", 1000'000'000'000ull}}};
constexpr std::array<Unit, 4> time_units{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool equal_but_for_case(std::string_view a, std::string_view b) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

std::string unknown_unit(std::string_view name, const Unit* units, std::size_t count) {
    std::string why = "has the unknown unit " + quote(name);
    for (std::size_t i = 0; i < count; ++i) {
        if (equal_but_for_case(name, units[i].name)) return why + " (" + std::string(units[i].name) + "?)";
    }
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back(units[i].name);
    return why + " (units are " + enumerate(names) + ")";
}

/// Digits, then a unit. Without a unit the factor is `plain_factor`; zero: a unit must be there.
template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<Unit, N>& units,
                                            std::uint64_t plain_factor, std::string& why) {
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    if (digits == 0) return {};
    std::string_view unit = text.substr(digits);
    if (unit.starts_with('.') || unit.starts_with(',')) {
        why = "is not a whole number";
        return {};
    }
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    std::uint64_t factor = plain_factor;
    if (!unit.empty()) {
        factor = 0;
        for (const Unit& known : units) {
            if (known.name == unit) factor = known.factor;
        }
        if (factor == 0) {
            why = unknown_unit(unit, units.data(), N);
            return {};
        }
    } else if (plain_factor == 0) {
        why = "has no unit";
        return {};
    }
    std::uint64_t count = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + digits, count);
    if (error != std::errc() || count > std::numeric_limits<std::uint64_t>::max() / factor) {
        why = "is too large";
        return {};
    }
    return count * factor;
}

template <typename T>
bool in_range(const T& value, const Range<T>& range, std::string& why) {
    if (value < range.least) why = "is too small";
    if (value > range.most) why = "is too large";
    return value >= range.least && value <= range.most;
}

std::optional<std::uint64_t> parse_rate(std::string_view text, const Range<std::uint64_t>& range, std::string& why) {
    if (!text.ends_with("/s")) {
        if (parse_quantity(text, size_units, 1, why)) why = "is a size and not a rate (/s is missing)";
        return {};
    }
    auto rate = parse_quantity(text.substr(0, text.size() - 2), size_units, 0, why);
    if (!rate || !in_range(*rate, range, why)) return {};
    return rate;
}

std::string rate_expected(const Range<std::uint64_t>& range, std::string_view example) {
    return "a rate from " + size_text(range.least) + "/s to " + size_text(range.most) + "/s, such as " +
           std::string(example);
}

std::string size_expected(std::string_view what, const Range<std::uint64_t>& range, std::string_view example) {
    return std::string(what) + " from " + size_text(range.least) + " to " + size_text(range.most) + ", such as " +
           std::string(example);
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
    static constexpr std::array<std::string_view, 5> names{"", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (unit + 1 < names.size() && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + std::string(names[unit]);
}

std::string time_text(spec::Milliseconds time) {
    auto ms = time.count();
    if (ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
    if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
    return std::to_string(ms) + "ms";
}

Scalar<std::uint64_t> size_scalar(Range<std::uint64_t> range, std::string_view example) {
    return {size_expected("a size", range, example),
            [range](std::string_view text, std::string& why) -> std::optional<std::uint64_t> {
                auto bytes = parse_quantity(text, size_units, 1, why);
                if (!bytes || !in_range(*bytes, range, why)) return {};
                return bytes;
            }};
}

Scalar<std::uint64_t> power_of_two_size_scalar(Range<std::uint64_t> range, std::string_view example) {
    return {size_expected("a power of two", range, example),
            [any = size_scalar(range, example)](std::string_view text, std::string& why) {
                auto bytes = any.parse(text, why);
                if (bytes && !std::has_single_bit(*bytes)) {
                    why = "is not a power of two";
                    bytes.reset();
                }
                return bytes;
            }};
}

Scalar<std::uint64_t> rate_scalar(Range<std::uint64_t> range, std::string_view example) {
    return {rate_expected(range, example),
            [range](std::string_view text, std::string& why) { return parse_rate(text, range, why); }};
}

Scalar<std::optional<std::uint64_t>> rate_or_max_scalar(Range<std::uint64_t> range, std::string_view example) {
    using Rate = std::optional<std::uint64_t>;
    return {"max, or " + rate_expected(range, example),
            [range](std::string_view text, std::string& why) -> std::optional<Rate> {
                if (text == "max") return Rate();
                Rate rate = parse_rate(text, range, why);
                if (!rate) return {};
                return rate;
            }};
}

Scalar<spec::Milliseconds> time_scalar(Range<spec::Milliseconds> range, std::string_view example) {
    return {
        "a time from " + time_text(range.least) + " to " + time_text(range.most) + ", such as " + std::string(example),
        [range](std::string_view text, std::string& why) -> std::optional<spec::Milliseconds> {
            auto ms = parse_quantity(text, time_units, 0, why);
            if (!ms) return {};
            if (*ms > static_cast<std::uint64_t>(range.most.count())) {
                why = "is too long";
                return {};
            }
            if (*ms < static_cast<std::uint64_t>(range.least.count())) {
                why = "is too short";
                return {};
            }
            return spec::Milliseconds(*ms);
        }};
}

Scalar<unsigned> number_scalar(Range<unsigned> range) {
    return {"a number from " + std::to_string(range.least) + " to " + std::to_string(range.most),
            [range](std::string_view text, std::string& why) -> std::optional<unsigned> {
                unsigned number = 0;
                auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
                if (end != text.data() + text.size() || error == std::errc::invalid_argument) return {};
                if (error != std::errc()) {
                    why = "is too large";
                    return {};
                }
                if (!in_range(number, range, why)) return {};
                return number;
            }};
}

Scalar<bool> switch_scalar() {
    auto words = choice_scalar<bool>(
        {{"on", true}, {"off", false}, {"true", true}, {"false", false}, {"yes", true}, {"no", false}});
    words.expected = "on or off";
    return words;
}

Scalar<std::string> name_scalar(std::string_view what) {
    return {std::string(what) + " of at most 63 letters, digits, '.', '_' and '-' that begins with a letter or digit",
            [](std::string_view text, std::string& why) -> std::optional<std::string> {
                if (text.empty() || !is_alphanumeric(text.front())) return {};
                for (char c : text) {
                    if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-') return {};
                }
                if (text.size() > 63) {
                    why = "is too long";
                    return {};
                }
                return std::string(text);
            }};
}

Scalar<std::string> node_name_scalar() {
    constexpr std::size_t name_bytes_max = 255;
    return {
        "a node name of at most 255 letters, digits, '.', '_', '-', ':', '/', '[', ']', '@' and '%' that begins with "
        "a letter, a digit or '[', or a path",
        [](std::string_view text, std::string& why) -> std::optional<std::string> {
            if (text.size() > name_bytes_max) {
                why = "is too long";
                return {};
            }
            if (text.starts_with('/')) return path_scalar("").parse(text, why);
            if (text.empty() || (!is_alphanumeric(text.front()) && text.front() != '[')) return {};
            constexpr std::string_view others = "._-:/[]@%";
            for (char c : text) {
                if (!is_alphanumeric(c) && others.find(c) == std::string_view::npos) return {};
            }
            return std::string(text);
        }};
}

Scalar<std::string> path_scalar(std::string_view example) {
    return {"an absolute path such as " + std::string(example),
            [](std::string_view text, std::string& why) -> std::optional<std::string> {
                if (!text.starts_with('/')) {
                    why = text.empty() ? "is empty" : "is a relative path";
                    return {};
                }
                if (text.ends_with('/')) {
                    why = "is a directory";
                    return {};
                }
                for (char c : text) {
                    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
                        why = "has a control character in it";
                        return {};
                    }
                }
                if (text.size() > 4095) {
                    why = "is too long";
                    return {};
                }
                return std::string(text);
            }};
}

}  // namespace dst::yaml
