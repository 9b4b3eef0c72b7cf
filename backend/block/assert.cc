#include "block/assert.h"

#include <cstdio>
#include <cstdlib>

namespace dst {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "CRITICAL assertion-failed %s:%d: %s\n", file, line, expression);
    std::fflush(stderr);
    std::abort();
}

}  // namespace dst
