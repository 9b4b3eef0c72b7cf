#pragma once

#include <functional>
#include <memory>
#include <string>

#include "block/block_device.h"
#include "block/events.h"
#include "block/leaf.h"
#include "block/loop.h"
#include "block/status.h"
#include "block/store.h"
#include "config/spec.h"
#include "start/order.h"
#include "tree/build.h"

namespace dst {

/// What a storage runs on. Loop and events must outlive the engine.
struct EngineEnvironment {
    Loop& loop;
    EventSink& events;
    LeafFactory make_leaf;
    std::unique_ptr<Store> journal;
    std::string head;  ///< for status and other heads' messages: "tgtd[1234]"
    /// False for a tree that is a node of another storage: it holds nothing (M10).
    bool outermost = true;
};

/// One storage, opened and served (docs/mirror.md M5, M6): checks labels, chooses the records, fences other heads,
/// makes the start durable and then serves; holds requests while it cannot (M10).
///
/// Everything runs on the loop's thread. After close() has called back the engine may be destroyed; an engine that was
/// never opened may be destroyed at any time.
class StorageEngine {
public:
    /// Never called from inside a call to the engine.
    class Observer {
    public:
        virtual ~Observer() = default;
        /// Geometry and id are known and will not change: a LUN may be attached. Requests are held until serving.
        virtual void on_sized() {}
        /// Requests are answered from now on. Comes after on_sized().
        virtual void on_serving() {}
        /// Refused for good: a split, a journal in use, a file that does not describe the storage. The engine stays
        /// open for status() until close().
        virtual void on_failed(const Error& why) { static_cast<void>(why); }
        /// Refused for a reason that only the user can take away: not labelled, another storage's or swapped media, a
        /// medium that is too small. The start looks again all the time; so this comes more than once, and on_serving()
        /// may follow.
        virtual void on_refused(const Error& why) { static_cast<void>(why); }
        /// Another head has taken the storage over (M6). This one never serves again.
        virtual void on_fenced() {}
        /// Writes that were acknowledged and never flushed may be lost (M10); it serves on. Who is above must be told.
        /// Called from inside whatever found it, before a request that comes later can be taken for one that came after
        /// this was told: it must call nothing of the engine.
        virtual void on_data_lost() {}
    };

    StorageEngine(spec::Storage storage, EngineEnvironment environment, Observer* observer);
    ~StorageEngine();
    StorageEngine(const StorageEngine&) = delete;
    StorageEngine& operator=(const StorageEngine&) = delete;

    /// Call once.
    void open();

    /// The device to do I/O on. It orders overlapping requests (M11); they end with `fenced` when fenced, `cancelled`
    /// while closing. Outermost: up once sized, and holds what the tree cannot answer now: `not_ready` after policy
    /// on_loss.hold (send again), `io_error` at once after on_loss.give_up. Else: up while the tree serves and is up,
    /// and `disconnected` when fenced.
    BlockDevice& root();

    /// Zero size until sized.
    Geometry geometry() const;
    /// Nil until sized.
    Id storage_id() const;
    StorageStatus status() const;

    /// True while the start waits; status().reason says for which nodes and why they matter.
    bool waiting() const;
    bool serving() const;

    /// The administrator's order, while the storage does not serve: a start that waits carries it out, else the next
    /// open does. `none` takes back what was ordered before. Answers what becomes of it, as a sentence. Errors: refused
    /// (it serves, or cannot, or waits and has nothing to start from with loss of data), invalid_argument (no such
    /// member), not_found (no order is there to be taken back), busy (it is just being carried out).
    Result<std::string> order(const Order& order);

    /// A clean end: refuses new requests, completes what is in flight, flushes, closes leaves and journal, calls
    /// `closed` (never from inside). Bounded by the devices' own bounds.
    void close(std::function<void()> closed);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace dst
