#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>

#include "asio/owned_fd.h"

namespace dst {

/// Whether the page cache has the page of the file at `offset`, a multiple of 4096.
inline bool in_page_cache(const std::string& path, std::uint64_t offset) {
    constexpr std::size_t page_bytes = 4096;
    const OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    void* page = mmap(nullptr, page_bytes, PROT_READ, MAP_SHARED, fd.get(), static_cast<off_t>(offset));
    unsigned char resident = 0;
    EXPECT_EQ(mincore(page, page_bytes, &resident), 0);
    munmap(page, page_bytes);
    return (resident & 1) != 0;
}

}  // namespace dst
