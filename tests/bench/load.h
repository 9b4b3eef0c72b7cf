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
    /// Each place once, one after the other, and again from the beginning, instead of any.
    bool in_order = false;
};

struct LoadResult {
    std::uint64_t answered = 0;
    double per_second = 0;
    std::uint64_t errors = 0;
    double median_us = 0;  ///< from submit to done
    double p99_us = 0;
    double cpu_us = 0;  ///< of this process, for each; says more than the rate when others use the machine
};

/// Random writes or reads, uniform over a device, or all of it in order, always `depth` of them in flight.
class RandomLoad {
public:
    RandomLoad(BlockDevice& device, const LoadOptions& options);
    ~RandomLoad();

    /// On the device's loop.
    void start();
    /// Any thread: no new ones are submitted. Counts from start().
    void stop() noexcept { stopping_ = true; }
    bool idle() const noexcept { return in_flight_ == 0; }
    /// How many were answered so far. Any thread.
    std::uint64_t answered() const noexcept { return answered_.load(std::memory_order_relaxed); }
    /// How many places there are.
    std::uint64_t places() const noexcept { return places_; }
    LoadResult result() const;

private:
    struct Slot;

    void submit(Slot& slot);
    void end(Slot& slot);

    BlockDevice& device_;
    LoadOptions options_;
    std::uint64_t places_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<std::uint32_t> latencies_us_;  ///< how many took so long
    std::uint64_t random_ = 88172645463325252ull;
    std::uint64_t next_place_ = 0;
    std::atomic<std::uint64_t> answered_ = 0;
    std::uint64_t errors_ = 0;
    std::chrono::steady_clock::time_point begun_;
    std::chrono::steady_clock::time_point ended_;
    std::atomic<bool> stopping_ = false;
    std::atomic<unsigned> in_flight_ = 0;
};

}  // namespace dst::bench
