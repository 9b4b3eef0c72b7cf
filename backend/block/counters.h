#pragma once

#include <cstdint>

namespace dst {

/// What a device has done since it was opened; plain numbers, read on the loop's thread.
struct Counters {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;  ///< write, write_zeroes, unmap
    std::uint64_t flushes = 0;
    std::uint64_t read_bytes = 0;
    std::uint64_t write_bytes = 0;
    std::uint64_t errors = 0;
    std::uint64_t in_flight = 0;
};

}  // namespace dst
