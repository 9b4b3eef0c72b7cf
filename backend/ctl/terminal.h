#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <string_view>

namespace dst::ctl {

enum class Colour { none, green, yellow, red, faint };

/// Where a command writes.
struct Terminal {
    std::ostream& out;           ///< what was asked for
    std::ostream& err;           ///< errors and warnings
    bool colour = false;         ///< `out` is a terminal that shows colours
    bool terminal = false;       ///< `out` is a terminal
    std::istream* in = nullptr;  ///< where answers are read; null: nobody is there to answer

    /// `text` in a colour, or as it is when there are none.
    std::string paint(Colour colour, std::string_view text) const;
};

/// Standard output and standard error, and standard input if it is a terminal. Colours only on a terminal, and never
/// when NO_COLOR is set (no-color.org).
Terminal standard_terminal();

/// How many characters `text` takes on a terminal, for UTF-8 without wide characters.
std::size_t display_width(std::string_view text);
/// `text` with blanks behind it until it is `width` wide.
std::string padded(std::string text, std::size_t width);

}  // namespace dst::ctl
