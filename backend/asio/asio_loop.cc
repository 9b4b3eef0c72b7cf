#include "asio/asio_loop.h"

#include <sys/random.h>
#include <time.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

/// Rounds of posted work in one turn before the descriptors get their chance again.
constexpr int rounds_max = 16;

constexpr std::int64_t ns_per_second = 1'000'000'000;

}  // namespace

bool LoopGate::post(std::function<void()> run) {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return false;
    loop_->post_from_any_thread(std::move(run));
    return true;
}

AsioLoop::AsioLoop()
    : work_(boost::asio::make_work_guard(context_)), timer_(context_), gate_(std::make_shared<LoopGate>()) {
    gate_->loop_ = this;
}

AsioLoop::~AsioLoop() {
    const std::lock_guard lock(gate_->mutex_);
    gate_->loop_ = nullptr;
}

TimePoint AsioLoop::now() const {
    timespec at{};
    DST_ASSERT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    return {at.tv_sec * ns_per_second + at.tv_nsec};
}

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
    context_.run();
}

void AsioLoop::stop() {
    boost::asio::post(context_, [this] { context_.stop(); });
}

void AsioLoop::post_from_any_thread(std::function<void()> run) { boost::asio::post(context_, std::move(run)); }

void AsioLoop::wake() {
    if (!in_turn_) schedule_turn();
}

void AsioLoop::schedule_turn() {
    if (turn_scheduled_) return;
    turn_scheduled_ = true;
    // From the loop's own thread this goes to a list of that thread: no lock, no system call.
    boost::asio::post(context_, [this] {
        turn_scheduled_ = false;
        turn();
    });
}

void AsioLoop::turn() {
    in_turn_ = true;
    int rounds = 0;
    do {
        run_ready();
    } while (has_posted() && ++rounds < rounds_max);
    in_turn_ = false;
    if (has_posted()) schedule_turn();
    arm_timer();
}

void AsioLoop::arm_timer() {
    const std::optional<TimePoint> due = next_due();
    // A timer that fires too early does no harm, so one that moved away or stopped is left as it is.
    if (!due || (armed_ && *armed_ <= *due)) return;
    armed_ = due;
    const std::uint64_t arming = ++arming_;
    timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due->ns)));
    timer_.async_wait([this, arming](const boost::system::error_code&) {
        if (arming != arming_) return;
        armed_.reset();
        turn();
    });
}

}  // namespace dst
