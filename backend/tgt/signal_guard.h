#pragma once

#include <csignal>

namespace dst::tgt {

/// Blocks all signals of the calling thread while it lives, so that threads started meanwhile inherit the blocked mask:
/// tgtd's SIGUSR2 must never reach one of ours (tgt, bs.c: it would kill tgtd).
class SignalGuard {
public:
    SignalGuard() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalGuard() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalGuard(const SignalGuard&) = delete;
    SignalGuard& operator=(const SignalGuard&) = delete;

private:
    sigset_t before_;
};

}  // namespace dst::tgt
