#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "block/assert.h"

namespace dst {

/// Objects that are taken and given back without allocation once the pool has grown to what is needed. Addresses are
/// stable. T is default-constructible; what was given back keeps its state until it is taken again.
template <typename T>
class Pool {
public:
    T& take() {
        if (free_.empty()) {
            all_.emplace_back();
            free_.reserve(all_.size());
            return all_.back();
        }
        T& object = *free_.back();
        free_.pop_back();
        return object;
    }
    void give_back(T& object) {
        DST_ASSERT(free_.size() < all_.size());
        free_.push_back(&object);
    }
    std::size_t in_use() const noexcept { return all_.size() - free_.size(); }

private:
    std::deque<T> all_;
    std::vector<T*> free_;
};

}  // namespace dst
