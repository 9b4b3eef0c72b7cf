#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "block/time.h"

namespace dst {

/// Lets what a stranger can cause at will be told now and then only: once per key and interval, for so many keys. A
/// flood of keys is told of no more than `keys_max` times per interval.
class EventGate {
public:
    static constexpr Duration interval = std::chrono::minutes(1);
    static constexpr std::size_t keys_max = 256;

    /// Whether it is to be told now.
    bool pass(const std::string& key, TimePoint now);

private:
    std::unordered_map<std::string, TimePoint> told_;
};

}  // namespace dst
