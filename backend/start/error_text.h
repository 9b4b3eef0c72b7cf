#pragma once

#include <string>

#include "block/error.h"

namespace dst {

/// An error's sentence for another error's text, which gets its code's name once, when it is printed.
inline std::string error_text(const Error& error) {
    return error.text.empty() ? std::string(to_string(error.code)) : error.text;
}

}  // namespace dst
