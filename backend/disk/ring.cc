#include "disk/ring.h"

#include <cerrno>
#include <cstring>

#include "block/assert.h"

namespace dst {
namespace {

Error ring_failure(int error) {
    std::string text = std::string("io_uring cannot be set up: ") + std::strerror(error);
    if (error == EPERM || error == ENOSYS) {
        text += "; it may be forbidden by the sysctl kernel.io_uring_disabled or by a container's system call filter";
    }
    return {error == ENOMEM || error == EMFILE ? Errc::out_of_resources : Errc::not_supported, text};
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::make() {
    std::unique_ptr<Ring> ring(new Ring);
    // Completions wait for the thread's next way into the kernel instead of interrupting it; older kernels cannot.
    int error = -EINVAL;
    for (const unsigned flags : {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CLAMP, IORING_SETUP_CLAMP, 0u}) {
        error = io_uring_queue_init(entries, &ring->ring_, flags);
        if (error != -EINVAL) break;
    }
    if (error != 0) return ring_failure(-error);
    ring->made_ = true;
    return Result<std::unique_ptr<Ring>>(std::move(ring));
}

Ring::~Ring() {
    if (made_) io_uring_queue_exit(&ring_);
}

io_uring_sqe& Ring::prepare() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    DST_ASSERT(entry != nullptr);
    return *entry;
}

int Ring::submit() noexcept {
    while (io_uring_sq_ready(&ring_) != 0) {
        const int submitted = io_uring_submit(&ring_);
        if (submitted == -EINTR) continue;
        if (submitted < 0) return -submitted;
        if (submitted == 0) return EAGAIN;
    }
    return 0;
}

bool Ring::take(Completion& completion) noexcept {
    io_uring_cqe* entry = nullptr;
    if (io_uring_peek_cqe(&ring_, &entry) != 0) return false;
    completion = {io_uring_cqe_get_data(entry), entry->res};
    io_uring_cqe_seen(&ring_, entry);
    return true;
}

bool Ring::wait(Completion& completion) noexcept {
    io_uring_cqe* entry = nullptr;
    int error = 0;
    do {
        error = io_uring_wait_cqe(&ring_, &entry);
    } while (error == -EINTR);
    if (error != 0) return false;
    completion = {io_uring_cqe_get_data(entry), entry->res};
    io_uring_cqe_seen(&ring_, entry);
    return true;
}

}  // namespace dst
