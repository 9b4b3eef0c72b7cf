#include "head.h"

#include "block/assert.h"
#include "media/local_leaf.h"

namespace dst::sim {

LeafFactory make_leaf_factory(SimLoop& loop, EventSink& events, SimNetwork& network, const HeadMachine& machine,
                              const std::string& process) {
    return [&loop, &events, &network, &machine, process](const spec::Node& node) -> std::unique_ptr<Leaf> {
        if (const auto* disk = std::get_if<spec::Disk>(&node.what)) {
            SimPlatter& platter = *machine.disks.at(disk->path);
            return std::make_unique<LocalLeaf>(loop, events, std::make_unique<SimDisk>(loop, platter, disk->path));
        }
        const auto& netnode = std::get<spec::Netnode>(node.what);
        RemoteLeafOptions options;
        options.name = node.name;
        options.export_name = netnode.export_name;
        options.connections = netnode.connections;
        options.program = process;
        const std::string address = netnode.address + ":" + std::to_string(netnode.port);
        return std::make_unique<RemoteLeaf>(loop, events, options, network.factory(machine.host, address));
    };
}

HeadProcess::HeadProcess(Trace& trace, SimNetwork& network, const HeadMachine& machine, const spec::Storage& storage,
                         unsigned life, Changed changed)
    : trace_(trace),
      network_(network),
      machine_(machine),
      name_(machine.host + "[" + std::to_string(life) + "]"),
      events_(trace, name_),
      changed_(std::move(changed)) {
    EngineEnvironment environment{trace.loop(), events_,
                                  make_leaf_factory(trace.loop(), events_, network, machine, name_),
                                  std::make_unique<SimStore>(trace.loop(), *machine.journal), name_};
    engine_ =
        std::make_unique<StorageEngine>(storage, std::move(environment), static_cast<StorageEngine::Observer*>(this));
    engine_->open();
}

HeadProcess::~HeadProcess() = default;

void HeadProcess::crash(bool power) {
    dead_ = true;
    events_.silence();
    changed_ = nullptr;
    network_.crash_host(machine_.host, power);
    machine_.journal->crash();
    for (const auto& [path, platter] : machine_.disks) {
        if (power) {
            platter->power_loss();
        } else {
            platter->crash();
        }
    }
    stop();
}

void HeadProcess::stop() {
    if (stopping_) return;
    stopping_ = true;
    serving_ = false;
    engine_->close([this] { gone_ = true; });
}

void HeadProcess::on_sized() {
    sized_ = true;
    trace_.line(name_, "is sized");
    if (changed_) changed_(*this);
}

void HeadProcess::on_serving() {
    serving_ = true;
    trace_.line(name_, "serves");
    if (changed_) changed_(*this);
}

void HeadProcess::on_failed(const Error& why) {
    failed_ = why;
    serving_ = false;
    trace_.line(name_, "failed: " + to_string(why));
    if (changed_) changed_(*this);
}

void HeadProcess::on_data_lost() {
    data_lost_ = true;
    trace_.line(name_, "says that what was not flushed may be lost");
    trace_.loop().defer([this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired() && changed_) changed_(*this);
    });
}

void HeadProcess::on_fenced() {
    fenced_ = true;
    serving_ = false;
    trace_.line(name_, "is fenced");
    if (changed_) changed_(*this);
}

}  // namespace dst::sim
