#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "config/spec.h"

namespace dst::yaml {

/// A file's text with its lines, so that byte offsets become positions: lines and characters counted from 1.
class Source {
public:
    /// `text` must outlive the object; a byte order mark at its start must have been taken off (without_bom).
    explicit Source(std::string_view text);

    std::string_view text() const noexcept { return text_; }
    spec::Position position(std::size_t offset) const noexcept;
    /// The byte offset of a line and a byte column, both counted from 0; the text's end when there is no such place.
    std::size_t offset(std::size_t line, std::size_t byte_column) const noexcept;

private:
    std::string_view text_;
    std::vector<std::size_t> lines_;  ///< where each begins
};

std::string_view without_bom(std::string_view text) noexcept;

/// What makes a text unreadable as YAML before its structure is looked at.
struct TextFault {
    std::size_t offset = 0;
    std::string_view text;
};

/// The first byte that a YAML file may not hold (not UTF-8, NUL and other control characters, a carriage return that
/// ends no line), or a tab in the indentation, which YAML forbids and parsers take for something else.
std::optional<TextFault> find_text_fault(std::string_view text) noexcept;

/// True when the quoted scalar that begins at `offset` has its closing quote.
bool is_quote_closed(std::string_view text, std::size_t offset) noexcept;

}  // namespace dst::yaml
