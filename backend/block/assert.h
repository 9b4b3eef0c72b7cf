#pragma once

namespace dst {

/// Prints the failed expression with its place to standard error and aborts. Never returns.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace dst

/// For what can only be a bug of this program; what the world can do is an error value. Stays on in release builds.
#define DST_ASSERT(expression) \
    ((expression) ? static_cast<void>(0) : ::dst::assertion_failed(#expression, __FILE__, __LINE__))
