#pragma once

#include <map>
#include <memory>
#include <optional>
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
    bool all_remote = false;                        ///< every leaf is a netnode's: another machine may open it
    std::uint64_t leaf_bytes_min = 1536u << 10;     ///< of each medium; they differ a little
    std::vector<std::uint64_t> seams;               ///< places where something changes: hot requests lie around them
    std::map<std::string, spec::Storage> exported;  ///< trees that are leaves here, by their names in the tree
    std::string text;                               ///< "mirror(node1 node2)"
};

/// Draws a tree: a single leaf, a mirror, linears and mirrors in each other; sometimes a leaf is a tree of another
/// machine.
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
    /// All media: by the name of the leaf in the tree; below an exported tree by that in its own, a disk there as
    /// "node1:/dev/disk2".
    std::map<std::string, SimPlatter*>& leaves() noexcept { return leaves_; }
    /// The leaf is a whole tree of its machine.
    bool is_tree(const std::string& leaf) const { return trees_.contains(leaf); }
    /// Its media, as named in leaves().
    const std::vector<std::string>& leaves_of_tree(const std::string& leaf) const { return trees_.at(leaf).leaves; }
    /// Its storage in the netnode that exports it; nothing: it is not open.
    std::optional<StorageStatus> status_of_tree(const std::string& leaf) const;
    /// Every tree by the name of the leaf that it is.
    std::map<std::string, ExportedTree*> trees();
    /// Whoever exports the tree that this leaf is.
    Netnode& netnode_of_tree(const std::string& leaf) const { return *trees_.at(leaf).netnode; }
    /// Of the tree that this leaf is, while it is open.
    Result<std::string> order_tree(const std::string& leaf, const Order& order);
    /// Whoever has the medium: a netnode; null: the head's own machine.
    Netnode* netnode_of(const SimPlatter* platter);
    SimPlatter& platter_of(const std::string& leaf) { return *leaves_.at(leaf); }

    /// When the process before it has ended.
    void start(Netnode& node);
    void crash(Netnode& node, bool power);
    /// SIGTERM. What takes longer than 15 s is killed, as Daemon does it.
    void stop(Netnode& node);
    void start(Head& head, const spec::Storage& storage, HeadProcess::Changed changed);
    void crash(Head& head, bool power);
    void stop(Head& head);

    /// An earlier process of the machine has not been reaped yet, and may hold its locks.
    bool ending(const Head& head) const { return ending(head.machine.host); }
    bool ending(const std::string& host) const;
    /// Netnodes that are being stopped are killed.
    void kill_ending_netnodes(bool power);

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
    void add_leaf(const spec::Node& node, HeadMachine& machine, const std::string& prefix);
    void add_leaves(const spec::Node& node, HeadMachine& machine, const std::string& prefix);
    void add_tree(const std::string& leaf, const spec::Netnode& address, const spec::Storage& storage);
    Netnode& add_netnode(const spec::Netnode& address);
    SimPlatter& add_platter();

    Trace& trace_;
    SimLoop& loop_;
    std::uint64_t leaf_bytes_min_;
    SimNetwork network_;
    std::vector<std::unique_ptr<SimPlatter>> platters_;
    std::vector<std::unique_ptr<SimStoreFile>> journals_;
    std::map<std::string, SimPlatter*> leaves_;
    std::map<std::string, spec::Storage> exported_;
    struct Tree {
        Netnode* netnode = nullptr;
        std::string export_name;
        std::vector<std::string> leaves;
    };
    std::map<std::string, Tree> trees_;
    std::vector<std::unique_ptr<Netnode>> netnodes_;
    std::vector<std::unique_ptr<Head>> heads_;
    std::vector<std::unique_ptr<Process>> graveyard_;
    bool shutting_down_ = false;  ///< no netnode starts any more
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
