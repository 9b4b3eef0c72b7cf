#include "session/buffer_pool.h"

#include <bit>
#include <new>

#include "block/assert.h"

namespace dst {
namespace {

std::size_t class_of(std::size_t size) noexcept {
    DST_ASSERT(size > 0 && size <= BufferPool::buffer_bytes_max);
    const std::size_t pages = (size + BufferPool::buffer_bytes_min - 1) / BufferPool::buffer_bytes_min;
    return static_cast<std::size_t>(std::bit_width(pages - 1));
}

void free_buffer(std::byte* data) noexcept { ::operator delete (data, std::align_val_t{BufferPool::alignment}); }

}  // namespace

BufferPool::~BufferPool() {
    DST_ASSERT(used_bytes_ == 0);
    for (auto& buffers : idle_) {
        for (std::byte* data : buffers) free_buffer(data);
    }
}

std::size_t BufferPool::class_bytes(std::size_t size) noexcept { return buffer_bytes_min << class_of(size); }

std::byte* BufferPool::take(std::size_t size, std::uint64_t held_bytes) {
    const std::size_t index = class_of(size);
    const std::size_t bytes = buffer_bytes_min << index;
    if (used_bytes_ + bytes > bytes_max_) return nullptr;
    if (held_bytes > 0 && held_bytes + bytes > (bytes_max_ - used_bytes_) / share_of_free) return nullptr;
    std::byte* data = nullptr;
    if (!idle_[index].empty()) {
        data = idle_[index].back();
        idle_[index].pop_back();
        idle_bytes_ -= bytes;
    } else {
        data = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}, std::nothrow));
    }
    if (data != nullptr) used_bytes_ += bytes;
    return data;
}

void BufferPool::give_back(std::byte* data, std::size_t size) noexcept {
    const std::size_t index = class_of(size);
    const std::size_t bytes = buffer_bytes_min << index;
    DST_ASSERT(used_bytes_ >= bytes);
    used_bytes_ -= bytes;
    if (idle_bytes_ + bytes <= idle_bytes_max) {
        idle_[index].push_back(data);
        idle_bytes_ += bytes;
    } else {
        free_buffer(data);
    }
    wake_waiters();
}

void BufferPool::wait(Waiter& waiter) {
    if (!waiter.is_linked()) waiters_.push_back(waiter);
}

void BufferPool::stop_waiting(Waiter& waiter) noexcept {
    if (waiter.is_linked()) waiters_.erase(waiters_.iterator_to(waiter));
}

void BufferPool::wake_waiters() noexcept {
    while (!waiters_.empty()) {
        Waiter& waiter = waiters_.front();
        waiters_.pop_front();
        waiter.task_.post();
    }
}

}  // namespace dst
