#include "world.h"

#include <algorithm>

namespace dst::sim {
namespace {

SimNetworkOptions draw_network(SimLoop& loop, bool fast) {
    SimNetworkOptions options;
    // What is large takes long enough.
    if (fast) return options;
    if (loop.chance(300)) options.latency_max = std::chrono::milliseconds(5);
    if (loop.chance(150)) options.chunk_bytes_max = 700;
    if (loop.chance(150)) options.window_bytes = 16u << 10;
    return options;
}

Id machine_id(std::uint8_t number) {
    Id id;
    id.bytes[0] = number;
    return id;
}

}  // namespace

World::World(Trace& trace, const Shape& shape)
    : trace_(trace),
      loop_(trace.loop()),
      leaf_bytes_min_(shape.leaf_bytes_min),
      network_(trace.loop(), draw_network(trace.loop(), !shape.seams.empty())),
      exported_(shape.exported) {
    for (const std::string host : {"alpha", "beta"}) {
        const auto number = static_cast<std::uint8_t>(heads_.size() + 1);
        journals_.push_back(std::make_unique<SimStoreFile>(loop_, host + ":/journal", machine_id(number)));
        heads_.push_back(std::make_unique<Head>());
        heads_.back()->machine.host = host;
        heads_.back()->machine.journal = journals_.back().get();
    }
    const SimNetworkOptions& links = network_.options();
    trace_.line("scenario", "links take up to " + std::to_string(links.latency_max.count() / 1000) +
                                " us for pieces of up to " + std::to_string(links.chunk_bytes_max) + " bytes, window " +
                                std::to_string(links.window_bytes));
    add_leaves(shape.storage.tree, heads_.front()->machine, "");
    // A tree is initialised before it is exported.
    for (const auto& node : netnodes_) {
        if (node->machine.trees.empty()) start(*node);
    }
}

World::~World() = default;

SimPlatter& World::add_platter() {
    SimPlatterOptions options;
    options.size_bytes = leaf_bytes_min_ + loop_.below(64) * 4096;
    if (loop_.chance(200)) options.latency_max = std::chrono::milliseconds(8);
    options.can_unmap = loop_.chance(800);
    if (loop_.chance(300)) options.physical_block_bytes = 4096;
    if (loop_.chance(100)) options.logical_block_bytes = options.physical_block_bytes = 4096;
    platters_.push_back(std::make_unique<SimPlatter>(loop_, options));
    return *platters_.back();
}

void World::add_leaves(const spec::Node& node, HeadMachine& machine, const std::string& prefix) {
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (const spec::Node& child : linear->children) add_leaves(child, machine, prefix);
    } else if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (const spec::Node& member : mirror->members) add_leaves(member, machine, prefix);
    } else {
        add_leaf(node, machine, prefix);
    }
}

void World::add_leaf(const spec::Node& node, HeadMachine& machine, const std::string& prefix) {
    if (const auto* disk = std::get_if<spec::Disk>(&node.what)) {
        SimPlatter& platter = add_platter();
        leaves_[prefix + node.name] = &platter;
        machine.disks[disk->path] = &platter;
        return;
    }
    const auto& address = std::get<spec::Netnode>(node.what);
    const auto exported = exported_.find(node.name);
    if (exported != exported_.end()) return add_tree(node.name, address, exported->second);
    SimPlatter& platter = add_platter();
    leaves_[node.name] = &platter;
    add_netnode(address).machine.exports[address.export_name] = &platter;
}

void World::add_tree(const std::string& leaf, const spec::Netnode& address, const spec::Storage& storage) {
    Netnode& netnode = add_netnode(address);
    ExportedTree& tree = netnode.machine.trees[address.export_name];
    tree.storage = storage;
    tree.machine.host = address.address;
    Id id;
    id.bytes[0] = static_cast<std::uint8_t>(journals_.size() + 1);
    journals_.push_back(std::make_unique<SimStoreFile>(loop_, address.address + ":/journal", id));
    tree.machine.journal = journals_.back().get();
    const auto before = leaves_;
    add_leaves(storage.tree, tree.machine, address.address + ":");
    Tree& known = trees_[leaf];
    known.netnode = &netnode;
    known.export_name = address.export_name;
    for (const auto& [name, platter] : leaves_) {
        if (!before.contains(name)) known.leaves.push_back(name);
    }
}

std::optional<StorageStatus> World::status_of_tree(const std::string& leaf) const {
    const Tree& tree = trees_.at(leaf);
    if (tree.netnode->process == nullptr) return std::nullopt;
    return tree.netnode->process->status_of_tree(tree.export_name);
}

std::map<std::string, ExportedTree*> World::trees() {
    std::map<std::string, ExportedTree*> all;
    for (const auto& [leaf, tree] : trees_) all[leaf] = &tree.netnode->machine.trees.at(tree.export_name);
    return all;
}

World::Netnode& World::add_netnode(const spec::Netnode& address) {
    for (const auto& netnode : netnodes_) {
        if (netnode->machine.host == address.address) return *netnode;
    }
    netnodes_.push_back(std::make_unique<Netnode>());
    NetnodeMachine& machine = netnodes_.back()->machine;
    machine.host = address.address;
    machine.address = address.address + ":" + std::to_string(address.port);
    return *netnodes_.back();
}

World::Netnode* World::netnode_of(const SimPlatter* platter) {
    const auto has = [platter](const auto& named) { return named.second == platter; };
    for (const auto& node : netnodes_) {
        const NetnodeMachine& machine = node->machine;
        if (std::any_of(machine.exports.begin(), machine.exports.end(), has)) return node.get();
        for (const auto& [name, tree] : machine.trees) {
            if (std::any_of(tree.machine.disks.begin(), tree.machine.disks.end(), has)) return node.get();
        }
    }
    return nullptr;
}

Result<std::string> World::order_tree(const std::string& leaf, const Order& order) {
    const Tree& tree = trees_.at(leaf);
    if (tree.netnode->process == nullptr) return Error{Errc::not_found, leaf + " is not open"};
    return tree.netnode->process->order(tree.export_name, order);
}

void World::start(Netnode& node) {
    if (node.process != nullptr || shutting_down_) return;
    if (ending(node.machine.host)) {
        loop_.after(std::chrono::milliseconds(100), [this, &node, guard = std::weak_ptr<int>(alive_)] {
            if (!guard.expired()) start(node);
        });
        return;
    }
    trace_.line(node.machine.host, "starts");
    node.process = std::make_unique<NetnodeProcess>(trace_, network_, node.machine);
}

void World::crash(Netnode& node, bool power) {
    if (node.process == nullptr) return;
    trace_.line(node.machine.host, power ? "loses power" : "is killed");
    node.process->crash(power);
    graveyard_.push_back(std::move(node.process));
}

void World::stop(Netnode& node) {
    if (node.process == nullptr) return;
    trace_.line(node.machine.host, "is stopped");
    node.process->stop_or_die(std::chrono::seconds(15));
    graveyard_.push_back(std::move(node.process));
}

void World::kill_ending_netnodes(bool power) {
    for (const auto& one : graveyard_) {
        auto* const process = dynamic_cast<NetnodeProcess*>(one.get());
        if (process != nullptr && !process->gone() && !process->dead()) process->crash(power);
    }
}

void World::start(Head& head, const spec::Storage& storage, HeadProcess::Changed changed) {
    if (head.process != nullptr) return;
    trace_.line(head.machine.host, "starts");
    head.process =
        std::make_unique<HeadProcess>(trace_, network_, head.machine, storage, ++head.lives, std::move(changed));
}

void World::crash(Head& head, bool power) {
    if (head.process == nullptr) return;
    trace_.line(head.process->name(), power ? "loses power" : "is killed");
    head.process->crash(power);
    graveyard_.push_back(std::move(head.process));
}

void World::stop(Head& head) {
    if (head.process == nullptr) return;
    trace_.line(head.process->name(), "is stopped");
    head.process->stop();
    graveyard_.push_back(std::move(head.process));
}

void World::heal() {
    network_.heal_all();
    for (const auto& platter : platters_) {
        platter->put_back();
        platter->end_older_copy();
        platter->set_missing(false);
        platter->clear_failures();
        platter->unspoil();
        platter->set_hung(false);
        platter->set_latency(std::chrono::microseconds(20), std::chrono::microseconds(400));
    }
    for (const auto& journal : journals_) {
        journal->fail_open = Errc::ok;
        journal->fail_write = Errc::ok;
        journal->fails_in_part = false;
        journal->set_latency();
        journal->set_hung(false);
    }
    for (const auto& node : netnodes_) start(*node);
}

bool World::ending(const std::string& host) const {
    return std::any_of(graveyard_.begin(), graveyard_.end(),
                       [&host](const auto& process) { return process->machine_name() == host && !process->dead(); });
}

void World::reap() {
    std::erase_if(graveyard_, [](const auto& process) { return process->gone(); });
}

std::string World::still_ending() const {
    std::string text;
    for (const auto& process : graveyard_) text += (text.empty() ? "" : ", ") + process->name();
    return text;
}

bool World::shut_down() {
    heal();
    for (const auto& head : heads_) stop(*head);
    const auto all_gone = [this] {
        reap();
        return graveyard_.empty();
    };
    // What a tree stands on is there until its head has ended.
    if (!loop_.run_until(all_gone, std::chrono::minutes(10))) return false;
    shutting_down_ = true;
    for (const bool with_tree : {true, false}) {
        for (const auto& node : netnodes_) {
            if (node->process == nullptr || node->machine.trees.empty() == with_tree) continue;
            node->process->stop();
            graveyard_.push_back(std::move(node->process));
        }
        if (!loop_.run_until(all_gone, std::chrono::minutes(10))) return false;
    }
    return true;
}

}  // namespace dst::sim
