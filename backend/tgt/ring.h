#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace dst::tgt {

/// A bounded queue from exactly one producer thread to exactly one consumer thread.
template <typename T, std::size_t capacity>
class SpscRing {
    static_assert(capacity != 0 && (capacity & (capacity - 1)) == 0, "a power of two");

public:
    /// Producer. False when it is full.
    bool push(T item) noexcept {
        const std::size_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_.load(std::memory_order_acquire) == capacity) return false;
        items_[tail & (capacity - 1)] = item;
        // Sequentially consistent: ordered against the doorbell's `asleep` (doorbell.h).
        tail_.store(tail + 1, std::memory_order_seq_cst);
        return true;
    }

    /// Consumer. False when it is empty.
    bool pop(T& item) noexcept {
        const std::size_t head = head_.load(std::memory_order_relaxed);
        if (head == tail_.load(std::memory_order_seq_cst)) return false;
        item = items_[head & (capacity - 1)];
        head_.store(head + 1, std::memory_order_release);
        return true;
    }

    /// Consumer.
    bool empty() const noexcept {
        return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_seq_cst);
    }

private:
    // One cache line each, so that the two threads do not fight over one.
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
    alignas(64) std::array<T, capacity> items_{};
};

}  // namespace dst::tgt
