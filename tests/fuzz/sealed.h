#pragma once

#include <algorithm>

#include "fuzz.h"
#include "media/envelope.h"

namespace dst::fuzz {

/// Mode bit 0: the input is the content behind an envelope that is made right, so that the fuzzer need not guess
/// checksums; else the input is the copy as it lies there.
inline Bytes sealed_copy(std::span<const std::byte> data, const Magic& magic, std::size_t limit) {
    const unsigned mode = take_mode(data);
    const std::size_t head = (mode & 1) != 0 ? envelope_bytes : 0;
    Bytes copy(std::min(limit, head + data.size()));
    std::copy_n(data.begin(), copy.size() - std::min(copy.size(), head),
                copy.begin() + static_cast<std::ptrdiff_t>(head));
    if (head != 0) seal(copy, magic, 1);
    return copy;
}

}  // namespace dst::fuzz
