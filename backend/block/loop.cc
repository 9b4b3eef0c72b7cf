#include "block/loop.h"

#include <utility>

#include "block/assert.h"

namespace dst {

void Task::post() {
    if (is_linked()) return;
    loop_.tasks_.push_back(*this);
    loop_.wake();
}

void Task::cancel() noexcept {
    if (is_linked()) loop_.tasks_.erase(Loop::TaskList::s_iterator_to(*this));
}

void Timer::start(Duration after) {
    stop();
    due_ = loop_.now() + (after < Duration::zero() ? Duration::zero() : after);
    sequence_ = loop_.timer_sequence_++;
    const auto where = loop_.timers_.insert(*this);
    if (where == loop_.timers_.begin()) loop_.wake();
}

void Timer::stop() noexcept {
    if (is_linked()) loop_.timers_.erase(Loop::TimerSet::s_iterator_to(*this));
}

Loop::~Loop() = default;

Id Loop::random_id() {
    Id id;
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t bits = random();
        for (std::size_t i = 0; i < 8; ++i, bits >>= 8) id.bytes[8 * half + i] = static_cast<std::uint8_t>(bits);
    }
    return id;
}

void Loop::defer(std::function<void()> run) {
    deferred_.push_back(std::move(run));
    wake();
}

void Loop::complete_later(Request& request, Errc code) {
    DST_ASSERT(!request.is_linked());
    request.result = code;
    completions_.push_back(request);
    wake();
}

void Loop::drop_posted() noexcept {
    // A destructor that runs here may defer again.
    while (!deferred_.empty()) {
        std::vector<std::function<void()>> dropped;
        dropped.swap(deferred_);
    }
}

bool Loop::has_posted() const noexcept { return !tasks_.empty() || !completions_.empty() || !deferred_.empty(); }

std::optional<TimePoint> Loop::next_due() const noexcept {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->due_;
}

bool Loop::run_ready() {
    const bool posted = run_posted();
    const bool timed = run_timers();
    return posted || timed;
}

bool Loop::run_posted() {
    if (!has_posted()) return false;
    // What is posted meanwhile goes to the members again and waits for the next call; what is cancelled meanwhile
    // unlinks itself from the local lists.
    TaskList tasks;
    tasks.swap(tasks_);
    RequestList completions;
    completions.swap(completions_);
    std::vector<std::function<void()>> deferred;
    deferred.swap(deferred_);
    while (!completions.empty()) {
        Request& request = completions.front();
        completions.pop_front();
        request.done(request);
    }
    while (!tasks.empty()) {
        Task& task = tasks.front();
        tasks.pop_front();
        task.run_();
    }
    for (auto& run : deferred) run();
    return true;
}

bool Loop::run_timers() {
    const TimePoint limit = now();
    // Those that are started meanwhile come after all that are due: one that starts itself for now would keep the loop.
    const std::uint64_t first_new = timer_sequence_;
    bool ran = false;
    while (!timers_.empty() && timers_.begin()->due_ <= limit && timers_.begin()->sequence_ < first_new) {
        Timer& timer = *timers_.begin();
        timers_.erase(timers_.begin());
        timer.run_();
        ran = true;
    }
    return ran;
}

}  // namespace dst
