#include <algorithm>

#include "start/order.h"
#include "storage_scenario.h"

/// What happens to exported trees, and what it means for what is above.
namespace dst::sim {

void StorageScenario::event(const std::string& process, std::string_view id, std::initializer_list<EventField> fields) {
    drops_->event(process, id, fields);
    rivals_->event(process, id);
    if (id == "member-dropped") judge_drop(process, fields);
    for (const EventField& field : fields) {
        if (id == "last-member-changed" && field.key == "member") came_back_changed_.emplace(process, field.value);
    }
    // Until the head heard of it, reads were answered by members that had lost nothing, and may be no more.
    if (id == "last-member-changed" && all_lost_) oracle_->forget_unflushed(counts_.sequence);
    if (id == "storage-gave-up") {
        for (const Service& service : services_) {
            if (service.process != nullptr && service.process->name() == process) service.client->gave_up();
        }
    }
    if (tree_orders_.empty() || id != "storage-serving") return;
    for (const auto& [leaf, tree] : world_->trees()) {
        if (tree->machine.host != process || tree_orders_.erase(leaf) == 0) continue;
        trace_.coverage().count("tree serves after an order");
        lose_caches_of_tree(leaf);
    }
}

// M7: what libblkid knows is not blank, and is refused.
void StorageScenario::look_for_foreign_labels() {
    for (const auto& [leaf, platter] : world_->leaves()) {
        if (platter->found().empty()) continue;
        trace_.coverage().count("looked at a medium with a signature");
        if (label_on(platter->durable())) trace_.finding("M7", leaf + " was labelled, and had a signature");
    }
}

// M10: nobody leaves while no other member is there. A member that no child stands for was not there either.
void StorageScenario::judge_drop(const std::string& process, std::initializer_list<EventField> fields) {
    const std::optional<StorageStatus> status = status_of(process);
    if (!status || !status->tree) return;
    const auto value = [&fields](std::string_view key) {
        const auto its =
            std::find_if(fields.begin(), fields.end(), [&](const EventField& one) { return one.key == key; });
        return its == fields.end() ? std::string() : std::string(its->value);
    };
    const VertexStatus* const mirror = vertex_named(*status->tree, value("mirror"));
    const std::string dropped = value("member");
    const auto is_it = [&dropped](const VertexStatus& child) { return child.name == dropped; };
    if (mirror == nullptr || std::none_of(mirror->children.begin(), mirror->children.end(), is_it)) return;
    const auto is_there = [&](const VertexStatus& child) {
        // One that came back changed is used again with the next record, and is there.
        const bool changed = came_back_changed_.contains({process, child.name}) && runs(child, process);
        return !is_it(child) && (child.state == VertexState::in_sync || changed);
    };
    trace_.coverage().count("drops beside another member");
    if (std::any_of(mirror->children.begin(), mirror->children.end(), is_there)) return;
    trace_.finding("M10", process + " dropped " + dropped + ", the only member that was there");
}

// Of one that runs, or ends with requests in flight.
std::optional<StorageStatus> StorageScenario::status_of(const std::string& process) const {
    for (const Service& service : services_) {
        for (HeadProcess* const head : {service.process, service.ending}) {
            if (head != nullptr && head->name() == process) return head->engine().status();
        }
    }
    for (const auto& [leaf, tree] : world_->trees()) {
        if (tree->machine.host == process) return world_->status_of_tree(leaf);
    }
    return std::nullopt;
}

const VertexStatus* StorageScenario::vertex_named(const VertexStatus& vertex, const std::string& name) {
    if (vertex.name == name) return &vertex;
    for (const VertexStatus& child : vertex.children) {
        if (const VertexStatus* const found = vertex_named(child, name)) return found;
    }
    return nullptr;
}

bool StorageScenario::held_beside(const VertexStatus& vertex, const std::string& leaf) {
    for (const VertexStatus& child : vertex.children) {
        if (!has_leaf(child, leaf)) continue;
        const auto has_it = [&](const VertexStatus& other) {
            return &other != &child && other.state == VertexState::in_sync && runs(other, {});
        };
        const bool beside = std::any_of(vertex.children.begin(), vertex.children.end(), has_it);
        return (vertex.kind == VertexKind::mirror && beside) || held_beside(child, leaf);
    }
    return false;
}

// The head may not have heard yet that a machine is off.
bool StorageScenario::runs(const VertexStatus& vertex, const std::string& process) {
    if (vertex.children.empty()) {
        if (world_->is_tree(vertex.name)) return world_->netnode_of_tree(vertex.name).process != nullptr;
        // A disk of a machine that exports a tree.
        const bool local = !world_->leaves().contains(vertex.name);
        SimPlatter& platter = world_->platter_of(local ? process + ":" + vertex.name : vertex.name);
        const World::Netnode* const node = world_->netnode_of(&platter);
        return node == nullptr || node->process != nullptr;
    }
    const auto counts = [&](const VertexStatus& child) {
        return runs(child, process) && (vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync);
    };
    return vertex.kind == VertexKind::mirror ? std::any_of(vertex.children.begin(), vertex.children.end(), counts)
                                             : std::all_of(vertex.children.begin(), vertex.children.end(), counts);
}

bool StorageScenario::another_has(const std::string& tree) {
    HeadProcess* const head = serving_head();
    if (head == nullptr) return false;
    const StorageStatus status = head->engine().status();
    return status.tree && held_beside(*status.tree, tree);
}

// Whatever the tree then holds, nothing may be lost: it is down until it has started, and meanwhile nobody leaves the
// member beside it out. For the storage above it is a member that may have lost anything, so that with the other one's
// cache what was not flushed may be lost.
void StorageScenario::give_up_in_tree(const std::string& tree) {
    const Order order{StartOrder::accept_data_loss, {}, {}, 0};
    ExportedTree& its = *world_->trees().at(tree);
    trace_.line("administrator", tree + " is to start with what is there");
    trace_.coverage().count("order in a tree");
    tree_orders_.insert(tree);
    any_tree_ordered_ = true;
    lose_caches_of_tree(tree);
    const auto answered = [this](const std::string& text) { trace_.line("administrator", "is told: " + text); };
    if (world_->netnode_of_tree(tree).process != nullptr) {
        const Result<std::string> answer = world_->order_tree(tree, order);
        return answered(answer ? *answer : to_string(answer.error()));
    }
    leave_order(loop_, administrator_, std::make_unique<SimStore>(loop_, *its.machine.journal), its.storage.name, order,
                [answered, guard = std::weak_ptr<int>(alive_)](const Result<void>& left) {
                    if (guard.expired()) return;
                    answered(left ? "the order is in the journal of the tree" : to_string(left.error()));
                });
}

// What a tree gave up only the head that served last does without; another one asks for an order.
bool StorageScenario::order_for_a_tree() {
    World::Head& head = *world_->heads().front();
    if (trace_.failed() || !any_tree_ordered_ || !waits(head)) return false;
    const std::string reason = head.process->engine().status().reason;
    const auto says = [&reason](const char* text) { return reason.find(text) != std::string::npos; };
    if (!says("it was started with loss of data") || !says("without the journal of the last head")) return false;
    trace_.coverage().count("order for what a tree gave up");
    order(head, {StartOrder::accept_data_loss, {}, {}, 0});
    return true;
}

void StorageScenario::lose_caches_of_tree(const std::string& tree) {
    for (const std::string& leaf : world_->leaves_of_tree(tree)) cache_lost(leaf);
}

}  // namespace dst::sim
