#include "yaml/source.h"

#include <algorithm>

namespace dst::yaml {
namespace {

/// Length of the UTF-8 sequence at the start of `text`, shortest form only; 0 when there is none.
std::size_t utf8_length(std::string_view text) noexcept {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto follows = [&](std::size_t i, unsigned low, unsigned high) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return follows(1, 0x80, 0xbf) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
        unsigned high = lead == 0xed ? 0x9f : 0xbf;
        return follows(1, low, high) && follows(2, 0x80, 0xbf) ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        unsigned low = lead == 0xf0 ? 0x90 : 0x80;
        unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
        return follows(1, low, high) && follows(2, 0x80, 0xbf) && follows(3, 0x80, 0xbf) ? 4 : 0;
    }
    return 0;
}

std::optional<TextFault> find_bad_character(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        char c = text[i];
        if (c == '\0') return TextFault{i, "a NUL byte; a YAML file is plain UTF-8 text"};
        if (c == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) {
            return TextFault{i, "a carriage return alone; lines end with a line feed"};
        }
        bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f;
        if (control) return TextFault{i, "a control character; a YAML file is plain UTF-8 text"};
        std::size_t length = utf8_length(text.substr(i));
        if (length == 0) return TextFault{i, "a byte that is not UTF-8; save the file as UTF-8 text"};
        i += length;
    }
    return {};
}

std::optional<TextFault> find_indenting_tab(std::string_view text) noexcept {
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = std::min(text.find('\n', begin), text.size());
        std::string_view line = text.substr(begin, end - begin);
        std::size_t content = line.find_first_not_of(" \t\r");
        bool blank = content == std::string_view::npos || line[content] == '#';
        std::size_t tab = line.find('\t');
        if (!blank && tab < content) return TextFault{begin + tab, "a tab in the indentation; spaces would be right"};
        begin = end + 1;
    }
    return {};
}

}  // namespace

Source::Source(std::string_view text) : text_(text), lines_{0} {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') lines_.push_back(i + 1);
    }
}

spec::Position Source::position(std::size_t offset) const noexcept {
    offset = std::min(offset, text_.size());
    auto line = std::prev(std::upper_bound(lines_.begin(), lines_.end(), offset));
    unsigned column = 1;
    for (char c : text_.substr(*line, offset - *line)) {
        column += (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
    }
    return {static_cast<unsigned>(line - lines_.begin()) + 1, column};
}

std::size_t Source::offset(std::size_t line, std::size_t byte_column) const noexcept {
    if (line >= lines_.size()) return text_.size();
    return std::min(lines_[line] + byte_column, text_.size());
}

std::string_view without_bom(std::string_view text) noexcept {
    return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
}

std::optional<TextFault> find_text_fault(std::string_view text) noexcept {
    if (auto fault = find_bad_character(text)) return fault;
    return find_indenting_tab(text);
}

bool is_quote_closed(std::string_view text, std::size_t offset) noexcept {
    char quote = text[offset];
    for (std::size_t i = offset + 1; i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == quote) {
            bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
            if (!doubled) return true;
            ++i;
        }
    }
    return false;
}

}  // namespace dst::yaml
