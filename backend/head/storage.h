#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "block/block_device.h"
#include "block/error.h"
#include "block/id.h"
#include "config/spec.h"
#include "head/options.h"

namespace dst {

class AsioLoop;

/// One open storage with its own thread: what a LUN of tgtd stands on. The thread blocks all signals.
class Storage {
public:
    using Limit = std::chrono::milliseconds;

    /// Blocks the calling thread, at most `limit` and a little. Comes back as soon as the storage serves, or at the
    /// limit when it is sized (the journal knows it) and holds I/O until its nodes are there; else with the reason why
    /// it does not. A failed open leaves `$DST_RUN_DIR/NAME.failed`, a good one removes it, and nothing else stays
    /// behind: what cannot be closed at once (a disk that hangs) ends in the background.
    static Result<std::unique_ptr<Storage>> open(const spec::Storage& spec, const HeadOptions& options, Limit limit);

    /// Ends it cleanly: requests in flight complete, nothing new may be submitted. Blocks at most `limit`; what takes
    /// longer goes on in the background and its true end is logged.
    static void close(std::unique_ptr<Storage> storage, Limit limit);

    /// Storages whose end goes on in the background, in this process.
    static unsigned closing_in_background() noexcept;

    /// The same as close() with no time to wait.
    ~Storage();
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    /// Fixed once open; any thread.
    const Geometry& geometry() const noexcept { return geometry_; }
    const Id& id() const noexcept { return id_; }

    /// On the storage's thread only.
    AsioLoop& loop() noexcept;
    BlockDevice& root() noexcept;

    /// `lost` is called on the storage's thread whenever acknowledged writes that were never flushed may have been lost
    /// (docs/mirror.md M10). Any thread.
    void set_on_data_lost(std::function<void()> lost);

    /// Runs `run` on the storage's thread, soon. Any thread.
    void run_on_loop(std::function<void()> run);

private:
    class Core;

    Storage(std::shared_ptr<Core> core, const Geometry& geometry, const Id& id);

    std::shared_ptr<Core> core_;
    Geometry geometry_;
    Id id_;
};

}  // namespace dst
