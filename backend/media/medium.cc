#include "media/medium.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "media/label_operation.h"

namespace dst {
namespace {

// A label copy is written as one block.
constexpr std::uint32_t logical_block_bytes_max = 4096;

}  // namespace

Medium::Medium(Loop& loop, EventSink& events, std::unique_ptr<RawMedium> raw)
    : loop_(loop),
      events_(events),
      raw_(std::move(raw)),
      area_(*raw_),
      next_task_(loop, [this] { run_next(); }),
      waiters_task_(loop, [this] { check_waiters(); }),
      fence_timer_(loop, [this] { check_waiters(); }),
      backoff_timer_(loop, [this] { reopen(); }) {
    raw_->set_observer(this);
}

Medium::~Medium() {
    DST_ASSERT(sessions_.empty());
    DST_ASSERT(operations_.empty());
}

void Medium::open() {
    DST_ASSERT(state_ == State::idle);
    state_ = State::opening;
    raw_->open();
}

void Medium::reopen() {
    DST_ASSERT(state_ == State::down);
    if (raw_->up()) {
        on_up(*raw_);
    } else {
        state_ = State::opening;
        raw_->open();
    }
}

void Medium::close(std::function<void()> closed) {
    DST_ASSERT(state_ != State::closing);
    const bool opened = state_ != State::idle;
    state_ = State::closing;
    backoff_timer_.stop();
    area_.stop();
    waiters_task_.post();
    auto end = [this, closed = std::move(closed)] {
        DST_ASSERT(area_.idle());
        while (!operations_.empty()) finish({Errc::cancelled, "the medium " + name() + " is being closed"});
        next_task_.cancel();
        check_waiters();
        closed();
    };
    if (opened) {
        raw_->close(std::move(end));
    } else {
        loop_.defer(std::move(end));
    }
}

void Medium::on_up(BlockDevice&) {
    if (state_ == State::closing) return;
    if (state_ == State::up) go_down({Errc::disconnected, "the medium " + name() + " was opened anew"});
    backoff_timer_.stop();
    state_ = State::opening;
    found_ = raw_->geometry();
    const std::uint64_t size_bytes = leaf_size_bytes(found_.size_bytes);
    if (size_bytes == 0) {
        refuse({Errc::too_large, "the medium " + name() + " has " + std::to_string(found_.size_bytes) +
                                     " bytes, too few for its label area of " + std::to_string(label_area_bytes)});
        return;
    }
    if (found_.logical_block_bytes > logical_block_bytes_max) {
        refuse({Errc::not_supported, "the medium " + name() + " has logical blocks of " +
                                         std::to_string(found_.logical_block_bytes) + " bytes, DST takes up to " +
                                         std::to_string(logical_block_bytes_max)});
        return;
    }
    area_.set_medium_bytes(found_.size_bytes);
    found_.size_bytes = size_bytes;
    state_ = State::reading_label;
    reread_ = true;
    // Else a label operation that was interrupted by going down has not ended yet; its end comes back to it.
    if (area_.idle()) read_label();
}

void Medium::on_down(BlockDevice&, const Error& why) {
    if (state_ == State::closing || std::exchange(refused_, false)) return;
    go_down(why);
    try_again_later();
}

void Medium::try_again_later() {
    backoff_timer_.start(backoff_);
    backoff_ = std::min(2 * backoff_, backoff_max);
}

void Medium::read_label() {
    reread_ = false;
    area_.forget_what_is_durable();
    area_.read([this](Errc code) { label_read(code); });
}

void Medium::label_read(Errc code) {
    if (state_ != State::reading_label) return;
    if (reread_) {
        read_label();
        return;
    }
    if (code != Errc::ok) {
        go_down({code, "the label on " + name() + " could not be read"});
        try_again_later();
        return;
    }
    if (const Error why = gate_ ? gate_(area_.choice(), found_) : Error{Errc::ok, {}}; why.code != Errc::ok) {
        refuse(why);
        return;
    }
    state_ = State::up;
    geometry_ = found_;
    backoff_ = backoff_min;
    last_error_ = {Errc::ok, {}};
    const LabelChoice& choice = area_.choice();
    promised_ = choice.label ? choice.label->promised : Epoch{};
    events_.event(Severity::info, "medium-up", "the medium is open",
                  {{"medium", name()}, {"size_bytes", std::to_string(geometry_.size_bytes)}, {"label", label_text()}});
    if (choice.one_copy_bad) tell_copy_bad();
    tell([](Session& session) { session.on_medium_up(); });
}

/// Lets go of the raw medium: when it is opened again, another one may be in its place.
void Medium::refuse(const Error& why) {
    go_down(why);
    raw_->cut(why);
    refused_ = !raw_->up();
    try_again_later();
}

void Medium::go_down(const Error& why) {
    const bool was_up = state_ == State::up;
    state_ = State::down;
    if (!was_up && why == last_error_) return;
    last_error_ = why;
    tell_why_down(why);
    waiters_task_.post();
    tell([&why](Session& session) { session.on_medium_down(why); });
}

void Medium::tell_why_down(const Error& why) {
    const bool judged = raw_->up();  // else it could not even be opened
    if (why.code == Errc::refused && judged) {
        events_.event(Severity::error, "medium-refused",
                      name() + " is not used as it is: " + why.text +
                          "; it is looked at until the right one is there. A mirror may take it in and fill it anew, "
                          "and says so",
                      {{"medium", name()}});
    } else if (why.code == Errc::changed) {
        events_.event(Severity::notice, "medium-replaced",
                      why.text + "; nobody uses what was open, so it is closed, and what is there now is opened",
                      {{"medium", name()}});
    } else {
        events_.event(Severity::warning, "medium-down",
                      "the medium is not usable; it is tried again until it is back: " + to_string(why),
                      {{"medium", name()}, {"error", std::string(to_token(why.code))}});
    }
}

/// Takes down the medium that is open, for the one that its name stands for now.
void Medium::open_anew(NameFinding found) {
    const char* const what = found == NameFinding::another  ? "names another medium than before"
                             : found == NameFinding::shrunk ? "has become smaller"
                                                            : "has grown";
    const Error why{Errc::changed, name() + " " + what};
    go_down(why);
    raw_->cut(why);
    refused_ = !raw_->up();
    backoff_timer_.start(replace_pause);
}

void Medium::tell(const std::function<void(Session&)>& what) {
    const std::vector<Session*> sessions = sessions_;
    for (Session* session : sessions) {
        if (attached(session)) what(*session);
    }
}

Error Medium::not_up() const {
    if (state_ == State::closing) return {Errc::cancelled, "the medium " + name() + " is being closed"};
    const std::string why = last_error_.text.empty() ? "it is being opened" : last_error_.text;
    return {Errc::disconnected, "the medium " + name() + " is not open: " + why};
}

void Medium::attach(Session& session) {
    DST_ASSERT(!attached(&session) && state_ != State::closing);
    session.epoch = {};
    session.wrote_without_epoch_ = false;
    sessions_.push_back(&session);
}

void Medium::detach(Session& session) {
    DST_ASSERT(attached(&session));
    std::erase(sessions_, &session);
    forget_operations(session);
    std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.asker == &session; });
    if (std::erase_if(fences_, [&](const Fence& fence) { return fence.session == &session; }) != 0) {
        waiters_task_.post();
    }
}

/// What is queued goes with it: the disk may hang for long, and sessions come and go meanwhile.
void Medium::forget_operations(const Session& session) {
    const auto is_its = [&session](const auto& operation) { return operation->asker == &session; };
    if (running_ && is_its(operations_.front())) operations_.front()->asker = nullptr;
    std::erase_if(operations_, is_its);
}

bool Medium::attached(const Session* session) const noexcept {
    return std::find(sessions_.begin(), sessions_.end(), session) != sessions_.end();
}

Errc Medium::may_submit(Session& session, const Request& request) noexcept {
    if (state_ != State::up) return Errc::disconnected;
    if (session.epoch.none()) {
        if (!changes_data(request.operation)) return Errc::ok;
        if (label_state() != LabelState::absent) return Errc::refused;
        session.wrote_without_epoch_ = true;
        return Errc::ok;
    }
    // M6: what was promised to one head is refused to every other.
    if (session.epoch == promised_ || broken(Rule::m6_fence)) return Errc::ok;
    return session.epoch.number <= promised_.number ? Errc::fenced : Errc::refused;
}

void Medium::submit(Request& request) {
    if (state_ != State::up) {
        loop_.complete_later(request, Errc::disconnected);
    } else if (!request.extent.fits(geometry_.size_bytes)) {
        loop_.complete_later(request, Errc::invalid_argument);
    } else {
        raw_->submit(request);
    }
}

Errc Medium::adopt_epoch(Session& session, const Epoch& epoch) {
    DST_ASSERT(attached(&session));
    if (state_ != State::up) return Errc::disconnected;
    if (epoch.none() || label() == nullptr) return Errc::refused;
    if (epoch != promised_) return epoch.number <= promised_.number ? Errc::fenced : Errc::refused;
    fence_lower(&session, epoch);
    const bool others_run =
        std::any_of(fences_.begin(), fences_.end(), [&](const Fence& fence) { return fence.session != &session; });
    if (others_run) return Errc::busy;
    session.epoch = epoch;
    return Errc::ok;
}

void Medium::fence_lower(const Session* keep, const Epoch& by) {
    const std::vector<Session*> sessions = sessions_;
    for (Session* session : sessions) {
        if (session == keep || session->epoch == by) continue;
        // A session that only looks has nothing that could be fenced.
        if (session->epoch.none() && !session->wrote_without_epoch_) continue;
        fence(*session, by);
    }
}

void Medium::fence(Session& session, const Epoch& by) {
    const bool known =
        std::any_of(fences_.begin(), fences_.end(), [&](const Fence& fence) { return fence.session == &session; });
    if (known || !attached(&session)) return;
    const std::uint64_t id = ++fence_id_;
    fences_.push_back({id, &session});
    session.fence(by, [this, id] { fence_ended(id); });
}

void Medium::fence_ended(std::uint64_t id) {
    const auto found =
        std::find_if(fences_.begin(), fences_.end(), [id](const Fence& fence) { return fence.id == id; });
    if (found == fences_.end()) return;  // detached meanwhile
    found->session->wrote_without_epoch_ = false;
    fences_.erase(found);
    waiters_task_.post();
}

void Medium::replace(Session& asker, const Id& earlier_connection, Callback<void> done) {
    DST_ASSERT(attached(&asker));
    Waiter waiter{&asker, loop_.now() + fence_limit, {}, {}, {}};
    const std::vector<Session*> sessions = sessions_;
    for (Session* session : sessions) {
        if (session != &asker && session->connection == earlier_connection) fence(*session, session->epoch);
    }
    for (const Fence& fence : fences_) {
        if (fence.session != &asker && fence.session->connection == earlier_connection)
            waiter.fences.push_back(fence.id);
    }
    waiter.done = [this, done = std::move(done)](Errc code) {
        if (code == Errc::ok) {
            done({});
        } else {
            done(Error{code,
                       "an earlier connection of this head to " + name() + " has not ended: its requests still run"});
        }
    };
    waiters_.push_back(std::move(waiter));
    waiters_task_.post();
}

void Medium::check_waiters() {
    const TimePoint now = loop_.now();
    std::vector<std::function<void()>> answers;
    std::optional<TimePoint> next;
    std::erase_if(waiters_, [&](Waiter& waiter) {
        std::erase_if(waiter.fences, [&](std::uint64_t id) {
            return std::none_of(fences_.begin(), fences_.end(), [id](const Fence& fence) { return fence.id == id; });
        });
        Errc code = Errc::ok;
        if (state_ == State::closing) {
            code = Errc::cancelled;
        } else if (state_ != State::up) {
            code = Errc::disconnected;
        } else if (!waiter.promised.none() && waiter.promised != promised_) {
            code = Errc::fenced;
        } else if (!waiter.fences.empty()) {
            if (waiter.deadline > now) {
                next = next ? std::min(*next, waiter.deadline) : waiter.deadline;
                return false;
            }
            code = Errc::busy;
        }
        answers.push_back([this, asker = waiter.asker, done = std::move(waiter.done), code] {
            if (attached(asker)) done(code);
        });
        return true;
    });
    if (next) {
        fence_timer_.start(*next - now);
    } else {
        fence_timer_.stop();
    }
    for (const std::function<void()>& answer : answers) answer();
}

}  // namespace dst
