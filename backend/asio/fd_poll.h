#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "asio/owned_fd.h"

namespace dst {

/// The descriptors that carry data, apart from Asio's: each is added once, edge-triggered, and never changed, so that a
/// wait costs one system call and no more. One thread's.
class FdPoll {
public:
    /// What is told of a descriptor.
    class Watcher {
    public:
        /// `events`: EPOLLIN and so on. May remove any watcher, itself too.
        virtual void on_events(std::uint32_t events) = 0;

    protected:
        ~Watcher() = default;
    };

    FdPoll();
    FdPoll(const FdPoll&) = delete;
    FdPoll& operator=(const FdPoll&) = delete;

    /// Readable when poll() has something to tell; for another poll to wait on.
    int fd() const noexcept { return epoll_.get(); }

    /// An edge for everything that is so already comes with the next poll(). Throws std::system_error, as Asio does,
    /// when there is no memory or the user's watches are used up.
    void add(int fd, Watcher& watcher);
    /// Nothing is told any more, not even what was fetched already.
    void remove(int fd, Watcher& watcher) noexcept;

    /// Tells what there is, without waiting; true when there was something.
    bool poll();

private:
    static constexpr int events_max = 64;

    OwnedFd epoll_;
    std::array<epoll_event, events_max> events_{};
    int fetched_ = 0;
    int told_ = 0;
};

}  // namespace dst
