#include "asio/asio_loop.h"

#include <sched.h>
#include <sys/random.h>
#include <time.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

/// Rounds of posted work in one step before the descriptors get their chance again.
constexpr int rounds_max = 16;
/// A loop that always finds work looks at Asio's handlers once in as many steps.
constexpr unsigned steps_between_asio = 16;

constexpr std::int64_t ns_per_second = 1'000'000'000;

TimePoint monotonic_now() {
    timespec at{};
    DST_ASSERT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    return {at.tv_sec * ns_per_second + at.tv_nsec};
}

}  // namespace

bool LoopGate::post(std::function<void()> run) {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return false;
    loop_->post_from_any_thread(std::move(run));
    return true;
}

AsioLoop::AsioLoop()
    : work_(boost::asio::make_work_guard(context_)),
      timer_(context_),
      descriptors_watch_(context_, descriptors_.fd()),
      spin_policy_(cores()),
      gate_(std::make_shared<LoopGate>()) {
    gate_->loop_ = this;
}

AsioLoop::~AsioLoop() {
    {
        const std::lock_guard lock(gate_->mutex_);
        gate_->loop_ = nullptr;
    }
    drop_posted();
    descriptors_watch_.release();
}

TimePoint AsioLoop::now() const { return turn_ ? *turn_ : monotonic_now(); }

std::uint64_t AsioLoop::random() {
    if (random_left_ == 0) {
        // Up to 256 bytes come whole and without a signal's interruption once the generator is initialised.
        ssize_t got = -1;
        do {
            got = getrandom(random_buffer_.data(), sizeof random_buffer_, 0);
        } while (got < 0 && errno == EINTR);
        DST_ASSERT(got == static_cast<ssize_t>(sizeof random_buffer_));
        random_left_ = random_buffer_.size();
    }
    return random_buffer_[--random_left_];
}

void AsioLoop::run() {
    context_.restart();
    stopped_ = false;
    BatchThread thread;
    awake_since_.reset();
    while (!stopped_) {
        if (step()) continue;
        if (awake_since_) thread.set(batch_policy_.worked(now() - *awake_since_));
        if (!spin()) sleep();
    }
    // What the handlers before the stop have deferred was posted before it, too.
    run_ready();
}

void AsioLoop::stop() {
    boost::asio::post(context_, [this] { stopped_ = true; });
}

void AsioLoop::post_from_any_thread(std::function<void()> run) { boost::asio::post(context_, std::move(run)); }

/// Does what there is; false when there was nothing.
bool AsioLoop::step() {
    turn_ = monotonic_now();
    bool any = descriptors_.poll();
    any = look_at_sources() || any;
    if (any) turn_ = monotonic_now();
    for (int round = 0; round < rounds_max && run_ready(); ++round) {
        any = true;
        turn_ = monotonic_now();
    }
    // Asio's handlers are not in a hurry; whoever sleeps runs them first.
    if (++steps_ % steps_between_asio == 0) any = context_.poll() > 0 || any;
    turn_.reset();
    return any;
}

bool AsioLoop::look_at_sources() {
    bool any = false;
    for (next_source_ = sources_.begin(); next_source_ != sources_.end();) any = (next_source_++)->look() || any;
    return any;
}

void AsioLoop::add(LoopSource& source, int fd) {
    descriptors_.add(fd, source);
    source.fd_ = fd;
    sources_.push_back(source);
}

void AsioLoop::remove(LoopSource& source) noexcept {
    if (!source.is_linked()) return;
    descriptors_.remove(source.fd_, source);
    const auto where = sources_.iterator_to(source);
    if (where == next_source_) ++next_source_;
    sources_.erase(where);
}

/// True: there is work again.
bool AsioLoop::spin() {
    const TimePoint start = now();
    if (!spin_policy_.begin(start)) return false;
    ++waits_.spins;
    bool found = false;
    TimePoint at = start;
    do {
        // Whoever else wants this processor has it.
        sched_yield();
        // A look that finds nothing is too short to be counted apart.
        const TimePoint back = now();
        spin_policy_.yielded(back - at);
        at = back;
        found = step();
    } while (!found && spin_policy_.go_on(at));
    waits_.spun += at - start;
    awake_since_ = at;
    if (found) ++waits_.spins_paid;
    spin_policy_.end(found);
    return found;
}

void AsioLoop::sleep() {
    const TimePoint start = now();
    for (LoopSource& source : sources_) source.sleeps();
    awake_since_ = start;
    if (!look_at_sources()) {
        watch_descriptors();
        arm_timer();
        ++waits_.sleeps;
        context_.run_one();
        awake_since_ = now();
    }
    for (LoopSource& source : sources_) source.awake();
    spin_policy_.slept(now() - start);
}

/// One poll waits on the other.
void AsioLoop::watch_descriptors() {
    if (std::exchange(watched_, true)) return;
    descriptors_watch_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        Recycled(watch_memory_, [this](const boost::system::error_code&) { watched_ = false; }));
}

void AsioLoop::arm_timer() {
    const std::optional<TimePoint> due = next_due();
    // A timer that fires too early does no harm, so one that moved away or stopped is left as it is.
    if (!due || (armed_ && *armed_ <= *due)) return;
    armed_ = due;
    const std::uint64_t arming = ++arming_;
    timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due->ns)));
    timer_.async_wait(Recycled(timer_memory_, [this, arming](const boost::system::error_code&) {
        if (arming == arming_) armed_.reset();
    }));
}

}  // namespace dst
