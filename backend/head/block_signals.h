#pragma once

#include <pthread.h>
#include <signal.h>

namespace dst {

/// All signals are blocked in this thread while it lives, and so for good in threads started meanwhile: signals belong
/// to the program's own threads. In tgtd a stray SIGUSR2 on one of ours would end the process (docs/tgt.md).
class BlockSignals {
public:
    BlockSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    BlockSignals(const BlockSignals&) = delete;
    BlockSignals& operator=(const BlockSignals&) = delete;

private:
    sigset_t before_{};
};

}  // namespace dst
