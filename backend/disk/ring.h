#pragma once

#include <liburing.h>

#include <memory>

#include "block/error.h"

namespace dst {

/// One io_uring with an eventfd that counts completions. Not registered buffers: memory that the user must be allowed
/// to lock (RLIMIT_MEMLOCK) is none.
class Ring {
public:
    static constexpr unsigned entries = 256;

    /// Error not_supported where the kernel has no io_uring or forbids it.
    static Result<std::unique_ptr<Ring>> make();
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Readable when there is a completion; for a poll to wait on.
    int fd() const noexcept { return ring_.ring_fd; }

    /// A place in the submission queue; there must be room: at most `entries` in flight.
    io_uring_sqe& prepare();
    bool anything_prepared() noexcept { return io_uring_sq_ready(&ring_) != 0; }
    /// Hands everything prepared to the kernel with one call. An errno value, or 0; after EAGAIN or EBUSY it is still
    /// prepared and may be submitted again a little later.
    int submit() noexcept;

    struct Completion {
        void* data = nullptr;
        int result = 0;
    };
    bool has_completions() noexcept { return io_uring_cq_ready(&ring_) != 0; }
    /// The next completion that is there; false when none is.
    bool take(Completion& completion) noexcept;
    /// Blocks until there is one.
    bool wait(Completion& completion) noexcept;

private:
    Ring() = default;

    io_uring ring_{};
    bool made_ = false;
};

}  // namespace dst
