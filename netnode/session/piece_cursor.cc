#include "session/piece_cursor.h"

#include <algorithm>

#include "block/assert.h"

namespace dst {

PieceCursor::PieceCursor(Pieces pieces) noexcept : at_(pieces.data()), remaining_(total_size(pieces)) {}

PieceCursor PieceCursor::first(std::uint64_t length) const noexcept {
    DST_ASSERT(length <= remaining_);
    PieceCursor part = *this;
    part.remaining_ = length;
    return part;
}

std::size_t PieceCursor::gather(std::span<Piece> out) const noexcept {
    PieceCursor walk = *this;
    std::size_t count = 0;
    while (walk.remaining_ > 0 && count < out.size()) {
        const std::size_t here = walk.here_bytes(walk.remaining_);
        out[count++] = {walk.at_->data + walk.within_, here};
        walk.step(here);
        walk.remaining_ -= here;
    }
    return count;
}

std::size_t PieceCursor::here_bytes(std::uint64_t most) noexcept {
    while (within_ == at_->size) {
        ++at_;
        within_ = 0;
    }
    return static_cast<std::size_t>(std::min<std::uint64_t>(at_->size - within_, most));
}

void PieceCursor::step(std::size_t bytes) noexcept { within_ += bytes; }

}  // namespace dst
