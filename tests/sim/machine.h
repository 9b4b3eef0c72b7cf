#pragma once

#include <map>
#include <string>

#include "block/leaf.h"
#include "config/spec.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_link.h"
#include "simworld/sim_loop.h"
#include "simworld/sim_store.h"
#include "tree/build.h"

namespace dst::sim {

/// A machine that may run a head: its journal and its own disks by path. Outlives its processes.
struct HeadMachine {
    std::string host;
    SimStoreFile* journal = nullptr;
    std::map<std::string, SimPlatter*> disks;
};

/// A tree that a netnode exports, and what the head in that netnode has.
struct ExportedTree {
    spec::Storage storage;
    HeadMachine machine;
};

/// What a netnode machine has: platters by export name, and trees. Outlives its processes.
struct NetnodeMachine {
    std::string host;     ///< "node1"
    std::string address;  ///< "node1:7790"
    std::map<std::string, SimPlatter*> exports;
    std::map<std::string, ExportedTree> trees;
};

/// Leaves of the simulated world, for engine and initializer.
LeafFactory make_leaf_factory(SimLoop& loop, EventSink& events, SimNetwork& network, const HeadMachine& machine,
                              const std::string& process);

}  // namespace dst::sim
