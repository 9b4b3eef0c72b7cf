#include "sides.h"

#include <algorithm>

#include "faults.h"

namespace dst::sim {
namespace {

std::set<std::string> members_in_sync(const VertexStatus& tree) {
    std::set<std::string> names;
    for (const VertexStatus& member : tree.children) {
        if (member.state == VertexState::in_sync) names.insert(member.name);
    }
    return names;
}

}  // namespace

SideJudge::SideJudge(Trace& trace, World& world) : trace_(trace), world_(world) {}

// Both sides have a record that says so: a member that has only not heard yet of what the others know is no side.
bool SideJudge::goes_on_without(const std::string& leaf, const std::set<std::string>& others) const {
    const std::optional<Record> record = record_on(world_.platter_of(leaf).durable());
    if (!record) return false;
    return std::all_of(others.begin(), others.end(), [&](const std::string& other) {
        const std::optional<Label> label = label_on(world_.platter_of(other).durable());
        return std::any_of(record->members.begin(), record->members.end(), [&](const RecordMember& member) {
            return label && member.state != MemberState::in_sync && member.leaves.size() == 1 &&
                   member.leaves.front().medium == label->medium;
        });
    });
}

void SideJudge::head_serves(const VertexStatus& tree, bool other_side) {
    const bool judged = tree.kind == VertexKind::mirror &&
                        std::all_of(tree.children.begin(), tree.children.end(), [this](const VertexStatus& member) {
                            return member.children.empty() && !world_.is_tree(member.name);
                        });
    if (!judged) return;
    const std::set<std::string> now = members_in_sync(tree);
    const auto again = [&](const std::string& leaf) { return now.contains(leaf); };
    if (other_side && std::none_of(in_sync_.begin(), in_sync_.end(), again)) {
        left_.clear();
        for (const std::string& leaf : in_sync_) {
            SimPlatter& platter = world_.platter_of(leaf);
            const std::optional<Label> label = label_on(platter.durable());
            if (platter.taken_out() || !label || !goes_on_without(leaf, now)) continue;
            trace_.coverage().count("the other side goes on");
            left_[leaf] = label->medium;
        }
    }
    in_sync_ = now;
}

void SideJudge::only_begun(const Id& head, std::uint64_t after, std::uint64_t before) {
    begun_after_ = {after, head};
    begun_before_ = before;
}

bool SideJudge::is_only_begun(const VertexStatus& member) const {
    const bool split = member.state == VertexState::refused && member.children.empty() &&
                       member.reason.find("neither follows from the other") != std::string::npos;
    if (!split || world_.is_tree(member.name)) return false;
    const std::optional<Record> record = record_on(world_.platter_of(member.name).durable());
    return record && record->epoch.head == begun_after_.head && record->epoch.number > begun_after_.number &&
           record->epoch.number < begun_before_;
}

void SideJudge::look(const VertexStatus& tree) {
    for (const VertexStatus& member : tree.children) {
        if (tree.kind != VertexKind::mirror || !is_only_begun(member)) continue;
        trace_.finding("M7", member.name + " is left alone, and has only what an attempt of this head left");
        return;
    }
    for (const VertexStatus& member : tree.children) {
        const auto found = left_.find(member.name);
        const bool taken = member.state == VertexState::in_sync || member.state == VertexState::resyncing;
        if (found == left_.end() || !taken) continue;
        const SimPlatter& platter = world_.platter_of(member.name);
        const std::optional<Label> label = label_on(platter.durable());
        const bool same = !platter.taken_out() && label && label->medium == found->second;
        left_.erase(found);
        if (same) trace_.finding("M7", "another head went on with " + member.name + ", and it is overwritten");
    }
    in_sync_ = members_in_sync(tree);
}

}  // namespace dst::sim
