#include "server/event_gate.h"

namespace dst {

bool EventGate::pass(const std::string& key, TimePoint now) {
    const auto old = [now](const auto& entry) { return now - entry.second >= interval; };
    const auto found = told_.find(key);
    if (found != told_.end()) {
        if (!old(*found)) return false;
        found->second = now;
        return true;
    }
    if (told_.size() >= keys_max) std::erase_if(told_, old);
    if (told_.size() >= keys_max) return false;
    told_.emplace(key, now);
    return true;
}

}  // namespace dst
