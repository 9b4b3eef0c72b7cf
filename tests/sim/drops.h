#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "trace.h"
#include "world.h"

namespace dst::sim {

/// Whether members leave without need. Judged is what is sure: a member that nothing has ever happened to, nor to the
/// way to it, nor to the one that drops it; and any member while nothing happens. Links so slow that one request may
/// take longer than a member has time are left out.
class DropJudge {
public:
    /// All must outlive it.
    DropJudge(Trace& trace, World& world, const Shape& shape);

    /// Each event of a process is to be told.
    void event(const std::string& process, std::string_view id, std::initializer_list<EventField> fields);

    /// Everything is in sync, and nothing is broken any more: nobody has a reason to leave.
    void set_all_well(bool all_well) noexcept { all_well_ = all_well; }

private:
    void add(const spec::Node& node, const std::string& prefix);
    std::vector<std::string> leaves_below(const spec::Node& node, const std::string& prefix) const;
    void judge(const std::string& process, const std::string& member);
    /// Something has happened to the machine of the process, or between it and the member.
    bool excused(const std::string& host, const std::string& member) const;
    bool touched(const std::string& host, const std::string& leaf) const;

    Trace& trace_;
    World& world_;
    std::map<std::string, std::vector<std::string>> leaves_;  ///< below each vertex that may be a member, by its name
    bool slow_links_;
    bool all_well_ = false;
};

}  // namespace dst::sim
