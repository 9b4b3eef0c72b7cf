#include "netnode.h"

#include <algorithm>
#include <utility>

namespace dst::sim {
namespace {

/// A storage that a netnode exports, opened once.
class EngineTree final : public TreeStorage, private StorageEngine::Observer {
public:
    /// `open`: where its engine is to be found as long as it is there.
    EngineTree(const spec::Storage& storage, EngineEnvironment environment, TreeStorage::Observer& observer,
               StorageEngine*& open)
        : observer_(&observer),
          engine_(storage, std::move(environment), static_cast<StorageEngine::Observer*>(this)),
          open_(open) {
        open_ = &engine_;
    }
    ~EngineTree() override { open_ = nullptr; }

    void open() override { engine_.open(); }
    BlockDevice& root() override { return engine_.root(); }
    Geometry geometry() const override { return engine_.geometry(); }
    StorageStatus status() const override { return engine_.status(); }
    void close(std::function<void()> closed) override {
        observer_ = nullptr;
        engine_.close(std::move(closed));
    }

private:
    void on_serving() override {
        if (observer_ != nullptr) observer_->on_serving();
    }
    void on_failed(const Error& why) override {
        if (observer_ != nullptr) observer_->on_failed(why);
    }
    void on_refused(const Error& why) override {
        if (observer_ != nullptr) observer_->on_failed(why);
    }
    void on_fenced() override {
        if (observer_ != nullptr) observer_->on_failed({Errc::fenced, "another head has taken the storage over"});
    }

    TreeStorage::Observer* observer_;  ///< null: closing
    StorageEngine engine_;
    StorageEngine*& open_;
};

}  // namespace

NetnodeProcess::NetnodeProcess(Trace& trace, SimNetwork& network, const NetnodeMachine& machine)
    : trace_(trace), network_(network), machine_(machine), events_(trace, machine.host) {
    for (const auto& [name, platter] : machine.exports) {
        SimDiskOptions options;
        options.own_buffers = false;
        add(name, std::make_unique<SimDisk>(trace.loop(), *platter, machine.host + "/" + name, options));
    }
    for (const auto& [name, tree] : machine.trees) {
        auto medium = make_tree(tree);
        trees_[name] = medium.get();
        add(name, std::move(medium));
    }
    network_.listen(machine.address, [this](std::unique_ptr<Link> link) { accept(std::move(link)); });
}

NetnodeProcess::~NetnodeProcess() = default;

void NetnodeProcess::add(const std::string& export_name, std::unique_ptr<RawMedium> raw) {
    auto medium = std::make_unique<Medium>(trace_.loop(), events_, std::move(raw));
    medium->open();
    ++media_open_;
    media_.emplace(export_name, std::move(medium));
}

std::unique_ptr<TreeMedium> NetnodeProcess::make_tree(const ExportedTree& tree) {
    TreeEnvironment environment{trace_.loop(), tree.storage.name, {}, {}};
    environment.make = [this, &tree, &open = engines_[tree.storage.name]](TreeStorage::Observer& observer) {
        EngineEnvironment engine{trace_.loop(), events_,
                                 make_leaf_factory(trace_.loop(), events_, network_, tree.machine, machine_.host),
                                 std::make_unique<SimStore>(trace_.loop(), *tree.machine.journal), machine_.host};
        engine.outermost = false;
        return std::make_unique<EngineTree>(tree.storage, std::move(engine), observer, open);
    };
    // Nothing but a label ever lies on it, and what it holds otherwise nobody knows.
    environment.probe = [this](BlockDevice&, const std::string&, Callback<Probe> done) {
        trace_.loop().defer([done = std::move(done)] { done(Probe{}); });
    };
    return std::make_unique<TreeMedium>(std::move(environment));
}

std::optional<StorageStatus> NetnodeProcess::status_of_tree(const std::string& export_name) const {
    return trees_.at(export_name)->status();
}

Result<std::string> NetnodeProcess::order(const std::string& export_name, const Order& order) {
    StorageEngine* const engine = engines_[machine_.trees.at(export_name).storage.name];
    if (engine == nullptr) return Error{Errc::not_found, export_name + " is not open"};
    return engine->order(order);
}

Result<Medium*> NetnodeProcess::find(const std::string& export_name, const std::string& peer) {
    const auto found = media_.find(export_name);
    if (found == media_.end()) return Error{Errc::not_found, "no export " + export_name + " for " + peer};
    return found->second.get();
}

void NetnodeProcess::accept(std::unique_ptr<Link> link) {
    sessions_.push_back(std::make_unique<ServerSession>(trace_.loop(), events_, std::move(link),
                                                        static_cast<ExportDirectory&>(*this),
                                                        [this](ServerSession& session) { ended(session); }));
}

void NetnodeProcess::ended(ServerSession& session) {
    std::erase_if(sessions_, [&session](const auto& one) { return one.get() == &session; });
    if (stopping_ && sessions_.empty()) close_media();
}

void NetnodeProcess::crash(bool power) {
    dead_ = true;
    events_.silence();
    network_.crash_host(machine_.host, power);
    const auto die = [power](SimPlatter& platter) { power ? platter.power_loss() : platter.crash(); };
    for (const auto& [name, platter] : machine_.exports) die(*platter);
    for (const auto& [name, tree] : machine_.trees) {
        tree.machine.journal->crash();
        for (const auto& [path, platter] : tree.machine.disks) die(*platter);
    }
    stop();
}

void NetnodeProcess::stop() {
    if (stopping_) return;
    stopping_ = true;
    network_.stop_listening(machine_.address);
    for (const auto& session : sessions_) session->close({Errc::cancelled, "the netnode stops"}, [] {});
    if (sessions_.empty()) close_media();
}

void NetnodeProcess::stop_or_die(Duration limit) {
    stop();
    trace_.loop().after(limit, [this, guard = std::weak_ptr<int>(alive_)] {
        if (guard.expired() || gone() || dead_) return;
        trace_.coverage().count("netnode killed in its end");
        trace_.line(machine_.host, "does not end in time, and is killed");
        crash(false);
    });
}

void NetnodeProcess::close_media() {
    if (closing_media_) return;
    closing_media_ = true;
    for (const auto& [name, medium] : media_) medium->close([this] { --media_open_; });
}

}  // namespace dst::sim
