#pragma once

#include "client.h"
#include "scenario.h"
#include "world.h"

namespace dst::sim {

/// Session and medium alone: a client straight on the leaf of one netnode, no label, no tree, no head. The client sends
/// nothing that overlaps, since a leaf does not order requests.
class LeafScenario {
public:
    explicit LeafScenario(Trace& trace);
    ScenarioResult run();

private:
    void strike(World::Netnode& node);
    bool run_until(const std::function<bool()>& condition, Duration limit);

    Trace& trace_;
    SimLoop& loop_;
    Shape shape_;
    std::unique_ptr<World> world_;
    std::unique_ptr<Oracle> oracle_;
    std::unique_ptr<Client> client_;
    SharedCounts counts_;
    unsigned faults_ = 0;
};

}  // namespace dst::sim
