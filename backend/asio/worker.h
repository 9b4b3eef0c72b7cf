#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "asio/asio_loop.h"

namespace dst {

/// Starts a thread with every signal blocked, so that it never takes one that the program waits for (tgtd's SIGUSR2).
/// `name`: at most 15 characters. Error out_of_resources when the system refuses one; `into` is then as before.
Result<void> start_thread(std::thread& into, const char* name, std::function<void()> run);

/// One helper thread for calls that block (fdatasync, libblkid, open). Orders run one after another. The thread starts
/// with the first order. Destroying the worker never waits for an order that hangs: the thread is left to end by
/// itself, and its `done` is dropped; so `work` owns (or shares) all it touches.
class Worker {
public:
    explicit Worker(AsioLoop& loop) : loop_(loop) {}
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Runs `work` on the thread, then `done` on the loop: ok, or out_of_resources when there is no thread and `work`
    /// did not run. Never from inside this call; `done` may destroy the worker.
    void run(std::function<void()> work, std::function<void(Errc)> done);

private:
    struct State;
    AsioLoop& loop_;
    std::shared_ptr<State> state_;
    std::thread thread_;
};

}  // namespace dst
