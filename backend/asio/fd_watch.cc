#include "asio/fd_watch.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

namespace dst {

struct FdReadiness::State {
    State(AsioLoop& loop, int fd) : descriptor(loop.context(), fd) {}

    boost::asio::posix::stream_descriptor descriptor;
    std::function<void()> readable;
    std::function<void()> writable;
    bool waits_to_read = false;
    bool waits_to_write = false;
    bool stopped = false;
};

FdReadiness::FdReadiness(AsioLoop& loop, int fd, std::function<void()> readable, std::function<void()> writable)
    : state_(std::make_shared<State>(loop, fd)) {
    state_->readable = std::move(readable);
    state_->writable = std::move(writable);
}

FdReadiness::~FdReadiness() { stop(); }

void FdReadiness::stop() {
    if (state_->stopped) return;
    state_->stopped = true;
    state_->descriptor.release();
}

void FdReadiness::want_read() {
    if (state_->waits_to_read || state_->stopped) return;
    state_->waits_to_read = true;
    state_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                  [state = state_](const boost::system::error_code&) {
                                      state->waits_to_read = false;
                                      if (!state->stopped) state->readable();
                                  });
}

void FdReadiness::want_write() {
    if (state_->waits_to_write || state_->stopped) return;
    state_->waits_to_write = true;
    state_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                                  [state = state_](const boost::system::error_code&) {
                                      state->waits_to_write = false;
                                      if (!state->stopped) state->writable();
                                  });
}

FdWatch::FdWatch(AsioLoop& loop, int fd, std::function<void()> readable)
    : run_(std::move(readable)),
      readiness_(
          loop, fd,
          [this] {
              readiness_.want_read();
              run_();
          },
          [] {}) {
    readiness_.want_read();
}

}  // namespace dst
