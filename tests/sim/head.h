#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "machine.h"
#include "netnode.h"
#include "session/remote_leaf.h"
#include "simworld/sim_store.h"
#include "start/storage_engine.h"

namespace dst::sim {

/// A process with a storage open: tgtd, or a netnode that re-exports a tree.
class HeadProcess final : public Process, private StorageEngine::Observer {
public:
    /// Called from the loop when the storage is sized, serves, failed or was fenced.
    using Changed = std::function<void(HeadProcess&)>;

    HeadProcess(Trace& trace, SimNetwork& network, const HeadMachine& machine, const spec::Storage& storage,
                unsigned life, Changed changed);
    ~HeadProcess() override;

    void crash(bool power);
    void stop();
    bool gone() const override { return gone_; }
    bool dead() const override { return dead_; }
    const std::string& machine_name() const override { return machine_.host; }

    const HeadMachine& machine() const noexcept { return machine_; }
    const std::string& name() const override { return name_; }
    StorageEngine& engine() noexcept { return *engine_; }
    bool sized() const noexcept { return sized_; }
    bool serving() const noexcept { return serving_; }
    bool fenced() const noexcept { return fenced_; }
    bool failed() const noexcept { return failed_.code != Errc::ok; }
    const Error& failure() const noexcept { return failed_; }
    bool stopping() const noexcept { return stopping_; }
    /// It has said, since this was asked last, that what was not flushed may be lost.
    bool take_data_lost() noexcept { return std::exchange(data_lost_, false); }
    /// It has told that it gave data up, as ordered.
    bool forced() const { return events_.told("start-forced"); }
    /// By what it came to serve (M5 step 2).
    bool decided_by_journal() const {
        return events_.last("storage-serving").find("decided_by=journal") != std::string::npos;
    }

private:
    void on_sized() override;
    void on_serving() override;
    void on_failed(const Error& why) override;
    void on_fenced() override;
    void on_data_lost() override;

    Trace& trace_;
    SimNetwork& network_;
    const HeadMachine& machine_;
    std::string name_;
    TracedEvents events_;
    Changed changed_;
    std::unique_ptr<StorageEngine> engine_;
    bool sized_ = false;
    bool serving_ = false;
    bool fenced_ = false;
    bool dead_ = false;
    bool stopping_ = false;
    bool gone_ = false;
    bool data_lost_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    Error failed_{Errc::ok, {}};
};

}  // namespace dst::sim
