#include "yaml/mapping.h"

#include <algorithm>
#include <array>

namespace dst::yaml {
namespace {

constexpr std::size_t word_bytes_max = 32;

/// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other; neither is longer than
/// word_bytes_max.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::array<std::array<std::size_t, word_bytes_max + 1>, word_bytes_max + 1> cost;
    for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a.size()][b.size()];
}

std::string normalised(std::string_view word) {
    std::string text;
    for (char c : word) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        text += c == '-' || c == ' ' ? '_' : c;
    }
    return text;
}

}  // namespace

std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& words) {
    // A word much longer than any key is no slip of the finger, and comparing it would cost.
    if (word.size() > word_bytes_max) return {};
    std::string plain = normalised(word);
    std::string_view nearest;
    std::size_t nearest_distance = std::max<std::size_t>(1, plain.size() / 3) + 1;
    for (std::string_view candidate : words) {
        std::size_t distance = edit_distance(plain, candidate);
        if (distance < nearest_distance) {
            nearest = candidate;
            nearest_distance = distance;
        }
    }
    return nearest;
}

std::string describe(const Value& value) {
    switch (value.kind) {
        case Value::Kind::nothing: return "nothing";
        case Value::Kind::scalar: return quote(value.text);
        case Value::Kind::sequence: return value.items.empty() ? "an empty list" : "a list";
        case Value::Kind::mapping: return value.entries.empty() ? "an empty mapping" : "a mapping";
        case Value::Kind::unusable: return "an alias";
    }
    return {};
}

void report_wrong(Report& report, const Value& value, std::string_view expected, std::string_view why) {
    if (value.kind == Value::Kind::unusable) return;
    std::string text = describe(value);
    if (!why.empty()) text += " " + std::string(why);
    report.add(value.at, text + "; " + std::string(expected) + " would be right");
}

Mapping::Mapping(Report& report, const Value& value, std::string_view what, std::vector<std::string_view> keys)
    : report_(report), value_(value), what_(what) {
    if (value.kind != Value::Kind::mapping) {
        report_wrong(report, value, std::string(what) + " with the keys " + enumerate(keys));
        return;
    }
    for (const Entry& entry : value.entries) {
        if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
        std::string text = "the unknown key " + quote(entry.key) + "; ";
        std::string_view meant = nearest_word(entry.key, keys);
        if (!meant.empty()) text += "did you mean " + quote(meant) + "? ";
        report.add(entry.key_at, text + std::string(what) + " takes " + enumerate(keys));
    }
}

const Value* Mapping::find(std::string_view key) const noexcept {
    for (const Entry& entry : value_.entries) {
        if (entry.key == key) return &entry.value;
    }
    return nullptr;
}

const Value* Mapping::require(std::string_view key, std::string_view example) const {
    const Value* value = find(key);
    if (value == nullptr && usable()) {
        report_.add(value_.at,
                    std::string(what_) + " without " + quote(key) + "; it needs one, such as " + std::string(example));
    }
    return value;
}

}  // namespace dst::yaml
