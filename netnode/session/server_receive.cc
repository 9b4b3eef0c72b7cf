#include <string>
#include <utility>

#include "block/assert.h"
#include "session/server_session_impl.h"

namespace dst {
namespace {

/// Frames taken in one go, so that one busy connection does not hold up the others.
constexpr unsigned frames_per_turn = 128;

}  // namespace

void ServerSessionImpl::receive() {
    if (state_ >= State::draining || state_ == State::opening) return;
    if (!handle_held()) return;
    for (unsigned frames = 0; frames < frames_per_turn;) {
        if (!may_take_more()) return;  // goes on when a work ends
        const FrameReader::Step step = reader_.next(*link_);
        if (step == FrameReader::Step::frame) ++frames;
        if (!handle(step)) return;
    }
    receive_task_.post();
}

/// True: go on reading.
bool ServerSessionImpl::handle(FrameReader::Step step) {
    switch (step) {
        case FrameReader::Step::wait: return false;
        case FrameReader::Step::bad: protocol_failure(reader_.error()); return false;
        case FrameReader::Step::header: held_ = Held::header; return handle_held();
        case FrameReader::Step::frame: held_ = Held::frame; return handle_held();
    }
    return false;
}

bool ServerSessionImpl::handle_held() {
    switch (held_) {
        case Held::nothing: return true;
        case Held::header:
            if (!accept_header()) return false;
            held_ = Held::nothing;
            return true;
        case Held::frame:
            if (!accept_frame()) return false;
            held_ = Held::nothing;
            return state_ < State::draining && state_ != State::opening;
    }
    return false;
}

/// False: it has to wait for memory, or the session is over.
bool ServerSessionImpl::accept_header() {
    const wire::Header& order = reader_.header();
    if (const char* wrong = check_order(order)) {
        protocol_failure({Errc::protocol_error, wrong});
        return false;
    }
    if (order.kind == wire::Kind::write) return accept_write_header();
    const Piece piece{control_in_.data(), order.payload_bytes};
    Work& work = works_.take();
    work.piece = piece;
    work.session = this;
    work.order = order;
    receiving_ = &work;
    reader_.receive_into(PieceCursor(Pieces(&work.piece, 1)));
    return true;
}

/// False: it has to wait for memory. What is refused anyway gets none, so that nobody can hold memory of others by
/// headers of writes that it may not do.
bool ServerSessionImpl::accept_write_header() {
    const wire::Header& order = reader_.header();
    Request asked;
    asked.operation = Operation::write;
    asked.extent = order.extent;
    if (const Errc refusal = may_start(asked); refusal != Errc::ok) {
        Work& work = works_.take();
        work.session = this;
        work.order = order;
        work.refusal = refusal;
        receiving_ = &work;
        reader_.receive_nowhere();
        return true;
    }
    receiving_ = take_work(order);
    if (receiving_ == nullptr) return false;
    receiving_->piece = {receiving_->buffer, order.payload_bytes};
    reader_.receive_into(PieceCursor(Pieces(&receiving_->piece, 1)));
    return true;
}

/// False: it has to wait for memory, or the session is over.
bool ServerSessionImpl::accept_frame() {
    const wire::Header& order = reader_.header();
    Work* work = std::exchange(receiving_, nullptr);
    if (work == nullptr) {
        if (const char* wrong = check_order(order)) {
            protocol_failure({Errc::protocol_error, wrong});
            return false;
        }
        work = take_work(order);
        if (work == nullptr) return false;
    }
    switch (order.kind) {
        case wire::Kind::hello: handle_hello(*work); break;
        case wire::Kind::open: handle_open(*work); break;
        case wire::Kind::read:
        case wire::Kind::write:
        case wire::Kind::flush:
        case wire::Kind::unmap:
        case wire::Kind::write_zeroes:
        case wire::Kind::hash: start(*work); break;
        case wire::Kind::ping: start_ping(*work); break;
        case wire::Kind::close:
        case wire::Kind::peek:
        case wire::Kind::probe:
        case wire::Kind::promise:
        case wire::Kind::served:
        case wire::Kind::label: start_control(*work); break;
    }
    return true;
}

/// What is wrong with an order that is a good frame, or null.
const char* ServerSessionImpl::check_order(const wire::Header& order) const noexcept {
    if (order.answer) return "an answer where an order belongs";
    switch (state_) {
        case State::hello: return order.kind == wire::Kind::hello ? nullptr : "an order before HELLO";
        case State::open: return order.kind == wire::Kind::open ? nullptr : "an order before OPEN";
        case State::serving:
            if (order.kind == wire::Kind::hello || order.kind == wire::Kind::open) return "a second HELLO or OPEN";
            if (order.kind == wire::Kind::read || order.kind == wire::Kind::write) {
                return order.extent.length <= limits_.request_bytes_max ? nullptr : "a request over the limit";
            }
            return nullptr;
        case State::opening:
        case State::draining:
        case State::finishing:
        case State::cut:
        case State::ended: break;
    }
    DST_ASSERT(!"nothing is read in this state");
}

bool ServerSessionImpl::may_take_more() const noexcept {
    return held_ == Held::nothing && (receiving_ != nullptr || works_.in_use() < limits_.requests_max);
}

}  // namespace dst
