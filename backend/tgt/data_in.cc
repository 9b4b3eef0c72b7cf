#include "tgt/data_in.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace dst::tgt {

void populate(std::span<std::byte> buffer) noexcept {
    if (buffer.size() < populate_bytes_min) return;
    static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(buffer.data()) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(buffer.data()) + buffer.size();
    // Without it everything works the same, slower.
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
}

}  // namespace dst::tgt
