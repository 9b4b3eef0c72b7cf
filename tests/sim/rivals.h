#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "trace.h"
#include "world.h"

namespace dst::sim {

/// Whether a head that nobody has ordered to take over leaves one alone that is alive (M5 step 1). Judged is what is
/// sure: the other one served from a medium before this one began, has never lost it since, and nothing has happened to
/// the way to it, or to the medium.
class RivalJudge {
public:
    /// All must outlive it.
    RivalJudge(Trace& trace, World& world) : trace_(trace), world_(world) {}

    /// Each event of a process is to be told.
    void event(const std::string& process, std::string_view id);
    /// The one on `machine` may take the storage over.
    void ordered(const std::string& machine) { ordered_.insert(machine); }
    /// A process is about to be started.
    void head_starts(const World::Head& head);
    void head_serves(const HeadProcess& process, const VertexStatus& tree);

private:
    /// What another head held when one was started.
    struct Held {
        std::string process;
        TimePoint at;
        std::map<std::string, Incarnation> leaves;
    };
    bool keeps(const World::Head& other, const std::string& leaf, const Held& held) const;

    Trace& trace_;
    World& world_;
    std::set<std::string> ordered_;
    std::map<std::string, Held> held_;       ///< by the machine that was started
    std::map<std::string, TimePoint> lost_;  ///< when a process last lost something below, before it was fenced
};

}  // namespace dst::sim
