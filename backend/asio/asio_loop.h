#pragma once

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>

#include "block/loop.h"

namespace dst {

class AsioLoop;

/// The way into a loop for other threads that may outlive it. Every thread keeps the shared pointer.
class LoopGate {
public:
    /// Runs `run` on the loop's thread soon; false, and `run` is dropped, when the loop is gone. Any thread.
    bool post(std::function<void()> run);

private:
    friend class AsioLoop;
    std::mutex mutex_;
    AsioLoop* loop_ = nullptr;
};

/// The production Loop: one io_context, run by one thread. Everything but the members marked "any thread" belongs to
/// the thread that is in run() (or to the only thread there is, before and after). Posted work costs no system call.
/// Objects that use the loop are destroyed before it; work still posted then is dropped.
class AsioLoop : public Loop {
public:
    AsioLoop();
    ~AsioLoop() override;

    TimePoint now() const override;
    std::uint64_t random() override;

    boost::asio::io_context& context() noexcept { return context_; }

    /// Works until stop(). May be called again afterwards.
    void run();
    /// Ends run() after the work that was posted before; without a run(), ends the next one. Any thread.
    void stop();
    /// Any thread, as long as the loop exists; for threads that may outlive it there is gate().
    void post_from_any_thread(std::function<void()> run);
    const std::shared_ptr<LoopGate>& gate() const noexcept { return gate_; }

private:
    void wake() override;
    void turn();
    void schedule_turn();
    void arm_timer();

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_;
    std::uint64_t arming_ = 0;
    bool turn_scheduled_ = false;
    bool in_turn_ = false;
    std::array<std::uint64_t, 32> random_buffer_{};
    std::size_t random_left_ = 0;
    std::shared_ptr<LoopGate> gate_;
};

}  // namespace dst
