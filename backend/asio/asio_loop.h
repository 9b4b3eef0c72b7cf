#pragma once

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <mutex>

#include "asio/batch.h"
#include "asio/fd_poll.h"
#include "asio/spin.h"
#include "asio/wait_memory.h"
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

/// Where work for a loop comes from by memory while the loop is awake, and by a descriptor that wakes it when it
/// sleeps.
class LoopSource : public boost::intrusive::list_base_hook<>, private FdPoll::Watcher {
public:
    /// Takes what is there; true when there was something.
    virtual bool look() = 0;
    /// The loop is about to sleep: from now on its descriptor must tell, until awake(). look() follows once more.
    virtual void sleeps() {}
    virtual void awake() {}

protected:
    virtual ~LoopSource() = default;

private:
    friend class AsioLoop;
    void on_events(std::uint32_t) override {}  // the loop is awake, and looks

    int fd_ = -1;
};

/// The production Loop, run by one thread. Data arrive through descriptors() and sources, everything else (control
/// sockets, signals, other threads' posts) through an io_context, which the loop looks at between. Everything but the
/// members marked "any thread" belongs to the thread that is in run() (or to the only thread there is, before and
/// after). Posted work costs no system call. Before it sleeps the loop spins for a moment when that has paid (spin.h);
/// with much to do at each turn its thread waits for the processor as long as somebody computes there (batch.h).
/// Objects that use the loop are destroyed before it; work still posted then is dropped.
class AsioLoop : public Loop {
public:
    /// What it cost to wait.
    struct Waits {
        std::uint64_t sleeps = 0;
        std::uint64_t spins = 0;
        std::uint64_t spins_paid = 0;  ///< that ended with work
        Duration spun{};               ///< in all of them
    };

    AsioLoop();
    ~AsioLoop() override;

    /// While a turn's handlers run, when their part of the turn began: a request asks for it eight times, and the clock
    /// was a tenth of the processor time of a head.
    TimePoint now() const override;
    std::uint64_t random() override;

    boost::asio::io_context& context() noexcept { return context_; }
    FdPoll& descriptors() noexcept { return descriptors_; }
    /// `fd` becomes readable when there is work, and need not be read; it stays the caller's.
    void add(LoopSource& source, int fd);
    /// Before `fd` is closed; nothing for one that is not there. May be called from inside a look().
    void remove(LoopSource& source) noexcept;

    /// Works until stop(). May be called again afterwards.
    void run();
    /// Ends run() after the work that was posted before; without a run(), ends the next one. Any thread.
    void stop();
    /// Any thread, as long as the loop exists; for threads that may outlive it there is gate().
    void post_from_any_thread(std::function<void()> run);
    const std::shared_ptr<LoopGate>& gate() const noexcept { return gate_; }

    const Waits& waits() const noexcept { return waits_; }

private:
    void wake() override {}
    bool step();
    bool look_at_sources();
    bool spin();
    void sleep();
    void arm_timer();
    void watch_descriptors();

    WaitMemory watch_memory_;  // outlives the context, which destroys what still waits
    WaitMemory timer_memory_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::steady_timer timer_;
    FdPoll descriptors_;
    boost::asio::posix::stream_descriptor descriptors_watch_;
    using Sources = boost::intrusive::list<LoopSource, boost::intrusive::constant_time_size<false>>;
    Sources sources_;
    Sources::iterator next_source_ = sources_.end();
    SpinPolicy spin_policy_;
    Waits waits_;
    BatchPolicy batch_policy_;
    std::optional<TimePoint> awake_since_;  ///< since the last wait; none yet: nothing
    std::optional<TimePoint> turn_;         ///< now(), while handlers run
    std::optional<TimePoint> armed_;
    std::uint64_t arming_ = 0;
    unsigned steps_ = 0;
    bool stopped_ = false;
    bool watched_ = false;
    std::array<std::uint64_t, 32> random_buffer_{};
    std::size_t random_left_ = 0;
    std::shared_ptr<LoopGate> gate_;
};

}  // namespace dst
