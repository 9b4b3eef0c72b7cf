#include "leaf_scenario.h"

namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

LeafScenario::LeafScenario(Trace& trace) : trace_(trace), loop_(trace.loop()) {
    spec::Netnode netnode;
    netnode.address = "node1";
    netnode.port = 7790;
    netnode.export_name = "disk1";
    netnode.connections = static_cast<unsigned>(1 + loop_.below(3));
    shape_.storage.tree.name = "node1:7790/disk1";
    shape_.storage.tree.what = netnode;
    shape_.text = "leaf node1:7790/disk1 x" + std::to_string(netnode.connections);
}

bool LeafScenario::run_until(const std::function<bool()>& condition, Duration limit) {
    const TimePoint end = loop_.now() + limit;
    while (!trace_.failed() && loop_.now() < end) {
        if (loop_.run_until(condition, milliseconds(200))) return !trace_.failed();
        world_->reap();
        if (client_ != nullptr) client_->check_answers(false);
    }
    return false;
}

ScenarioResult LeafScenario::run() {
    trace_.line("scenario", shape_.text);
    world_ = std::make_unique<World>(trace_, shape_);
    TracedEvents events(trace_, "alpha");
    const HeadMachine& machine = world_->heads().front()->machine;
    const auto leaf = make_leaf_factory(loop_, events, world_->network(), machine, "alpha")(shape_.storage.tree);
    leaf->open();
    const unsigned wanted = faults_min + static_cast<unsigned>(loop_.below(10));
    if (run_until([&leaf] { return leaf->up(); }, seconds(60))) {
        ClientOptions options;
        options.may_overlap = false;
        options.depth = static_cast<unsigned>(1 + loop_.below(24));
        options.think_max = loop_.chance(200) ? milliseconds(40) : milliseconds(400);
        oracle_ = std::make_unique<Oracle>(leaf->geometry().size_bytes);
        world_->platter_of(shape_.storage.tree.name).on_cache_lost = [this] {
            oracle_->forget_unflushed(counts_.sequence);
        };
        client_ = std::make_unique<Client>(trace_, "client", *oracle_, counts_, options);
        client_->start(*leaf);
        World::Netnode& node = *world_->netnodes().front();
        while (!trace_.failed() && (faults_ < wanted || counts_.submitted < requests_min)) {
            const TimePoint until = loop_.now() + loop_.between(Duration::zero(), seconds(4));
            static_cast<void>(run_until([this, until] { return loop_.now() >= until; }, minutes(1)));
            strike(node);
        }
        world_->heal();
        if (!run_until([&leaf] { return leaf->up(); }, seconds(60)) && !trace_.failed()) {
            trace_.finding("progress",
                           "the leaf is not up 60 s after the last fault: " + to_string(leaf->last_error()));
        }
        client_->stop();
        if (!run_until([this] { return client_->idle(); }, minutes(5)) && !trace_.failed()) {
            trace_.finding("progress", "requests in flight do not end");
        }
        client_->abandon();
    } else {
        trace_.finding("progress", "the leaf does not come up: " + to_string(leaf->last_error()));
    }
    bool closed = false;
    leaf->close([&closed] { closed = true; });
    if (!loop_.run_until([&closed] { return closed; }, minutes(10)))
        trace_.finding("progress", "the leaf does not close");
    if (!world_->shut_down()) trace_.finding("progress", "a netnode does not end within ten minutes");
    if (client_ != nullptr) client_->check_memory();
    ScenarioResult result;
    result.shape = shape_.text;
    result.requests = counts_.submitted;
    result.faults = faults_;
    return result;
}

void LeafScenario::strike(World::Netnode& node) {
    SimPlatter& platter = world_->platter_of(shape_.storage.tree.name);
    SimNetwork& network = world_->network();
    const std::string& host = node.machine.host;
    const std::uint64_t dice = loop_.below(7);
    trace_.line("fault", std::to_string(dice));
    // What mends something, or finds it broken, is no fault.
    switch (dice) {
        case 0: network.reset("alpha", host); break;
        case 1:
            if (node.process == nullptr) return;
            world_->crash(node, false);
            break;
        case 2: return world_->start(node);
        case 3: {
            const bool outward = loop_.chance(500);
            network.partition(outward ? "alpha" : host, outward ? host : "alpha");
            break;
        }
        case 4: return network.heal_all();
        case 5:
            platter.set_hung(!platter.hung());
            if (!platter.hung()) return;
            break;
        default: platter.fail({}, {0, platter.geometry().size_bytes}, Errc::medium_error, 3); break;
    }
    ++faults_;
}

}  // namespace dst::sim
