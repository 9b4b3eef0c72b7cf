#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "head.h"
#include "netnode.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_link.h"
#include "simworld/sim_loop.h"
#include "simworld/sim_store.h"
#include "trace.h"

namespace dst::sim {

/// The shape of one seed's storage: a tree over disks of netnodes and of the head's own machine.
struct Shape {
    spec::Storage storage;
    bool all_remote = false;  ///< every leaf is a netnode's: another machine may open it
    std::string text;         ///< "mirror(node1 node2)"
};

/// Draws a tree: a single leaf, a mirror, linears and mirrors in each other.
Shape draw_shape(SimLoop& loop);

/// Every machine of one seed, and the processes that run on them.
class World {
public:
    World(Trace& trace, const Shape& shape);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    struct Netnode {
        NetnodeMachine machine;
        std::unique_ptr<NetnodeProcess> process;  ///< null: it does not run
    };
    struct Head {
        HeadMachine machine;
        std::unique_ptr<HeadProcess> process;
        unsigned lives = 0;
    };

    SimNetwork& network() noexcept { return network_; }
    std::vector<std::unique_ptr<Netnode>>& netnodes() noexcept { return netnodes_; }
    /// "alpha" has the local disks; "beta" is another machine with a journal of its own.
    std::vector<std::unique_ptr<Head>>& heads() noexcept { return heads_; }
    /// By the name of the leaf in the tree.
    std::map<std::string, SimPlatter*>& leaves() noexcept { return leaves_; }
    SimPlatter& platter_of(const std::string& leaf) { return *leaves_.at(leaf); }

    void start(Netnode& node);
    void crash(Netnode& node, bool power);
    void start(Head& head, const spec::Storage& storage, HeadProcess::Changed changed);
    void crash(Head& head, bool power);
    void stop(Head& head);

    /// An earlier process of the machine has not been reaped yet, and may hold its locks.
    bool ending(const Head& head) const;

    /// Every link and disk works, no error is left to come.
    void heal();
    /// Destroys dead processes that have ended.
    void reap();
    bool graveyard_empty() const { return graveyard_.empty(); }
    /// Ends everything and waits for it; false when something does not end.
    bool shut_down();
    /// What does not.
    std::string still_ending() const;

private:
    void add_leaf(const spec::Node& node);
    void add_leaves(const spec::Node& node);
    SimPlatter& add_platter();

    Trace& trace_;
    SimLoop& loop_;
    SimNetwork network_;
    std::vector<std::unique_ptr<SimPlatter>> platters_;
    std::vector<std::unique_ptr<SimStoreFile>> journals_;
    std::map<std::string, SimPlatter*> leaves_;
    std::vector<std::unique_ptr<Netnode>> netnodes_;
    std::vector<std::unique_ptr<Head>> heads_;
    std::vector<std::unique_ptr<Process>> graveyard_;
};

}  // namespace dst::sim
