#pragma once

#include <functional>
#include <memory>

#include "block/block_device.h"
#include "block/error.h"
#include "block/id.h"
#include "block/status.h"
#include "config/spec.h"
#include "head/options.h"

namespace dst {

class AsioLoop;

/// One storage, open on a loop that somebody else runs: the engine with leaves of this machine and of netnodes, its
/// journal, its log and its control socket. Everything on the loop's thread. Destroy it after `closed` was called,
/// outside its own callbacks; or when it was never opened.
class OpenStorage {
public:
    /// Never called from inside open() or close(); nothing is called after close().
    class Observer {
    public:
        virtual ~Observer() = default;
        /// Geometry and id are known; an outermost root() takes requests and holds them until the storage serves.
        virtual void on_sized() = 0;
        virtual void on_serving() = 0;
        /// It will not serve: a split, a journal or a name that another head holds. After on_serving: fenced. close()
        /// is still due.
        virtual void on_failed(const Error& why) = 0;
        /// It will not serve before the user has done something: a refused label, a medium that is too small. It goes
        /// on looking, so that this comes again.
        virtual void on_refused(const Error& why) = 0;
        /// Writes that were acknowledged and never flushed may be lost (docs/mirror.md M10); it serves on. Called at
        /// once, as by StorageEngine: it must call nothing of the storage.
        virtual void on_data_lost() {}
    };

    OpenStorage(AsioLoop& loop, spec::Storage spec, HeadOptions options, Observer& observer);
    ~OpenStorage();
    OpenStorage(const OpenStorage&) = delete;
    OpenStorage& operator=(const OpenStorage&) = delete;

    /// Once.
    void open();

    /// Lives as long as this object. Whoever is above it may set its observer.
    BlockDevice& root();
    Geometry geometry() const;
    Id id() const;
    StorageStatus status() const;

    /// Refuses new requests, completes what is in flight, gives everything back, then calls `closed`.
    void close(std::function<void()> closed);

private:
    class Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace dst
