#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "block/block_device.h"

namespace dst::bench {

struct LoadOptions {
    unsigned depth = 32;
    std::uint32_t request_bytes = 4096;
    /// Requests begin at so many places in each MiB of the device, evenly chosen: less memory below sparse files.
    unsigned places_per_mib = 4;
    bool reads = false;
};

struct LoadResult {
    std::uint64_t answered = 0;
    double per_second = 0;
    std::uint64_t errors = 0;
    double median_us = 0;  ///< from submit to done
    double p99_us = 0;
    double cpu_us = 0;  ///< of this process, for each; says more than the rate when others use the machine
};

/// Random writes or reads, uniform over a device, always `depth` of them in flight.
class RandomLoad {
public:
    RandomLoad(BlockDevice& device, const LoadOptions& options);
    ~RandomLoad();

    /// On the device's loop.
    void start();
    /// Any thread: no new ones are submitted. Counts from start().
    void stop() noexcept { stopping_ = true; }
    bool idle() const noexcept { return in_flight_ == 0; }
    LoadResult result() const;

private:
    struct Slot;

    void submit(Slot& slot);
    void answered(Slot& slot);

    BlockDevice& device_;
    LoadOptions options_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<std::uint32_t> latencies_us_;  ///< how many took so long
    std::uint64_t random_ = 88172645463325252ull;
    std::uint64_t answered_ = 0;
    std::uint64_t errors_ = 0;
    std::chrono::steady_clock::time_point begun_;
    std::chrono::steady_clock::time_point ended_;
    std::atomic<bool> stopping_ = false;
    std::atomic<unsigned> in_flight_ = 0;
};

}  // namespace dst::bench
