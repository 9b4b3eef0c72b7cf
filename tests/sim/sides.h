#pragma once

#include <map>
#include <set>
#include <string>

#include "trace.h"
#include "world.h"

namespace dst::sim {

/// What the two sides of a split hold. When one head goes on with one of them after another head went on with the
/// other, nothing of that is overwritten before somebody says so (M7). Judged is a root mirror of leaves.
class SideJudge {
public:
    /// All must outlive it.
    SideJudge(Trace& trace, World& world);

    /// A head begins to serve. `other_side`: with data that the one before did not have, and nobody has said so now.
    void head_serves(const VertexStatus& tree, bool other_side);

    /// Of the head that serves, from time to time.
    void look(const VertexStatus& tree);

    /// What that head wrote in an epoch between these it has never served, and its journal remembers it: it is no side
    /// of a split.
    void only_begun(const Id& head, std::uint64_t after, std::uint64_t before);

    /// Somebody has said whose data are given up.
    void decided() { left_.clear(); }

private:
    bool is_only_begun(const VertexStatus& member) const;
    bool goes_on_without(const std::string& leaf, const std::set<std::string>& others) const;

    Trace& trace_;
    World& world_;
    std::set<std::string> in_sync_;   ///< of the head that served last
    std::map<std::string, Id> left_;  ///< the other side, and its media
    Epoch begun_after_;               ///< only_begun()
    std::uint64_t begun_before_ = 0;
};

}  // namespace dst::sim
