#include "drops.h"

#include <algorithm>
#include <iterator>

namespace dst::sim {

DropJudge::DropJudge(Trace& trace, World& world, const Shape& shape) : trace_(trace), world_(world) {
    const SimNetworkOptions& links = world.network().options();
    slow_links_ = links.latency_max > std::chrono::milliseconds(1) && links.chunk_bytes_max < 4096;

    add(shape.storage.tree, "");
    for (const auto& [leaf, tree] : world.trees()) add(tree->storage.tree, tree->machine.host + ":");
}

void DropJudge::event(const std::string& process, std::string_view id, std::initializer_list<EventField> fields) {
    if (id != "member-dropped") return;
    // By a head that has been overtaken: nothing has happened to the member, but to the head.
    for (const EventField& field : fields) {
        if (field.key == "why" && std::string_view(field.value).find("head has taken over") != std::string_view::npos) {
            return;
        }
    }
    for (const EventField& field : fields) {
        if (field.key == "member") judge(process, field.value);
    }
}

void DropJudge::add(const spec::Node& node, const std::string& prefix) {
    leaves_[prefix + node.name] = leaves_below(node, prefix);
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (const spec::Node& child : linear->children) add(child, prefix);
    } else if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (const spec::Node& member : mirror->members) add(member, prefix);
    }
}

/// As named in World::leaves(), but an exported tree is one leaf.
std::vector<std::string> DropJudge::leaves_below(const spec::Node& node, const std::string& prefix) const {
    std::vector<std::string> leaves;
    const auto add_all = [&](const std::vector<spec::Node>& nodes) {
        for (const spec::Node& one : nodes) {
            std::vector<std::string> below = leaves_below(one, prefix);
            std::move(below.begin(), below.end(), std::back_inserter(leaves));
        }
    };
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        add_all(linear->children);
    } else if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        add_all(mirror->members);
    } else {
        leaves.push_back((std::holds_alternative<spec::Disk>(node.what) ? prefix : "") + node.name);
    }
    return leaves;
}

void DropJudge::judge(const std::string& process, const std::string& member) {
    const std::string host = process.substr(0, process.find('['));
    const bool below = std::none_of(world_.heads().begin(), world_.heads().end(),
                                    [&](const auto& head) { return head->machine.host == host; });
    // Disks of a tree have the machine before their name.
    const std::string named = below && leaves_.contains(host + ":" + member) ? host + ":" + member : member;
    if (slow_links_) return;
    trace_.coverage().count("drops judged");
    if (all_well_) trace_.finding("needless", process + " dropped " + named + " though all was well");
    if (excused(host, named)) return;
    trace_.finding("needless", process + " dropped " + named + ", to which nothing has happened");
}

bool DropJudge::excused(const std::string& host, const std::string& member) const {
    for (const auto& head : world_.heads()) {
        if (head->machine.host == host && head->machine.journal->touched) return true;
    }
    for (const auto& [leaf, tree] : world_.trees()) {
        if (tree->machine.host == host && tree->machine.journal->touched) return true;
    }
    const auto known = leaves_.find(member);
    if (known == leaves_.end()) return true;
    return std::any_of(known->second.begin(), known->second.end(),
                       [&](const std::string& leaf) { return touched(host, leaf); });
}

bool DropJudge::touched(const std::string& host, const std::string& leaf) const {
    if (!world_.is_tree(leaf)) {
        const SimPlatter& platter = world_.platter_of(leaf);
        const World::Netnode* const node = world_.netnode_of(&platter);
        return platter.touched() || world_.network().touched(host, node == nullptr ? host : node->machine.host);
    }
    const std::string& between = world_.netnode_of_tree(leaf).machine.host;
    if (world_.network().touched(host, between) || world_.trees().at(leaf)->machine.journal->touched) return true;
    const std::vector<std::string>& below = world_.leaves_of_tree(leaf);
    return std::any_of(below.begin(), below.end(), [&](const std::string& one) { return touched(between, one); });
}

}  // namespace dst::sim
