#include <algorithm>

#include "block/assert.h"
#include "simworld/sim_connection.h"

namespace dst::sim {

SimLink::SimLink(SimLoop& loop, std::shared_ptr<SimConnection> connection, unsigned end, std::string peer)
    : loop_(loop), connection_(std::move(connection)), end_(end), peer_(std::move(peer)) {
    connection_->ends[end_] = this;
}

void SimLink::connect() {
    DST_ASSERT(end_ == 0);
    connection_->start();
}

std::size_t SimLink::read(Pieces into) {
    if (closed_ || connection_->silent[end_]) return 0;
    SimConnection::Direction& direction = connection_->directions[1 - end_];
    const std::uint64_t asked = total_size(into);
    std::size_t take = std::min<std::size_t>(asked, direction.arrived.size());
    // A read may well give less than is there.
    if (take > 1 && loop_.chance(200)) take = 1 + loop_.below(take);
    std::size_t done = 0;
    for (const Piece& piece : into) {
        const std::size_t part = std::min(piece.size, take - done);
        std::copy_n(direction.arrived.data() + done, part, piece.data);
        done += part;
    }
    direction.arrived.pop(take);
    if (take < asked) {
        read_armed_ = true;
        arrived();
    }
    if (take > 0) connection_->move(1 - end_);
    return take;
}

std::size_t SimLink::write(Pieces from) {
    if (closed_ || connection_->silent[end_] || connection_->state != SimConnection::State::open) return 0;
    SimConnection::Direction& direction = connection_->directions[end_];
    const std::uint64_t given = total_size(from);
    const std::size_t window = connection_->network.options().window_bytes;
    std::size_t take = std::min<std::size_t>(given, window - std::min(window, direction.under_way.size()));
    if (take > 1 && loop_.chance(200)) take = 1 + loop_.below(take);
    std::size_t done = 0;
    for (const Piece& piece : from) {
        const std::size_t part = std::min(piece.size, take - done);
        direction.under_way.push(piece.data, part);
        done += part;
    }
    if (take < given) {
        write_armed_ = true;
        room();
    }
    connection_->move(end_);
    return take;
}

void SimLink::close() {
    if (closed_) return;
    closed_ = true;
    connection_->close_end(end_);
}

void SimLink::arrived() {
    const SimConnection::Direction& direction = connection_->directions[1 - end_];
    if (closed_ || connection_->silent[end_]) return;
    if (read_armed_ && !direction.arrived.empty()) {
        read_armed_ = false;
        tell_readable_ = true;
        notify_soon();
    }
    if (direction.finished && direction.under_way.empty() && direction.arrived.empty()) {
        over({Errc::disconnected, "closed by " + peer_});
    }
}

void SimLink::room() {
    if (closed_ || !write_armed_ || connection_->silent[end_]) return;
    if (connection_->directions[end_].under_way.size() >= connection_->network.options().window_bytes) return;
    write_armed_ = false;
    tell_writable_ = true;
    notify_soon();
}

void SimLink::stands() {
    tell_stands_ = true;
    notify_soon();
}

void SimLink::over(const Error& why) {
    if (closed_ || tell_over_ != nullptr) return;
    tell_over_ = std::make_unique<Error>(why);
    notify_soon();
}

void SimLink::notify_soon() {
    if (notify_scheduled_) return;
    notify_scheduled_ = true;
    loop_.after(Duration::zero(), [this, guard = std::weak_ptr<int>(alive_)] {
        if (!guard.expired()) notify();
    });
}

// One notice at a time: each may close the link or destroy what is behind the observer.
void SimLink::notify() {
    notify_scheduled_ = false;
    if (closed_ || connection_->silent[end_] || observer_ == nullptr) return;
    const bool more = static_cast<int>(tell_stands_) + static_cast<int>(tell_readable_) +
                          static_cast<int>(tell_writable_) + static_cast<int>(tell_over_ != nullptr) >
                      1;
    if (more) notify_soon();
    if (std::exchange(tell_stands_, false)) return observer_->on_connected();
    if (std::exchange(tell_readable_, false)) return observer_->on_readable();
    if (tell_over_ == nullptr) {
        if (std::exchange(tell_writable_, false)) observer_->on_writable();
        return;
    }
    const Error why = *tell_over_;
    tell_over_.reset();
    closed_ = true;
    connection_->close_end(end_);
    observer_->on_closed(why);
}

}  // namespace dst::sim
