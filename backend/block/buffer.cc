#include "block/buffer.h"

#include <algorithm>
#include <cstring>

#include "block/assert.h"

namespace dst {

std::uint64_t total_size(Pieces pieces) noexcept {
    std::uint64_t size = 0;
    for (const Piece& piece : pieces) size += piece.size;
    return size;
}

void copy_to_pieces(std::span<const std::byte> from, Pieces pieces) noexcept {
    std::size_t at = 0;
    for (const Piece& piece : pieces) {
        DST_ASSERT(piece.size <= from.size() - at);
        if (piece.size != 0) std::memcpy(piece.data, from.data() + at, piece.size);
        at += piece.size;
    }
}

void copy_from_pieces(Pieces pieces, std::span<std::byte> to) noexcept {
    std::size_t at = 0;
    for (const Piece& piece : pieces) {
        DST_ASSERT(piece.size <= to.size() - at);
        if (piece.size != 0) std::memcpy(to.data() + at, piece.data, piece.size);
        at += piece.size;
    }
}

void zero_pieces(Pieces pieces) noexcept {
    for (const Piece& piece : pieces) {
        if (piece.size != 0) std::memset(piece.data, 0, piece.size);
    }
}

void slice_pieces(Pieces pieces, std::uint64_t offset, std::uint64_t length, std::vector<Piece>& out) {
    for (const Piece& piece : pieces) {
        if (length == 0) return;
        if (offset >= piece.size) {
            offset -= piece.size;
            continue;
        }
        const std::uint64_t part = std::min<std::uint64_t>(piece.size - offset, length);
        out.push_back({piece.data + offset, static_cast<std::size_t>(part)});
        length -= part;
        offset = 0;
    }
    DST_ASSERT(length == 0);
}

}  // namespace dst
