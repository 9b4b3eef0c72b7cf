#include "world.h"

#include <algorithm>

namespace dst::sim {
namespace {

SimNetworkOptions draw_network(SimLoop& loop) {
    SimNetworkOptions options;
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
    : trace_(trace), loop_(trace.loop()), network_(trace.loop(), draw_network(trace.loop())) {
    for (const std::string host : {"alpha", "beta"}) {
        const auto number = static_cast<std::uint8_t>(heads_.size() + 1);
        journals_.push_back(std::make_unique<SimStoreFile>(loop_, host + ":/journal", machine_id(number)));
        heads_.push_back(std::make_unique<Head>());
        heads_.back()->machine.host = host;
        heads_.back()->machine.journal = journals_.back().get();
    }
    add_leaves(shape.storage.tree);
    for (const auto& node : netnodes_) start(*node);
}

World::~World() = default;

SimPlatter& World::add_platter() {
    SimPlatterOptions options;
    options.size_bytes = (1536u << 10) + loop_.below(64) * 4096;
    if (loop_.chance(200)) options.latency_max = std::chrono::milliseconds(8);
    options.can_unmap = loop_.chance(800);
    platters_.push_back(std::make_unique<SimPlatter>(loop_, options));
    return *platters_.back();
}

void World::add_leaves(const spec::Node& node) {
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (const spec::Node& child : linear->children) add_leaves(child);
    } else if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (const spec::Node& member : mirror->members) add_leaves(member);
    } else {
        add_leaf(node);
    }
}

void World::add_leaf(const spec::Node& node) {
    SimPlatter& platter = add_platter();
    leaves_[node.name] = &platter;
    if (const auto* disk = std::get_if<spec::Disk>(&node.what)) {
        heads_.front()->machine.disks[disk->path] = &platter;
        return;
    }
    const auto& address = std::get<spec::Netnode>(node.what);
    for (const auto& netnode : netnodes_) {
        if (netnode->machine.host != address.address) continue;
        netnode->machine.exports[address.export_name] = &platter;
        return;
    }
    netnodes_.push_back(std::make_unique<Netnode>());
    NetnodeMachine& machine = netnodes_.back()->machine;
    machine.host = address.address;
    machine.address = address.address + ":" + std::to_string(address.port);
    machine.exports[address.export_name] = &platter;
}

void World::start(Netnode& node) {
    if (node.process != nullptr) return;
    trace_.line(node.machine.host, "starts");
    node.process = std::make_unique<NetnodeProcess>(trace_, network_, node.machine);
}

void World::crash(Netnode& node, bool power) {
    if (node.process == nullptr) return;
    trace_.line(node.machine.host, power ? "loses power" : "is killed");
    node.process->crash(power);
    graveyard_.push_back(std::move(node.process));
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
        platter->set_missing(false);
        platter->clear_failures();
        platter->unspoil();
        platter->set_hung(false);
        platter->set_latency(std::chrono::microseconds(20), std::chrono::microseconds(400));
    }
    for (const auto& journal : journals_) {
        journal->fail_open = Errc::ok;
        journal->fail_write = Errc::ok;
        journal->set_latency();
    }
    for (const auto& node : netnodes_) start(*node);
}

bool World::ending(const Head& head) const {
    return std::any_of(graveyard_.begin(), graveyard_.end(), [&head](const auto& process) {
        return process->machine_name() == head.machine.host && !process->dead();
    });
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
    if (!loop_.run_until(all_gone, std::chrono::minutes(10))) return false;
    for (const auto& node : netnodes_) {
        node->process->stop();
        graveyard_.push_back(std::move(node->process));
    }
    return loop_.run_until(all_gone, std::chrono::minutes(10));
}

}  // namespace dst::sim
