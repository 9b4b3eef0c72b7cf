#include "block/leaf.h"

namespace dst {

std::string to_string(const LiveHead& head) {
    return (head.name.empty() ? "one that says no name" : head.name) + " (epoch " + std::to_string(head.epoch.number) +
           ")";
}

}  // namespace dst
