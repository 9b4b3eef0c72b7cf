#pragma once

#include <cstddef>

#include "block/assert.h"
#include "block/buffer.h"

namespace dst::sim {

/// First in, first out.
class SimByteQueue {
public:
    std::size_t size() const noexcept { return bytes_.size() - taken_; }
    bool empty() const noexcept { return size() == 0; }
    /// Until the next change.
    const std::byte* data() const noexcept { return bytes_.data() + taken_; }

    void push(const std::byte* from, std::size_t count) { bytes_.insert(bytes_.end(), from, from + count); }
    void pop(std::size_t count) {
        DST_ASSERT(count <= size());
        taken_ += count;
        if (taken_ < bytes_.size() - taken_) return;
        // Moves at most as much as was taken.
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(taken_));
        taken_ = 0;
    }
    void clear() noexcept {
        bytes_.clear();
        taken_ = 0;
    }

private:
    Bytes bytes_;
    std::size_t taken_ = 0;
};

}  // namespace dst::sim
