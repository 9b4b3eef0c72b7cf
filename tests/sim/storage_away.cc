#include <algorithm>
#include <utility>

#include "storage_scenario.h"

/// With members away it carries on, and starts, where it may (M1, M2, M5), and does not where it may not (M5). All was
/// well before, so that what may be is known without asking what the heads themselves look at.
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

bool has_mirror(const VertexStatus& vertex) {
    return vertex.kind == VertexKind::mirror || std::any_of(vertex.children.begin(), vertex.children.end(), has_mirror);
}

void add_leaves(const VertexStatus& vertex, std::vector<std::string>& leaves) {
    if (vertex.children.empty()) leaves.push_back(vertex.name);
    for (const VertexStatus& child : vertex.children) add_leaves(child, leaves);
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

void StorageScenario::check_members_away() {
    if (loop_.chance(600)) check_carries_on();
    HeadProcess* const head = serving_head();
    if (!trace_.failed() && head != nullptr && loop_.chance(400)) check_waits();
}

// Of every mirror one member stays, whole or as far as it needs.
void StorageScenario::draw_away(const VertexStatus& vertex, std::vector<std::string>& away) {
    if (vertex.kind == VertexKind::netnode && world_->is_tree(vertex.name)) {
        // Its own machine stays.
        for (const std::string& leaf : world_->leaves_of_tree(vertex.name)) {
            if (machine_of(leaf) == &world_->netnode_of_tree(vertex.name) || !loop_.chance(300)) continue;
            return away.push_back(leaf);
        }
    }
    const std::size_t stays = loop_.below(std::max<std::size_t>(1, vertex.children.size()));
    for (std::size_t i = 0; i < vertex.children.size(); ++i) {
        if (vertex.kind == VertexKind::mirror && i != stays && loop_.chance(700)) {
            add_leaves(vertex.children[i], away);
        } else {
            draw_away(vertex.children[i], away);
        }
    }
}

World::Netnode* StorageScenario::machine_of(const std::string& leaf) {
    return world_->is_tree(leaf) ? &world_->netnode_of_tree(leaf) : world_->netnode_of(&world_->platter_of(leaf));
}

// It was left out of a mirror: what it holds does not count any more.
bool StorageScenario::is_left_out(const VertexStatus& vertex, const std::string& leaf) {
    return std::any_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
        if (!has_leaf(child, leaf)) return false;
        return (vertex.kind == VertexKind::mirror && child.state != VertexState::in_sync) || is_left_out(child, leaf);
    });
}

// Until World::heal().
void StorageScenario::take_away(const std::string& leaf) {
    World::Netnode* const node = machine_of(leaf);
    if (!world_->is_tree(leaf) && loop_.chance(250)) {
        SimPlatter& platter = world_->platter_of(leaf);
        trace_.line("fault", "another storage's medium lies in its place: " + leaf);
        trace_.coverage().count("starts or goes on beside a wrong medium");
        return platter.take_out(foreign_content(loop_, platter.durable(), "other"));
    }
    const bool cut = node != nullptr && loop_.chance(300);
    trace_.line("fault", (cut ? "is cut off: " : "is away: ") + leaf);
    if (node == nullptr) return world_->platter_of(leaf).set_missing(true);
    if (!cut) return world_->crash(*node, loop_.chance(200));
    const std::string& host = node->machine.host;
    const auto part = [&](const std::string& other) {
        if (other == host) return;
        world_->network().partition(host, other);
        world_->network().partition(other, host);
    };
    for (const auto& head : world_->heads()) part(head->machine.host);
    for (const auto& other : world_->netnodes()) part(other->machine.host);
}

// What the others hold is what they held: no cache was lost, and none can be suspected to be.
bool StorageScenario::others_unchanged(const std::map<std::string, Incarnation>& before,
                                       const std::vector<std::string>& away) {
    judge_lost_caches();
    const auto is_away = [&](const std::string& leaf) {
        return std::any_of(away.begin(), away.end(), [&](const std::string& one) {
            if (one == leaf) return true;
            if (!world_->is_tree(one)) return false;
            const std::vector<std::string>& below = world_->leaves_of_tree(one);
            return std::find(below.begin(), below.end(), leaf) != below.end();
        });
    };
    const std::map<std::string, Incarnation> now = incarnations_now();
    return std::all_of(now.begin(), now.end(), [&](const auto& leaf) {
        return is_away(leaf.first) || (before.at(leaf.first) == leaf.second && !lost_caches_.contains(leaf.first));
    });
}

bool StorageScenario::requests_succeed(const std::string& while_what) {
    const std::uint64_t before = counts_.succeeded;
    if (run_until([&] { return counts_.succeeded > before + 20; }, seconds(60))) return true;
    if (trace_.failed()) return false;
    watch_status();
    trace_.finding("M1", "no request succeeds for 60 s while " + while_what + ": " + last_status_.reason);
    return false;
}

World::Head* StorageScenario::head_of(const HeadProcess& process) {
    for (const auto& head : world_->heads()) {
        if (head->process.get() == &process) return head.get();
    }
    return nullptr;
}

void StorageScenario::end_head(World::Head& head) {
    const bool clean = loop_.chance(300);
    head_ends(head, clean);
    if (head.process == nullptr) return;
    if (!clean) return world_->crash(head, false);
    world_->stop(head);
    static_cast<void>(run_until([&] { return !world_->ending(head); }, minutes(1)));
}

// Nothing that was answered lies in a cache alone: no map names anything, or there is no cache (M5 step 3). What is
// outside of mirrors, or lies below exported trees, has no maps that could tell.
bool StorageScenario::may_have_been_off(const VertexStatus& tree) {
    if (!world_->trees().empty() || tree.kind != VertexKind::mirror) return false;
    return client_options_.write_through || bits_left(tree).empty();
}

void StorageScenario::turn_off_and_on() {
    for (const auto& node : world_->netnodes()) {
        if (node->process == nullptr) continue;
        trace_.coverage().count("members that stay have been off");
        world_->crash(*node, true);
        world_->start(*node);
    }
}

// As long as every mirror has a member in sync, requests are answered; and the head that served last starts with those
// alone. Another one does if those that are away had been left out.
void StorageScenario::check_carries_on() {
    HeadProcess* const before = serving_head();
    World::Head* next = head_of(*before);
    const std::optional<VertexStatus> tree = before->engine().status().tree;
    if (!tree || !all_in_sync(*tree) || !served_last(*next) || !lost_caches_.empty()) return;
    std::vector<std::string> away;
    draw_away(*tree, away);
    if (away.empty()) return;
    const std::map<std::string, Incarnation> incarnations = incarnations_now();
    const bool while_serving = loop_.chance(600);
    const bool at_rest = !while_serving && loop_.chance(500);
    if (at_rest) {
        static_cast<void>(run_until([] { return false; }, seconds(5) + mirrors_deep(*tree) * seconds(20)));
    } else {
        service_of(*before)->client->start(before->engine().root());
    }
    if (while_serving) {
        trace_.coverage().count("goes on without members", away.size());
        std::vector<std::string> gone;
        for (const std::string& leaf : away) {
            take_away(leaf);
            gone.push_back(leaf);
            if (loop_.chance(500) && !requests_succeed(joined(gone) + " is away")) return;
        }
        if (!requests_succeed(joined(away) + " is away")) return;
        static_cast<void>(run_until([] { return false; }, seconds(10)));
        const std::optional<VertexStatus> now = before->engine().status().tree;
        const bool all_out = now && std::all_of(away.begin(), away.end(), [&](const std::string& leaf) {
                                 return !has_leaf(*now, leaf) || is_left_out(*now, leaf);
                             });
        const bool may_change = shape_.all_remote && orders_.empty() && !any_tree_ordered_;
        if (all_out && may_change && loop_.chance(500)) {
            next = next == world_->heads().front().get() ? world_->heads().back().get() : world_->heads().front().get();
            trace_.coverage().count("another head starts without members");
        }
    }
    if (trace_.failed() || before->fenced()) return;
    end_head(*head_of(*before));
    if (!while_serving) std::for_each(away.begin(), away.end(), [this](const auto& leaf) { take_away(leaf); });
    const bool been_off = loop_.chance(500) && may_have_been_off(*tree);
    if (been_off) turn_off_and_on();
    start_head(*next);
    const auto serves = [this] { return serving_head() != nullptr; };
    if (!been_off && !others_unchanged(incarnations, away)) {
        // They may lack what was never flushed, and those that are away have it, perhaps (M5 step 3).
        trace_.coverage().count("members away, and another one changed");
        static_cast<void>(run_until(serves, seconds(20)));
    } else if (!run_until(serves, seconds(60))) {
        if (trace_.failed()) return;
        watch_status();
        trace_.finding("M5", "does not serve while " + joined(away) + " is away: " + last_status_.reason);
        return;
    } else {
        trace_.coverage().count("starts without members");
        if (!requests_succeed("it has started and " + joined(away) + " is away")) return;
    }
    world_->heal();
    come_back("members were away");
}

// Without the journal that decides, a start waits for every member in sync: it may have gone on alone.
void StorageScenario::check_waits() {
    World::Head& its = *head_of(*serving_head());
    const std::optional<VertexStatus> tree = serving_head()->engine().status().tree;
    if (!tree || !all_in_sync(*tree) || !has_mirror(*tree) || !served_last(its) || !lost_caches_.empty()) return;
    if (!orders_.empty() || any_tree_ordered_) return;
    std::vector<std::string> leaves;
    add_leaves(*tree, leaves);
    const std::string away = leaves[loop_.below(leaves.size())];
    World::Head* next = &its;
    end_head(its);
    if (shape_.all_remote && loop_.chance(500)) {
        next = next == world_->heads().front().get() ? world_->heads().back().get() : world_->heads().front().get();
    } else {
        static_cast<void>(run_until([&] { return !world_->ending(its); }, minutes(1)));
        trace_.line("fault", "journal is lost: " + its.machine.host);
        its.machine.journal->touched = true;
        its.machine.journal->remove();
    }
    take_away(away);
    start_head(*next);
    if (run_until([this] { return serving_head() != nullptr; }, seconds(30))) {
        trace_.finding("M5", "serves while " + away + " is away, which may have gone on without the others");
    }
    if (trace_.failed()) return;
    trace_.coverage().count("waits for a member without the journal");
    world_->heal();
    come_back(away + " was away");
}

void StorageScenario::come_back(const std::string& after) {
    if (!run_until([this] { return serving_head() != nullptr; }, seconds(60))) {
        if (trace_.failed()) return;
        watch_status();
        trace_.finding("M5", "does not serve 60 s after " + after + ": " + last_status_.reason);
        return;
    }
    if (all_answered() && serving_head() != nullptr) static_cast<void>(all_come_back());
}

}  // namespace dst::sim
