#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "block/loop.h"

namespace dst {

/// Payload memory in powers of two from 4 KiB to 8 MiB, aligned to 4096 so that disks opened with O_DIRECT take it as
/// it is. Bounded: whoever finds it used up waits until something is given back. Shared fairly: whoever holds some
/// already gets more only up to a quarter of what is still free, so that newcomers always find something.
class BufferPool {
public:
    static constexpr std::size_t buffer_bytes_min = 4096;
    static constexpr std::size_t buffer_bytes_max = 8u << 20;
    static constexpr std::size_t alignment = 4096;
    /// Of the free memory, what one taker may hold is this part.
    static constexpr std::uint64_t share_of_free = 4;
    /// What is given back beyond this is freed at once.
    static constexpr std::uint64_t idle_bytes_max = 32u << 20;

    /// Whose task is posted once when memory was given back after a take() that failed.
    class Waiter : public boost::intrusive::list_base_hook<> {
    public:
        explicit Waiter(Task& task) noexcept : task_(task) {}

    private:
        friend class BufferPool;
        Task& task_;
    };

    explicit BufferPool(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}
    ~BufferPool();
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    /// Memory of class_bytes(size) for somebody who holds `held_bytes` already, or null when the bound or the fair
    /// share is reached or the machine has none. size: 1..8 MiB.
    std::byte* take(std::size_t size, std::uint64_t held_bytes);
    void give_back(std::byte* data, std::size_t size) noexcept;

    /// What a buffer for `size` bytes counts.
    static std::size_t class_bytes(std::size_t size) noexcept;

    void wait(Waiter& waiter);
    void stop_waiting(Waiter& waiter) noexcept;

    std::uint64_t used_bytes() const noexcept { return used_bytes_; }
    std::uint64_t idle_bytes() const noexcept { return idle_bytes_; }

private:
    static constexpr std::size_t classes = 12;

    void wake_waiters() noexcept;

    std::uint64_t bytes_max_;
    std::uint64_t used_bytes_ = 0;
    std::uint64_t idle_bytes_ = 0;
    std::array<std::vector<std::byte*>, classes> idle_;
    boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters_;
};

}  // namespace dst
