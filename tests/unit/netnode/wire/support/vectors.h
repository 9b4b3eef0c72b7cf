#pragma once

#include <string>
#include <vector>

#include "block/buffer.h"
#include "block/id.h"

namespace dst::test {

/// Sixteen bytes of `value`.
Id id_of(std::uint8_t value);

/// A whole frame under the name that docs/wire_protocol.md gives it.
struct Vector {
    std::string name;
    Bytes bytes;
};

/// Every kind of frame, as the encoder makes it. Ids are one byte sixteen times.
std::vector<Vector> encoded_vectors();

}  // namespace dst::test
