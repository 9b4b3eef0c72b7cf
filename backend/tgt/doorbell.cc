#include "tgt/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "block/assert.h"

namespace dst::tgt {

Doorbell::~Doorbell() {
    if (fd_ >= 0) ::close(fd_);
}

Result<void> Doorbell::open() {
    DST_ASSERT(fd_ < 0);
    fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ >= 0) return {};
    const int error = errno;
    return Error{errc_from_errno(error),
                 std::string("no eventfd for the way between tgtd and the storage: ") + std::strerror(error)};
}

void Doorbell::answer() noexcept {
    std::uint64_t count = 0;
    while (::read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

void Doorbell::signal() noexcept {
    rings_.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    // EAGAIN: the counter is full, so the descriptor is readable already.
    while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

}  // namespace dst::tgt
