#include "asio/fd_poll.h"

#include <cerrno>
#include <system_error>

namespace dst {

FdPoll::FdPoll() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    // As Asio does for its own: a loop without it is of no use, and whoever makes one says so.
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll");
}

void FdPoll::add(int fd, Watcher& watcher) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &watcher;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return;
    throw std::system_error(errno, std::generic_category(), "epoll");
}

void FdPoll::remove(int fd, Watcher& watcher) noexcept {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    for (int i = told_; i < fetched_; ++i) {
        epoll_event& event = events_[static_cast<std::size_t>(i)];
        if (event.data.ptr == &watcher) event.data.ptr = nullptr;
    }
}

bool FdPoll::poll() {
    fetched_ = epoll_wait(epoll_.get(), events_.data(), events_max, 0);
    for (told_ = 0; told_ < fetched_;) {
        const epoll_event event = events_[static_cast<std::size_t>(told_++)];
        if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
    }
    const bool any = fetched_ > 0;
    fetched_ = told_ = 0;
    return any;
}

}  // namespace dst
