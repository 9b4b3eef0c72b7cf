#include "asio/fd_watch.h"

#include <sys/epoll.h>

#include <utility>

namespace dst {

void FdReadiness::Side::edge() {
    if (std::exchange(wanted, false)) {
        ready = false;
        run();
    } else {
        ready = true;
    }
}

void FdReadiness::Side::want() {
    if (std::exchange(ready, false)) {
        late.post();
    } else if (!late.posted()) {
        wanted = true;
    }
}

FdReadiness::FdReadiness(AsioLoop& loop, int fd, std::function<void()> readable, std::function<void()> writable)
    : loop_(loop), fd_(fd), read_(loop, std::move(readable)), write_(loop, std::move(writable)) {
    loop_.descriptors().add(fd_, *this);
}

FdReadiness::~FdReadiness() { stop(); }

void FdReadiness::stop() {
    if (std::exchange(stopped_, true)) return;
    loop_.descriptors().remove(fd_, *this);
    read_.late.cancel();
    write_.late.cancel();
}

void FdReadiness::on_events(std::uint32_t events) {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) read_ended_ = write_ended_ = true;
    if ((events & EPOLLRDHUP) != 0) read_ended_ = true;
    if (read_ended_ || (events & EPOLLIN) != 0) read_.edge();
    if (!stopped_ && (write_ended_ || (events & EPOLLOUT) != 0)) write_.edge();
}

void FdReadiness::want_read() {
    if (stopped_) return;
    read_.ready = read_.ready || read_ended_;
    read_.want();
}

void FdReadiness::want_write() {
    if (stopped_) return;
    write_.ready = write_.ready || write_ended_;
    write_.want();
}

void FdReadiness::want_more_to_read() {
    read_.ready = false;
    want_read();
}

void FdReadiness::want_more_room() {
    write_.ready = false;
    want_write();
}

}  // namespace dst
