#include "disk/file_disk.h"

#include <utility>

#include "block/assert.h"
#include "disk/disk_engine.h"

namespace dst {
namespace {

constexpr Duration tick_interval = std::chrono::seconds(1);
constexpr Duration submit_retry = std::chrono::milliseconds(1);
/// What a closing disk gives the kernel before it leaves the rest to a thread.
constexpr Duration close_grace = std::chrono::seconds(1);
constexpr Duration hang_warning = std::chrono::seconds(10);
/// The same kind of error is told again after this time.
constexpr Duration failure_again = std::chrono::seconds(60);
/// Steps of running requests in one go, before others on the loop get their turn.
constexpr int rounds_max = 8;
/// Requests that are begun in one round; some are answered at once, and those behind them may beget more.
constexpr int starts_max = 64;

std::string seconds(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

FileDisk::FileDisk(AsioLoop& loop, EventSink& events, std::string path, DiskOptions options)
    : loop_(loop),
      events_(events),
      path_(std::move(path)),
      options_(std::move(options)),
      pump_(loop, [this] { pump(); }),
      down_notice_(loop, [this] { notify_down(why_down_); }),
      tick_(loop, [this] { tick(); }),
      call_limit_(loop, [this] { check_hang(); }),
      retry_(loop, [this] { pump(); }),
      grace_(loop, [this] { abandon_engine(); }) {}

FileDisk::~FileDisk() { DST_ASSERT(!engine_ && waiting_.empty()); }

bool FileDisk::direct() const noexcept { return engine_ && engine_->medium().direct; }

bool FileDisk::cached_reads() const noexcept { return engine_ && engine_->medium().page_cache; }

void FileDisk::open() {
    DST_ASSERT(state_ == State::down);
    if (engine_) {
        tell_down({Errc::busy, path_ + ": the kernel still holds requests from before; waiting for it to let go"});
        return;
    }
    state_ = State::opening;
    start_opening();
}

void FileDisk::start_opening() {
    if (!worker_) worker_ = std::make_unique<Worker>(loop_);
    call_limit_.start(call_limit_max);
    const std::uint64_t call = ++call_;
    auto medium = std::make_shared<Result<OpenedMedium>>(Error{});
    worker_->run([medium, path = path_, options = options_] { *medium = open_medium(path, options); },
                 [this, medium, call](Errc code) {
                     if (call != call_) return;
                     if (code != Errc::ok) *medium = Error{code, path_ + ": no thread to open it with"};
                     opened(std::move(*medium));
                 });
}

void FileDisk::opened(Result<OpenedMedium> medium) {
    call_limit_.stop();
    if (medium.has_error()) {
        state_ = State::down;
        tell_down(medium.error());
        return;
    }
    Result<std::unique_ptr<Ring>> ring = Ring::make();
    if (ring.has_error()) {
        state_ = State::down;
        tell_down({ring.error().code, path_ + ": " + ring.error().text});
        return;
    }
    geometry_ = medium->geometry;
    incarnation_ = medium->incarnation->incarnation();
    if (!medium->incarnation->problem().empty()) {
        events_.event(Severity::warning, "incarnation-not-kept",
                      "the incarnation of a disk cannot be kept: after every restart its mirror takes unflushed writes "
                      "for lost; check the run directory",
                      {{"disk", path_}, {"reason", medium->incarnation->problem()}});
    }
    engine_ = std::make_unique<DiskEngine>(std::move(*medium), std::move(*ring), options_.own_buffers);
    loop_.add(*this, engine_->ring().fd());
    state_ = State::up;
    warned_hang_ = false;
    warned_deleted_ = false;
    notify_up();
}

void FileDisk::tell_down(const Error& why) {
    why_down_ = why;
    down_notice_.post();
}

void FileDisk::submit(Request& request) {
    if (state_ != State::up) {
        loop_.complete_later(request, Errc::disconnected);
        return;
    }
    if (const Errc code = check_request(request, geometry_); code != Errc::ok) {
        loop_.complete_later(request, code);
        return;
    }
    waiting_.push_back(request);
    pump_.post();
}

/// True when it left off before it had to.
bool FileDisk::start_waiting() {
    if (waiting_.empty() || state_ != State::up) return false;
    // A file that was cut reads as zeroes up to where the next write makes it long again.
    if (!engine_->medium().block_device && !medium_stands()) return false;
    const TimePoint now = loop_.now();
    int begun = 0;
    while (!waiting_.empty() && ++begun <= starts_max) {
        Request& request = waiting_.front();
        waiting_.pop_front();
        if (!engine_->start(request, now)) {
            waiting_.push_front(request);
            break;
        }
    }
    active_ = true;
    if (!tick_.running()) tick_.start(tick_interval);
    return begun > starts_max;
}

void FileDisk::pump() {
    if (!engine_) return;
    bool more = true;
    for (int round = 0; more && round < rounds_max; ++round) {
        const bool left_off = start_waiting();
        if (engine_->ring().submit() != 0) retry_.start(submit_retry);
        more = engine_->reap() || left_off;
    }
    if (more) pump_.post();
    look_after();
}

bool FileDisk::look() {
    if (!engine_->ring().has_completions()) return false;
    pump();
    return true;
}

/// One event for each kind of error and minute, however many requests fail.
void FileDisk::tell_failure() {
    const std::optional<DiskEngine::Failure> failure = engine_->take_failure();
    if (!failure) return;
    const TimePoint now = loop_.now();
    if (failure->code == told_failure_ && now - failure_told_ < failure_again) return;
    told_failure_ = failure->code;
    failure_told_ = now;
    events_.event(Severity::error, "disk-error",
                  failure->code == Errc::no_space
                      ? "a disk has no room left for what is written to it: its filesystem is full; requests fail "
                        "until there is room"
                      : "a disk could not carry out a request, which failed; check the disk and the kernel's log",
                  {{"disk", path_},
                   {"error", std::string(to_string(failure->code))},
                   {"operation", std::string(to_string(failure->operation))},
                   {"offset", std::to_string(failure->extent.offset)},
                   {"length", std::to_string(failure->extent.length)}});
}

void FileDisk::look_after() {
    tell_failure();
    if (state_ == State::up && engine_->flush_failed()) {
        events_.event(
            Severity::error, "disk-flush-failed",
            "a disk failed to make its writes durable; what was written since the flush before may be lost, so "
            "it is taken down and opened anew as a disk that may have forgotten; check the disk",
            {{"disk", path_}});
        go_down({Errc::incarnation_changed, path_ + ": a flush failed"}, Errc::io_error);
    }
    if (state_ == State::up && engine_->take_suspicion()) static_cast<void>(medium_stands());
    if (engine_->idle() && (state_ == State::down || state_ == State::closing)) drained();
}

void FileDisk::tick() {
    if (!engine_) return;
    if (state_ == State::up && active_ && medium_stands()) look_for_deletion();
    active_ = false;
    const std::optional<TimePoint> oldest = engine_->oldest();
    if (!oldest) return;
    tick_.start(tick_interval);
    if (state_ != State::up) return;
    const Duration age = loop_.now() - *oldest;
    if (options_.own_buffers && age >= options_.answer_limit) {
        events_.event(Severity::error, "disk-timed-out",
                      "a disk has not answered in time; its requests are ended and it is taken down until it answers",
                      {{"disk", path_}, {"limit", seconds(options_.answer_limit)}});
        go_down({Errc::timed_out, path_ + ": no answer within " + seconds(options_.answer_limit)}, Errc::timed_out);
    } else if (age >= hang_warning && !warned_hang_) {
        warned_hang_ = true;
        events_.event(Severity::warning, "disk-slow", "a disk has not answered for a long time; check it",
                      {{"disk", path_}, {"seconds", seconds(age)}});
    }
}

bool FileDisk::medium_stands() {
    const OpenedMedium& medium = engine_->medium();
    const std::uint64_t size_bytes = medium_size_bytes(medium.fd->get(), medium.block_device);
    if (size_bytes < geometry_.size_bytes) {
        const std::string now = size_bytes == 0 ? "has gone" : "has shrunk to " + std::to_string(size_bytes) + " bytes";
        events_.event(
            Severity::error, "disk-gone",
            "a disk has gone or become smaller while it was in use; it is taken down until it is back whole",
            {{"disk", path_}, {"was", std::to_string(geometry_.size_bytes)}, {"is", std::to_string(size_bytes)}});
        medium.incarnation->drop();
        go_down({Errc::not_found, path_ + " " + now}, Errc::io_error);
        return false;
    }
    return true;
}

void FileDisk::look_for_deletion() {
    if (!warned_deleted_ && medium_deleted(engine_->medium().fd->get())) {
        warned_deleted_ = true;
        events_.event(Severity::warning, "disk-deleted",
                      "the file of a disk was deleted while in use; its data last until the disk is closed",
                      {{"disk", path_}});
    }
}

void FileDisk::go_down(const Error& why, Errc unanswered) {
    state_ = State::down;
    give_up_looks({Errc::disconnected, path_ + " went down"});
    give_back_waiting(unanswered);
    engine_->cut(loop_, unanswered);
    tell_down(why);
    pump_.post();
}

void FileDisk::cut(const Error& why) {
    if (state_ == State::up) go_down({why.code, path_ + ": " + why.text}, Errc::disconnected);
}

void FileDisk::give_back_waiting(Errc code) {
    while (!waiting_.empty()) {
        Request& request = waiting_.front();
        waiting_.pop_front();
        loop_.complete_later(request, code);
    }
}

void FileDisk::drained() {
    loop_.remove(*this);
    engine_.reset();
    tick_.stop();
    retry_.stop();
    grace_.stop();
    if (state_ != State::closing) return;
    state_ = State::closed;
    loop_.defer(std::exchange(closed_, nullptr));
}

void FileDisk::close(std::function<void()> closed) {
    DST_ASSERT(state_ != State::closing && state_ != State::closed);
    state_ = State::closing;
    closed_ = std::move(closed);
    down_notice_.cancel();
    give_up_looks({Errc::cancelled, path_ + " is being closed"});
    worker_.reset();
    give_back_waiting(Errc::cancelled);
    if (!engine_) {
        drained();
        return;
    }
    engine_->cut(loop_, Errc::cancelled);
    // On the caller's memory only the kernel can end a request, however long that takes.
    if (options_.own_buffers) grace_.start(close_grace);
    pump_.post();
}

void FileDisk::abandon_engine() {
    events_.event(Severity::warning, "disk-close-hangs",
                  "a disk is closed while the kernel still holds requests; it stays locked until the kernel lets go",
                  {{"disk", path_}});
    loop_.remove(*this);
    DiskEngine::abandon(std::move(engine_));
    drained();
}

}  // namespace dst
