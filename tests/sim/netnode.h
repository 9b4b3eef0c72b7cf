#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine.h"
#include "media/medium.h"
#include "session/export_directory.h"
#include "session/server_session.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_link.h"
#include "start/order.h"
#include "start/storage_engine.h"
#include "start/tree_medium.h"
#include "trace.h"

namespace dst::sim {

/// A process of the simulated world. One that died is cut off from disks, links and files at once, and then taken down
/// in an orderly way where nobody sees it, so that its objects need not bear being destroyed at any moment.
class Process {
public:
    virtual ~Process() = default;
    /// Destruction is allowed.
    virtual bool gone() const = 0;
    /// Crashed: it holds nothing any more.
    virtual bool dead() const = 0;
    virtual const std::string& machine_name() const = 0;
    /// For the trace.
    virtual const std::string& name() const = 0;
};

/// dst-netnode, simulated: real sessions and media behind a listener.
class NetnodeProcess final : public Process, private ExportDirectory {
public:
    NetnodeProcess(Trace& trace, SimNetwork& network, const NetnodeMachine& machine);
    ~NetnodeProcess() override;

    /// kill -9, or with `power` the whole machine.
    void crash(bool power);
    /// SIGTERM.
    void stop();
    /// SIGTERM, and it is killed when it has not ended then.
    void stop_or_die(Duration limit);
    bool gone() const override { return stopping_ && sessions_.empty() && media_open_ == 0; }
    bool dead() const override { return dead_; }
    const std::string& machine_name() const override { return machine_.host; }
    const std::string& name() const override { return machine_.host; }
    const NetnodeMachine& machine() const noexcept { return machine_; }
    /// Of an exported tree, while its storage is open.
    std::optional<StorageStatus> status_of_tree(const std::string& export_name) const;
    /// An administrator's order for it, while it is open.
    Result<std::string> order(const std::string& export_name, const Order& order);

private:
    void add(const std::string& export_name, std::unique_ptr<RawMedium> raw);
    std::unique_ptr<TreeMedium> make_tree(const ExportedTree& tree);
    Result<Medium*> find(const std::string& export_name, const std::string& peer) override;
    void accept(std::unique_ptr<Link> link);
    void ended(ServerSession& session);
    void close_media();

    Trace& trace_;
    SimNetwork& network_;
    const NetnodeMachine& machine_;
    TracedEvents events_;
    std::map<std::string, const TreeMedium*> trees_;
    std::map<std::string, StorageEngine*> engines_;  ///< of the trees that are open
    std::map<std::string, std::unique_ptr<Medium>> media_;
    std::vector<std::unique_ptr<ServerSession>> sessions_;
    std::size_t media_open_ = 0;
    bool dead_ = false;
    bool stopping_ = false;
    bool closing_media_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
