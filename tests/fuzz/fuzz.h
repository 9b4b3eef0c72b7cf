#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "block/assert.h"
#include "block/buffer.h"

/// One body per decoder: libFuzzer calls it with whatever it makes up, the replay program with the files of the corpus.
/// It must neither crash nor read beyond `data`.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace dst::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

/// The first byte of an input chooses; 0 when there is none. `data` goes on behind it.
inline unsigned take_mode(std::span<const std::byte>& data) {
    if (data.empty()) return 0;
    const auto mode = static_cast<unsigned>(data.front());
    data = data.subspan(1);
    return mode;
}

}  // namespace dst::fuzz
