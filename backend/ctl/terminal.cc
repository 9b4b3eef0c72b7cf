#include "ctl/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace dst::ctl {
namespace {

std::string_view escape_of(Colour colour) {
    switch (colour) {
        case Colour::none: return "";
        case Colour::green: return "\x1b[32m";
        case Colour::yellow: return "\x1b[33m";
        case Colour::red: return "\x1b[31m";
        case Colour::faint: return "\x1b[2m";
    }
    return "";
}

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

}  // namespace

std::string Terminal::paint(Colour wanted, std::string_view text) const {
    if (!colour || wanted == Colour::none) return std::string(text);
    return std::string(escape_of(wanted)) + std::string(text) + "\x1b[0m";
}

Terminal standard_terminal() {
    bool terminal = ::isatty(STDOUT_FILENO) == 1;
    return {std::cout, std::cerr, terminal && !is_set("NO_COLOR"), terminal,
            ::isatty(STDIN_FILENO) == 1 ? &std::cin : nullptr};
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (char c : text) width += (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
    return width;
}

std::string padded(std::string text, std::size_t width) {
    std::size_t used = display_width(text);
    if (used < width) text.append(width - used, ' ');
    return text;
}

}  // namespace dst::ctl
