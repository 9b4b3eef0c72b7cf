#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "block/id.h"
#include "block/request.h"
#include "block/time.h"

namespace dst {

class Loop;

/// A piece of work that runs on the loop soon, but never from inside post(). Posting one that is already posted does
/// nothing. Destroying or cancelling takes it back. Bound once, so that posting allocates nothing.
class Task : public boost::intrusive::list_base_hook<> {
public:
    Task(Loop& loop, std::function<void()> run) : loop_(loop), run_(std::move(run)) {}
    ~Task() { cancel(); }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    void post();
    void cancel() noexcept;
    bool posted() const noexcept { return is_linked(); }

private:
    friend class Loop;
    Loop& loop_;
    std::function<void()> run_;
};

/// Runs its function once, `after` has passed, on the loop; never early, never from inside start().
class Timer : public boost::intrusive::set_base_hook<> {
public:
    Timer(Loop& loop, std::function<void()> run) : loop_(loop), run_(std::move(run)) {}
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Starts, or starts over.
    void start(Duration after);
    void stop() noexcept;
    bool running() const noexcept { return is_linked(); }

private:
    friend class Loop;
    Loop& loop_;
    std::function<void()> run_;
    TimePoint due_;
    std::uint64_t sequence_ = 0;

    friend bool operator<(const Timer& a, const Timer& b) noexcept {
        return a.due_ == b.due_ ? a.sequence_ < b.sequence_ : a.due_ < b.due_;
    }
};

/// The one thread of a storage, as the pure folders see it: time, posting, timers and randomness. No member may be
/// called from another thread. Order is fixed: posted work first in first out, timers by (due, start order), so that
/// a simulated loop replays exactly.
class Loop {
public:
    virtual ~Loop();
    Loop() = default;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Monotonic.
    virtual TimePoint now() const = 0;
    /// 64 uniform bits; production: from the kernel's generator.
    virtual std::uint64_t random() = 0;
    Id random_id();

    /// Runs `run` soon, never from inside. Allocates: not for the fast path.
    void defer(std::function<void()> run);
    /// Completes `request` with `code` soon, never from inside. The request must be on no list.
    void complete_later(Request& request, Errc code);

protected:
    /// Something was posted, or the earliest timer moved: call run_ready() soon, and again when next_due() says.
    virtual void wake() = 0;

    /// Runs everything posted so far, then the timers that are due. Work posted and timers started meanwhile wait for
    /// the next call. True when something ran.
    bool run_ready();
    /// Drops what was posted and did not run. Deferred functions may own objects that take themselves out of the loop
    /// when they are destroyed: for the destructor of the class that has what they call.
    void drop_posted() noexcept;
    bool has_posted() const noexcept;
    std::optional<TimePoint> next_due() const noexcept;

private:
    friend class Task;
    friend class Timer;

    bool run_posted();
    bool run_timers();

    using TaskList = boost::intrusive::list<Task, boost::intrusive::constant_time_size<false>>;
    using TimerSet = boost::intrusive::multiset<Timer, boost::intrusive::constant_time_size<false>>;
    TaskList tasks_;
    TimerSet timers_;
    RequestList completions_;
    std::vector<std::function<void()>> deferred_;
    std::uint64_t timer_sequence_ = 0;
};

}  // namespace dst
