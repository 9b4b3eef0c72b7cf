#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dst {

/// One stretch of caller-owned memory. Same layout as POSIX iovec, which the I/O folders assert.
struct Piece {
    std::byte* data = nullptr;
    std::size_t size = 0;
};

/// A request's payload: pieces in order. The array and the memory belong to whoever made the request.
using Pieces = std::span<const Piece>;

using Bytes = std::vector<std::byte>;

std::uint64_t total_size(Pieces pieces) noexcept;

/// Copies the first `total_size(pieces)` bytes at `from` into the pieces; `from` must hold as many.
void copy_to_pieces(std::span<const std::byte> from, Pieces pieces) noexcept;

/// Copies the pieces' bytes one after another to `to`, which must be at least as long.
void copy_from_pieces(Pieces pieces, std::span<std::byte> to) noexcept;

/// Sets every byte of the pieces to zero.
void zero_pieces(Pieces pieces) noexcept;

/// Appends to `out` the part of `pieces` that covers bytes [offset, offset + length) of the payload.
void slice_pieces(Pieces pieces, std::uint64_t offset, std::uint64_t length, std::vector<Piece>& out);

}  // namespace dst
