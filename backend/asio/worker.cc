#include "asio/worker.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>

#include "asio/batch.h"
#include "block/assert.h"

namespace dst {

Result<void> start_thread(std::thread& into, const char* name, std::function<void()> run) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    // A new thread inherits the mask, so it never runs with another one.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    DST_ASSERT(!into.joinable());
    std::string why;
    try {
        into = std::thread([run = std::move(run), batch = BatchThread::is_batch()] {
            if (batch) BatchThread::leave_inherited();
            run();
        });
    } catch (const std::system_error& error) {
        why = error.what();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!into.joinable()) return Error{Errc::out_of_resources, "cannot start a thread: " + why};
    pthread_setname_np(into.native_handle(), name);
    return {};
}

struct Worker::State {
    struct Order {
        std::function<void()> work;
        std::function<void(Errc)> done;
    };
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Order> orders;
    bool ending = false;
    bool busy = false;
    std::shared_ptr<LoopGate> gate;
};

namespace {

/// Hands `done` to the loop unless the worker has gone meanwhile.
template <typename State>
void report(const std::shared_ptr<State>& state, std::function<void(Errc)> done) {
    state->gate->post([state, done = std::move(done)] {
        // Both run on the loop's thread: the flag cannot change under this call.
        if (!state->ending) done(Errc::ok);
    });
}

template <typename State>
void serve(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    for (;;) {
        state->busy = false;
        state->changed.wait(lock, [&] { return state->ending || !state->orders.empty(); });
        if (state->ending) return;
        auto order = std::move(state->orders.front());
        state->orders.pop_front();
        state->busy = true;
        lock.unlock();
        order.work();
        order.work = nullptr;
        report(state, std::move(order.done));
        lock.lock();
    }
}

}  // namespace

Worker::~Worker() {
    if (!state_) return;
    bool busy = false;
    {
        const std::lock_guard lock(state_->mutex);
        state_->ending = true;
        state_->orders.clear();
        busy = state_->busy;
    }
    if (!thread_.joinable()) return;
    state_->changed.notify_one();
    if (busy) {
        thread_.detach();
    } else {
        thread_.join();
    }
}

void Worker::run(std::function<void()> work, std::function<void(Errc)> done) {
    if (!thread_.joinable()) {
        state_ = std::make_shared<State>();
        state_->gate = loop_.gate();
        if (start_thread(thread_, "dst-worker", [state = state_] { serve(state); }).has_error()) {
            loop_.defer([state = state_, done = std::move(done)] {
                if (!state->ending) done(Errc::out_of_resources);
            });
            return;
        }
    }
    {
        const std::lock_guard lock(state_->mutex);
        state_->orders.push_back({std::move(work), std::move(done)});
    }
    state_->changed.notify_one();
}

}  // namespace dst
