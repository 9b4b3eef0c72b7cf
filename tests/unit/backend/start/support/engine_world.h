#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/spec.h"
#include "media/label.h"
#include "simworld/null_events.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_loop.h"
#include "simworld/sim_store.h"
#include "start/initializer.h"
#include "start/storage_engine.h"

namespace dst {

spec::Node disk_node(const std::string& path);
spec::Node mirror_node(const std::string& name, std::vector<spec::Node> members);
spec::Node linear_node(const std::string& name, std::vector<spec::Node> children);
/// The mirror m0 of /a and /b.
spec::Node two_disks();

/// Simulated disks by path, and heads that open storages on them.
class EngineWorld {
public:
    /// One head: an engine with its journal file, and what it told its observer.
    class Head : public StorageEngine::Observer {
    public:
        void on_sized() override { ++sized; }
        void on_serving() override { ++serving; }
        void on_failed(const Error& why) override { failed = why; }
        void on_refused(const Error& why) override { failed = why; }
        void on_fenced() override { ++fenced; }
        void on_data_lost() override { ++data_lost; }

        std::unique_ptr<StorageEngine> engine;
        int sized = 0;
        int serving = 0;
        int fenced = 0;
        int data_lost = 0;
        std::optional<Error> failed;  ///< or refused, and looked at again
    };

    explicit EngineWorld(spec::Node tree, std::uint64_t seed = 1);
    ~EngineWorld();

    sim::SimPlatter& platter(const std::string& path);
    void add_platter(const std::string& path, const sim::SimPlatterOptions& options);
    sim::SimStoreFile& journal(const std::string& name = "head0");

    /// Runs `init` to its end.
    InitReport init(const InitOptions& options = {});
    Result<InitReport> try_init(const InitOptions& options = {});

    /// Makes and opens an engine; does not wait.
    Head& open(const std::string& journal_name = "head0");
    /// open(), and runs until it serves; the test fails when it does not within `limit`.
    Head& serve(const std::string& journal_name = "head0", Duration limit = std::chrono::seconds(30));
    void close(Head& head);
    /// The process dies, with what it had under way.
    void crash(Head& head);

    /// One request to its end.
    Errc write(Head& head, std::uint64_t offset, const Bytes& bytes, bool fua = false);
    Errc read(Head& head, std::uint64_t offset, Bytes& bytes);
    Errc flush(Head& head);
    static Bytes pattern(std::size_t size, unsigned seed);

    std::optional<Label> label_of(const std::string& path);

    sim::SimLoop loop;
    sim::RecordingEvents events;
    spec::Storage storage;
    bool outermost = true;    ///< of the engines opened from now on
    bool one_medium = false;  ///< every peek tells one incarnation, as of one disk under several names
    /// The epoch of the head that is alive on the medium with that label; set: in place of live_elsewhere.
    std::function<std::optional<Epoch>(const Label& label)> head_on;
    bool live_elsewhere = false;  ///< every peek says that the head that served last is alive on the medium

private:
    EngineEnvironment environment(const std::string& journal_name);
    Errc run(Head& head, Request& request);

    std::map<std::string, std::unique_ptr<sim::SimPlatter>> platters_;
    std::map<std::string, std::unique_ptr<sim::SimStoreFile>> journals_;
    std::vector<std::unique_ptr<Head>> heads_;
};

/// Leaves an order as dstctl does while no head runs.
Result<void> order(EngineWorld& world, StartOrder what, const std::string& member = "",
                   const std::string& journal = "head0");

/// Opens it; its start dies when `path` has both copies of the record of the only mirror there, before it serves.
void die_when_it_has_the_record(EngineWorld& world, const std::string& path, const std::string& journal = "head0");

}  // namespace dst
