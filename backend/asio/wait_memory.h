#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace dst {

/// Room for the few waits of one kind that a loop has under way, which Asio would otherwise allocate anew each time
/// that the loop sleeps. For one thread.
class WaitMemory {
public:
    WaitMemory() = default;
    WaitMemory(const WaitMemory&) = delete;
    WaitMemory& operator=(const WaitMemory&) = delete;

    void* take(std::size_t bytes) {
        for (Slot& slot : slots_) {
            if (slot.taken || bytes > sizeof slot.bytes) continue;
            slot.taken = true;
            return slot.bytes.data();
        }
        return ::operator new(bytes);
    }
    void give_back(void* memory) noexcept {
        for (Slot& slot : slots_) {
            if (memory != slot.bytes.data()) continue;
            slot.taken = false;
            return;
        }
        ::operator delete(memory);
    }

private:
    struct Slot {
        alignas(std::max_align_t) std::array<std::byte, 256> bytes;
        bool taken = false;
    };
    /// A timer that is set anew has its old wait, which ends as cancelled, beside the new one.
    std::array<Slot, 4> slots_;
};

/// An allocator over a WaitMemory, as Asio asks a handler for it.
template <typename Value>
class WaitAllocator {
public:
    using value_type = Value;

    explicit WaitAllocator(WaitMemory& memory) noexcept : memory_(&memory) {}
    template <typename Other>
    WaitAllocator(const WaitAllocator<Other>& other) noexcept : memory_(other.memory_) {}

    Value* allocate(std::size_t count) {
        static_assert(alignof(Value) <= alignof(std::max_align_t));
        return static_cast<Value*>(memory_->take(count * sizeof(Value)));
    }
    void deallocate(Value* values, std::size_t) noexcept { memory_->give_back(values); }

    template <typename Other>
    bool operator==(const WaitAllocator<Other>& other) const noexcept {
        return memory_ == other.memory_;
    }

private:
    template <typename Other>
    friend class WaitAllocator;
    WaitMemory* memory_;
};

/// A handler whose wait lies in a WaitMemory, which has to outlive it.
template <typename Handler>
class Recycled {
public:
    using allocator_type = WaitAllocator<std::byte>;

    Recycled(WaitMemory& memory, Handler handler) : memory_(&memory), handler_(std::move(handler)) {}

    allocator_type get_allocator() const noexcept { return allocator_type(*memory_); }
    template <typename... Arguments>
    void operator()(Arguments&&... arguments) {
        handler_(std::forward<Arguments>(arguments)...);
    }

private:
    WaitMemory* memory_;
    Handler handler_;
};

}  // namespace dst
