#include "session/server_session.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "session/server_session_impl.h"

namespace dst {
namespace {

/// For running requests when the session is closed in order.
constexpr Duration drain_limit = std::chrono::seconds(2);
/// For the peer to take its last frame and close.
constexpr Duration farewell_limit = std::chrono::seconds(1);

}  // namespace

ServerSession::ServerSession(Loop& loop, EventSink& events, std::unique_ptr<Link> link, ExportDirectory& exports,
                             std::function<void(ServerSession&)> ended, const SessionLimits& limits)
    : impl_(std::make_unique<ServerSessionImpl>(*this, loop, events, std::move(link), exports, std::move(ended),
                                                limits)) {}
ServerSession::~ServerSession() = default;

void ServerSession::close(const Error& why, std::function<void()> closed) { impl_->close(why, std::move(closed)); }
void ServerSession::cut() { impl_->cut(); }
const Medium* ServerSession::medium() const noexcept { return impl_->medium(); }
const std::string& ServerSession::export_name() const noexcept { return impl_->export_name(); }
const std::string& ServerSession::peer() const noexcept { return impl_->peer(); }
const std::string& ServerSession::head() const noexcept { return impl_->head(); }

ServerSessionImpl::ServerSessionImpl(ServerSession& session, Loop& loop, EventSink& events, std::unique_ptr<Link> link,
                                     ExportDirectory& exports, std::function<void(ServerSession&)> ended,
                                     const SessionLimits& limits)
    : session_(session),
      loop_(loop),
      events_(events),
      link_(std::move(link)),
      exports_(exports),
      ended_(std::move(ended)),
      limits_(limits),
      peer_(link_->peer()),
      control_in_(wire::control_bytes_max),
      receive_task_(loop, [this] { receive(); }),
      flush_task_(loop, [this] { flush(); }),
      end_task_(loop, [this] { check_ended(); }),
      tick_timer_(loop, [this] { tick(); }),
      open_timer_(loop, [this] { not_opened(); }),
      end_timer_(loop, [this] { state_ == State::draining ? finish(close_reason_, true) : cut(); }),
      waiter_(receive_task_),
      guest_waiter_(receive_task_),
      began_(loop.now()),
      heard_(began_),
      moved_(began_) {
    DST_ASSERT(limits_.requests_max > 0 && limits_.request_bytes_max <= wire::payload_bytes_max);
    link_->set_observer(this);
    tick_timer_.start(std::min({limits_.open_timeout, limits_.idle_timeout, limits_.stall_timeout}) / 4);
}

ServerSessionImpl::~ServerSessionImpl() { DST_ASSERT(state_ == State::ended && running_ == 0); }

void ServerSessionImpl::close(const Error& why, std::function<void()> closed) {
    DST_ASSERT(!closed_);
    closed_ = std::move(closed);
    if (state_ >= State::draining) return;
    close_reason_ = why;
    // What was read and not started goes with the connection: its head asks again elsewhere.
    state_ = State::draining;
    end_timer_.start(drain_limit);
    work_ended();
}

void ServerSessionImpl::on_readable() {
    reader_.readable();
    if (state_ >= State::draining) return discard();
    receive();
}

void ServerSessionImpl::on_writable() {
    writer_.writable();
    flush();
}

void ServerSessionImpl::on_closed(const Error& why) {
    if (state_ == State::serving) {
        report(Severity::info, "session-lost",
               who() + " is gone (" + why.text + "); what runs on " + open_.export_name + " for it is ended");
    }
    cut();
}

void ServerSessionImpl::tick() {
    if (state_ >= State::cut) return;
    const TimePoint now = loop_.now();
    // What the link took may still wait in this machine for a peer that reads nothing.
    const std::uint64_t taken_bytes = writer_.sent_bytes() - std::min(writer_.sent_bytes(), link_->untaken_bytes());
    const bool takes = taken_bytes != std::exchange(moved_bytes_, taken_bytes);
    if (takes || writer_.idle()) moved_ = now;
    const bool sends = reader_.received_bytes() != std::exchange(heard_bytes_, reader_.received_bytes());
    if (takes || sends || running_ > 0 || !may_take_more()) heard_ = now;
    if (state_ < State::opening && now - began_ >= limits_.open_timeout) {
        give_up("has not opened an export in time");
    } else if (state_ == State::opening && now - began_ >= limits_.open_timeout + limits_.stall_timeout) {
        // Nothing is read from it meanwhile, so that it may be gone for long.
        report(Severity::info, "session-refused",
               who() + " is told nothing: the disk does not answer; it may ask again");
        cut();
    } else if (now - moved_ >= limits_.stall_timeout) {
        give_up("has answers waiting and takes nothing of them; its machine or process may hang");
    } else if (state_ == State::serving && now - heard_ >= limits_.idle_timeout) {
        give_up("gives no sign of life");
    } else {
        tick_timer_.start(std::min({limits_.open_timeout, limits_.idle_timeout, limits_.stall_timeout}) / 4);
    }
}

void ServerSessionImpl::flush() {
    if (link_ == nullptr) return;
    writer_.flush(*link_);
}

void ServerSessionImpl::discard() {
    // Only to notice that the peer has closed; end_timer_ bounds a peer that goes on sending.
    const Piece piece{control_in_.data(), control_in_.size()};
    for (unsigned i = 0; i < 64 && link_ != nullptr; ++i) {
        if (link_->read(Pieces(&piece, 1)) < piece.size) return;
    }
}

void ServerSessionImpl::protocol_failure(const Error& why) {
    report(Severity::warning, "protocol-error", who() + ": " + to_string(why) + "; the connection is closed");
    cut();
}

void ServerSessionImpl::give_up(const char* what_the_peer_does) {
    report(Severity::warning, "session-timed-out", who() + " " + what_the_peer_does + "; the connection is closed");
    cut();
}

void ServerSessionImpl::finish(const Error& why, bool tell) {
    if (state_ >= State::finishing) return;
    state_ = State::finishing;
    if (tell) {
        Work& work = works_.take();
        work.session = this;
        work.order = {};
        work.order.kind = wire::Kind::close;
        answer_error(work, why);
    }
    end_timer_.start(farewell_limit);
    flush_task_.post();
}

void ServerSessionImpl::cut() {
    if (state_ >= State::cut) return;
    state_ = State::cut;
    closing = true;
    tick_timer_.stop();
    end_timer_.stop();
    // Nothing of the medium's runs for it any more.
    if (open_timer_.running()) release(*std::exchange(looking_work_, nullptr));
    open_timer_.stop();
    receive_task_.cancel();
    flush_task_.cancel();
    exports_.buffers().stop_waiting(waiter_);
    exports_.guest_buffers().stop_waiting(guest_waiter_);
    link_->close();
    // This may run inside a callback of the link.
    loop_.defer([link = std::shared_ptr<Link>(std::move(link_))] {});
    writer_.clear([this](OutFrame& frame) { release(*static_cast<Work*>(frame.owner)); });
    if (receiving_ != nullptr) release(*std::exchange(receiving_, nullptr));
    if (closing_work_ != nullptr) release(*std::exchange(closing_work_, nullptr));
    held_ = Held::nothing;
    end_task_.post();
}

void ServerSessionImpl::check_ended() {
    if (state_ != State::cut) return;
    if (looking_work_ != nullptr) {
        // A disk that hangs may not answer for hours, and nobody waits for it any more.
        std::exchange(medium_, nullptr)->detach(*this);
        release(*std::exchange(looking_work_, nullptr));
        --running_;
    }
    if (running_ > 0) return;
    DST_ASSERT(works_.in_use() == 0 && buffer_bytes_ == 0);
    state_ = State::ended;
    if (Medium* medium = std::exchange(medium_, nullptr)) medium->detach(*this);
    fence_ended_.clear();
    loop_.defer([this] {
        // Both may destroy this object, or what holds these functions.
        const auto closed = std::move(closed_);
        const auto ended = std::move(ended_);
        ServerSession& session = session_;
        if (closed) closed();
        if (ended) ended(session);
    });
}

void ServerSessionImpl::report(Severity severity, std::string_view id, const std::string& text) {
    events_.event(severity, id, text, {{"peer", peer_}, {"export", open_.export_name}});
}

std::string ServerSessionImpl::who() const { return open_.head.empty() ? peer_ : open_.head + " at " + peer_; }

}  // namespace dst
