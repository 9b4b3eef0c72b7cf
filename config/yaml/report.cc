#include "yaml/report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace dst::yaml {
namespace {

constexpr std::size_t quoted_bytes_max = 64;

bool is_continuation_byte(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

}  // namespace

std::vector<Mistake> Report::take() {
    std::stable_sort(mistakes_.begin(), mistakes_.end(), [](const Mistake& a, const Mistake& b) {
        return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    return std::move(mistakes_);
}

std::string quote(std::string_view read) {
    bool cut = read.size() > quoted_bytes_max;
    if (cut) {
        read = read.substr(0, quoted_bytes_max);
        while (!read.empty() && is_continuation_byte(read.back())) read.remove_suffix(1);
        if (!read.empty() && static_cast<unsigned char>(read.back()) >= 0xc0u) read.remove_suffix(1);
    }
    std::string text = "\"";
    for (char c : read) {
        auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
            text += escaped;
        } else {
            text += c;
        }
    }
    return text + (cut ? "...\"" : "\"");
}

std::string enumerate(const std::vector<std::string_view>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
        text += words[i];
    }
    return text;
}

std::string to_string(const Mistake& mistake) {
    if (mistake.at == spec::Position{}) return mistake.file + ": " + mistake.text;
    return mistake.file + ":" + std::to_string(mistake.at.line) + ":" + std::to_string(mistake.at.column) + ": " +
           mistake.text;
}

std::string to_string(const std::vector<Mistake>& mistakes) {
    std::string text;
    for (const Mistake& mistake : mistakes) text += to_string(mistake) + "\n";
    return text;
}

}  // namespace dst::yaml
