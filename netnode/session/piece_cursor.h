#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "block/buffer.h"

namespace dst {

/// A walk over part of a request's payload, in caller-owned pieces, that allocates and copies nothing.
class PieceCursor {
public:
    PieceCursor() = default;
    /// All of `pieces`, which must stay.
    explicit PieceCursor(Pieces pieces) noexcept;

    std::uint64_t remaining() const noexcept { return remaining_; }

    /// The first `length` of what remains, from where this stands; length <= remaining().
    PieceCursor first(std::uint64_t length) const noexcept;

    /// The next bytes as pieces, as many as fit into `out`; returns how many pieces. Does not move.
    std::size_t gather(std::span<Piece> out) const noexcept;

    /// Moves on by `bytes` <= remaining(); `visit` sees every stretch of memory passed over.
    template <typename Visit>
    void advance(std::uint64_t bytes, Visit&& visit) noexcept {
        remaining_ -= bytes;
        while (bytes > 0) {
            const std::size_t here = here_bytes(bytes);
            visit(std::span<std::byte>(at_->data + within_, here));
            step(here);
            bytes -= here;
        }
    }
    void advance(std::uint64_t bytes) noexcept {
        advance(bytes, [](std::span<std::byte>) {});
    }

private:
    /// Bytes of the present piece, `most` at most; steps over empty pieces first.
    std::size_t here_bytes(std::uint64_t most) noexcept;
    void step(std::size_t bytes) noexcept;

    const Piece* at_ = nullptr;
    std::size_t within_ = 0;
    std::uint64_t remaining_ = 0;
};

}  // namespace dst
