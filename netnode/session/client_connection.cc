#include "session/client_connection.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

/// Places kept free of jobs, for a ping and an order beside the data path.
constexpr std::uint32_t reserved_requests = 2;

}  // namespace

ClientConnection::ClientConnection(Loop& loop, const RemoteLeafOptions& options, Owner& owner)
    : loop_(loop), options_(options), owner_(owner), control_in_(wire::control_bytes_max), timer_(loop, [this] {
          tick();
      }) {}

ClientConnection::~ClientConnection() { DST_ASSERT(state_ == State::closed); }

void ClientConnection::start(std::unique_ptr<Link> link, wire::Open open) {
    DST_ASSERT(state_ == State::closed && active_ == 0);
    ++life_;
    link_ = std::move(link);
    open_ = std::move(open);
    reader_ = FrameReader();
    checksums_ = true;
    netnode_program_.clear();
    ping_since_.reset();
    heard_bytes_ = 0;
    life_was_open_ = false;
    state_ = State::connecting;
    timer_.start(options_.connect_timeout);
    link_->set_observer(this);
    link_->connect();
}

void ClientConnection::cut(const Error& why) {
    if (state_ == State::closed) return;
    state_ = State::closed;
    ++life_;
    timer_.stop();
    // First the link, so that nothing touches the memory of requests that end now (M12).
    link_->close();
    loop_.defer([link = std::shared_ptr<Link>(std::move(link_))] {});
    writer_.clear([](OutFrame&) {});
    for (const auto& exchange : exchanges_) {
        if (!exchange->active) continue;
        Job* job = exchange->job;
        release(*exchange);
        if (job != nullptr) owner_.part_lost(*job);
    }
    DST_ASSERT(active_ == 0 && active_bytes_ == 0);
    if (control_done_) loop_.defer([done = std::exchange(control_done_, nullptr), why] { done(why); });
}

void ClientConnection::say_close() {
    if (state_ == State::open && !writer_.blocked()) {
        send(take_exchange(wire::Kind::close), {});
        flush();
    }
    cut({Errc::cancelled, "closed"});
}

bool ClientConnection::takes(std::uint64_t payload_bytes) const noexcept {
    if (state_ != State::open) return false;
    const std::uint32_t limit = std::min<std::uint32_t>(opened_as_.requests_max, exchanges_max - 8);
    if (active_ > 0 && active_ + reserved_requests >= limit) return false;
    return active_bytes_ == 0 || active_bytes_ + payload_bytes <= opened_as_.buffer_bytes_max;
}

void ClientConnection::issue(Job& job, const wire::Header& order, const PieceCursor& payload) {
    DST_ASSERT(state_ == State::open);
    Exchange& exchange = take_exchange(order.kind);
    const std::uint64_t number = exchange.order.request;
    exchange.order = order;
    exchange.order.request = number;
    exchange.job = &job;
    exchange.counted_bytes = payload.remaining();
    active_bytes_ += exchange.counted_bytes;
    ++job.outstanding;
    if (order.kind == wire::Kind::write) return send(exchange, payload);
    exchange.answer = payload;
    send(exchange, {});
}

void ClientConnection::flush() {
    if (link_ != nullptr && state_ != State::connecting) writer_.flush(*link_);
}

void ClientConnection::control(wire::Kind kind, Bytes payload, ControlDone done) {
    DST_ASSERT(state_ == State::open && !control_done_);
    control_done_ = std::move(done);
    send_control(kind, std::move(payload));
    flush();
}

void ClientConnection::send_control(wire::Kind kind, Bytes payload) {
    control_out_ = std::move(payload);
    control_piece_ = {control_out_.data(), control_out_.size()};
    send(take_exchange(kind), PieceCursor(Pieces(&control_piece_, 1)));
}

ClientConnection::Exchange& ClientConnection::take_exchange(wire::Kind kind) {
    if (free_.empty()) {
        DST_ASSERT(exchanges_.size() < exchanges_max);
        free_.push_back(exchanges_.size());
        exchanges_.push_back(std::make_unique<Exchange>());
        free_.reserve(exchanges_.capacity());
    }
    const std::size_t index = free_.back();
    free_.pop_back();
    Exchange& exchange = *exchanges_[index];
    exchange.order = {};
    exchange.order.kind = kind;
    exchange.order.request = ++exchange.uses * exchanges_max + index + 1;
    exchange.job = nullptr;
    exchange.answer = {};
    exchange.counted_bytes = 0;
    exchange.since = loop_.now();
    exchange.active = true;
    ++active_;
    return exchange;
}

void ClientConnection::release(Exchange& exchange) noexcept {
    exchange.active = false;
    exchange.sending = false;
    exchange.job = nullptr;
    --active_;
    active_bytes_ -= exchange.counted_bytes;
    free_.push_back((exchange.order.request - 1) % exchanges_max);
}

void ClientConnection::send(Exchange& exchange, const PieceCursor& payload) {
    exchange.out.prepare(exchange.order, payload, checksums_ || exchange.order.kind == wire::Kind::hello);
    exchange.out.owner = &exchange;
    exchange.out.sent = [](OutFrame& frame) { static_cast<Exchange*>(frame.owner)->sending = false; };
    exchange.sending = true;
    writer_.push(exchange.out);
}

void ClientConnection::on_connected() {
    state_ = State::hello;
    wire::Hello hello;
    hello.version_min = hello.version_max = wire::protocol_version;
    hello.features = wire::known_features;
    hello.program = std::string(std::string_view(options_.program).substr(0, wire::name_bytes_max));
    send_control(wire::Kind::hello, wire::encode(hello));
    flush();
}

void ClientConnection::on_readable() {
    reader_.readable();
    receive();
}

void ClientConnection::on_writable() {
    writer_.writable();
    flush();
}

void ClientConnection::on_closed(const Error& why) {
    if (state_ != State::hello) return fail(why);
    fail({why.code, why.text + ", before it said anything; it may allow this machine no export, or have too many "
                               "connections: see its log"});
}

void ClientConnection::fail(const Error& why) {
    DST_ASSERT(state_ != State::closed);
    cut(why);
    owner_.lost(*this, why);
}

void ClientConnection::tick() {
    const TimePoint now = loop_.now();
    switch (state_) {
        case State::closed: return;
        case State::connecting:
        case State::hello:
        case State::opening: return fail({Errc::timed_out, options_.name + " does not answer"});
        case State::open: break;
    }
    if (const std::optional<Error> why = overdue(now)) return fail(*why);
    check_life(now);
    timer_.start(options_.ping_interval);
}

std::optional<Error> ClientConnection::overdue(TimePoint now) const {
    const bool heard_now = reader_.received_bytes() != heard_bytes_;
    if (ping_since_ && !heard_now && now - std::max(*ping_since_, heard_) >= options_.ping_timeout) {
        return Error{Errc::timed_out, options_.name + " gives no sign of life, or its disk hangs"};
    }
    for (const auto& exchange : exchanges_) {
        if (!exchange->active || exchange->order.kind == wire::Kind::ping) continue;
        const Duration limit = exchange->job != nullptr ? options_.request_timeout : options_.answer_timeout;
        if (now - exchange->since < limit) continue;
        return Error{Errc::timed_out, options_.name + " has not answered a " +
                                          std::string(wire::to_string(exchange->order.kind)) + " for " +
                                          std::to_string(limit / std::chrono::seconds(1)) + " s"};
    }
    return std::nullopt;
}

void ClientConnection::check_life(TimePoint now) {
    if (reader_.received_bytes() != heard_bytes_) {
        heard_bytes_ = reader_.received_bytes();
        heard_ = now;
    } else if (!ping_since_ && now - heard_ >= options_.ping_interval) {
        ping_since_ = now;
        send(take_exchange(wire::Kind::ping), {});
        flush();
    }
}

}  // namespace dst
