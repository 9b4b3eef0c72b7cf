#pragma once

#include <functional>
#include <memory>

#include "asio/asio_loop.h"

namespace dst {

/// Readiness of one descriptor, asked for one by one. The descriptor stays the caller's, who destroys this object
/// before closing it. Not destroyed from inside its own callbacks.
class FdReadiness {
public:
    FdReadiness(AsioLoop& loop, int fd, std::function<void()> readable, std::function<void()> writable);
    ~FdReadiness();
    FdReadiness(const FdReadiness&) = delete;
    FdReadiness& operator=(const FdReadiness&) = delete;

    /// Calls `readable` once, when there is something to read (or an end, or an error), never from inside.
    void want_read();
    /// Likewise for room to write.
    void want_write();
    /// No callback comes any more. May be called from inside a callback.
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// Calls `readable` on the loop whenever `fd` has something to read, again and again; for eventfds. The function reads
/// the descriptor empty. The descriptor stays the caller's, who destroys the watch before closing it.
class FdWatch {
public:
    FdWatch(AsioLoop& loop, int fd, std::function<void()> readable);

private:
    std::function<void()> run_;
    FdReadiness readiness_;
};

}  // namespace dst
