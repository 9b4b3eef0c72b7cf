#include "asio/wait_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace dst {
namespace {

TEST(WaitMemory, IsTakenAgainAfterItWasGivenBack) {
    WaitMemory memory;
    void* const first = memory.take(100);
    void* const second = memory.take(100);
    EXPECT_NE(first, second);
    memory.give_back(first);
    EXPECT_EQ(memory.take(100), first);
    memory.give_back(first);
    memory.give_back(second);
}

TEST(WaitMemory, TakesMoreThanItHasFromTheHeap) {
    WaitMemory memory;
    std::set<void*> taken;
    for (int i = 0; i < 10; ++i) taken.insert(memory.take(64));
    taken.insert(memory.take(4096));
    EXPECT_EQ(taken.size(), 11u);
    for (void* const one : taken) memory.give_back(one);
}

TEST(WaitMemory, IsBehindTheAllocatorsOfAllTypes) {
    WaitMemory memory;
    WaitMemory other;
    WaitAllocator<std::uint64_t> numbers(memory);
    WaitAllocator<std::byte> bytes(numbers);
    EXPECT_TRUE(numbers == bytes);
    EXPECT_FALSE(WaitAllocator<std::byte>(other) == bytes);
    std::uint64_t* const taken = numbers.allocate(2);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(taken) % alignof(std::max_align_t), 0u);
    numbers.deallocate(taken, 2);
    std::byte* const again = bytes.allocate(16);
    EXPECT_EQ(static_cast<void*>(again), static_cast<void*>(taken));
    bytes.deallocate(again, 16);
}

}  // namespace
}  // namespace dst
