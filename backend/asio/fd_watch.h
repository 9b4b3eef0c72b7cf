#pragma once

#include <functional>
#include <memory>

#include "asio/asio_loop.h"

namespace dst {

/// Readiness of one descriptor, asked for one by one. The descriptor stays the caller's, who destroys this object
/// before closing it. Not destroyed from inside its own callbacks.
class FdReadiness final : private FdPoll::Watcher {
public:
    FdReadiness(AsioLoop& loop, int fd, std::function<void()> readable, std::function<void()> writable);
    ~FdReadiness();
    FdReadiness(const FdReadiness&) = delete;
    FdReadiness& operator=(const FdReadiness&) = delete;

    /// Calls `readable` once, when there is something to read (or an end, or an error), never from inside.
    void want_read();
    /// Likewise for room to write.
    void want_write();
    /// The same, for whoever has just found nothing (more) to read, or no room: only what comes from now on counts.
    void want_more_to_read();
    void want_more_room();
    /// No callback comes any more. May be called from inside a callback.
    void stop();

private:
    /// One direction: what was told and not asked for yet, and what was asked for.
    struct Side {
        Side(AsioLoop& loop, std::function<void()> told) : run(std::move(told)), late(loop, [this] { run(); }) {}
        void edge();
        void want();

        std::function<void()> run;
        Task late;  ///< for what was there before it was asked for
        bool ready = false;
        bool wanted = false;
    };

    void on_events(std::uint32_t events) override;

    AsioLoop& loop_;
    int fd_;
    Side read_;
    Side write_;
    bool read_ended_ = false;   ///< the peer sends no more, or an error: stays readable
    bool write_ended_ = false;  ///< both directions have ended, or an error: stays writable
    bool stopped_ = false;
};

}  // namespace dst
