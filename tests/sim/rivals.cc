#include "rivals.h"

namespace dst::sim {
namespace {

/// After a way has carried nothing for a while, one of its ends may still have to hear of it.
constexpr Duration settled = std::chrono::seconds(5);
/// And so long of a machine that has lost its power (SimNetwork::crash_host()).
constexpr Duration heard_of_power = std::chrono::seconds(35);

void add_used(const VertexStatus& vertex, std::set<std::string>& leaves) {
    const bool used = vertex.state == VertexState::up || vertex.state == VertexState::in_sync;
    if (vertex.children.empty() && used) leaves.insert(vertex.name);
    for (const VertexStatus& child : vertex.children) {
        if (vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync) add_used(child, leaves);
    }
}

}  // namespace

void RivalJudge::event(const std::string& process, std::string_view id) {
    for (const auto& head : world_.heads()) {
        if (head->process == nullptr || head->process->name() != process) continue;
        if (id == "netnode-lost" && !head->process->fenced()) lost_[process] = trace_.loop().now();
    }
}

void RivalJudge::head_starts(const World::Head& head) {
    held_.erase(head.machine.host);
    for (const auto& other : world_.heads()) {
        HeadProcess* const process = other->process.get();
        if (other.get() == &head || process == nullptr || !process->serving() || process->stopping()) continue;
        std::set<std::string> used;
        const StorageStatus status = process->engine().status();
        if (status.tree) add_used(*status.tree, used);
        Held held{process->name(), trace_.loop().now(), {}};
        for (const std::string& leaf : used) {
            // What an exported tree stands on has a life of its own.
            if (!world_.is_tree(leaf)) held.leaves[leaf] = world_.platter_of(leaf).incarnation();
        }
        held_[head.machine.host] = std::move(held);
    }
}

void RivalJudge::head_serves(const HeadProcess& process, const VertexStatus& tree) {
    const auto held = held_.find(process.machine().host);
    if (held == held_.end() || ordered_.contains(process.machine().host)) return;
    std::set<std::string> used;
    add_used(tree, used);
    for (const auto& other : world_.heads()) {
        if (other->process == nullptr || other->process->name() != held->second.process) continue;
        if (other->process->stopping()) continue;
        for (const std::string& leaf : used) {
            if (!keeps(*other, leaf, held->second)) continue;
            return trace_.finding("M5", process.name() + " serves from " + leaf + ", which " + held->second.process +
                                            " served from and has never lost, and nobody has ordered that");
        }
    }
}

bool RivalJudge::keeps(const World::Head& other, const std::string& leaf, const Held& held) const {
    const auto before = held.leaves.find(leaf);
    if (before == held.leaves.end()) return false;
    const auto lost = lost_.find(held.process);
    if (lost != lost_.end() && lost->second + settled >= held.at) return false;
    const SimPlatter& platter = world_.platter_of(leaf);
    const World::Netnode* const node = world_.netnode_of(&platter);
    if (node == nullptr || platter.taken_out() || platter.incarnation() != before->second) return false;
    const auto since = [&](const std::string& one, Duration time) {
        const std::optional<TimePoint> touched = world_.network().last_touched(one, node->machine.host);
        return !touched || *touched + time < held.at;
    };
    return since(other.machine.host, settled) && since(node->machine.host, heard_of_power);
}

}  // namespace dst::sim
