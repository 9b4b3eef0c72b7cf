#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "session/server_session_impl.h"

namespace dst {
namespace {

Operation operation_of(wire::Kind kind) noexcept {
    switch (kind) {
        case wire::Kind::read:
        case wire::Kind::ping: return Operation::read;
        case wire::Kind::write: return Operation::write;
        case wire::Kind::flush: return Operation::flush;
        case wire::Kind::unmap: return Operation::unmap;
        case wire::Kind::write_zeroes: return Operation::write_zeroes;
        case wire::Kind::hash: return Operation::checksum;
        case wire::Kind::hello:
        case wire::Kind::open:
        case wire::Kind::close:
        case wire::Kind::peek:
        case wire::Kind::probe:
        case wire::Kind::promise:
        case wire::Kind::served:
        case wire::Kind::label: break;
    }
    DST_ASSERT(!"not a request");
}

}  // namespace

/// Memory for the payload of a write, or of the answer of others.
std::size_t ServerSessionImpl::buffer_bytes_for(const wire::Header& order, std::uint32_t block_bytes) noexcept {
    switch (order.kind) {
        case wire::Kind::read:
        case wire::Kind::write: return order.extent.length;
        case wire::Kind::hash: return wire::hash_result_bytes(order);
        case wire::Kind::ping: return block_bytes;
        case wire::Kind::hello:
        case wire::Kind::open:
        case wire::Kind::flush:
        case wire::Kind::unmap:
        case wire::Kind::write_zeroes:
        case wire::Kind::close:
        case wire::Kind::peek:
        case wire::Kind::probe:
        case wire::Kind::promise:
        case wire::Kind::served:
        case wire::Kind::label: return 0;
    }
    return 0;
}

/// Null: over the session's share, or no memory now; receive_task_ runs when there may be some.
std::byte* ServerSessionImpl::take_buffer(std::size_t bytes) {
    const std::uint64_t most = guest() ? limits_.guest_buffer_bytes_max : limits_.buffer_bytes_max;
    const std::size_t held = BufferPool::class_bytes(bytes);
    // Then an answer of its own has to go first.
    if (buffer_bytes_ > 0 && buffer_bytes_ + held > most) return nullptr;
    std::byte* buffer = pool().take(bytes, buffer_bytes_);
    if (buffer == nullptr) {
        pool().wait(guest() ? guest_waiter_ : waiter_);
        return nullptr;
    }
    buffer_bytes_ += held;
    return buffer;
}

/// Null: as take_buffer().
ServerSessionImpl::Work* ServerSessionImpl::take_work(const wire::Header& order) {
    const std::uint32_t block_bytes = medium_ == nullptr ? 512 : medium_->geometry().logical_block_bytes;
    const std::size_t bytes = buffer_bytes_for(order, block_bytes);
    std::byte* buffer = nullptr;
    if (bytes > 0) {
        buffer = take_buffer(bytes);
        if (buffer == nullptr) return nullptr;
    }
    Work& work = works_.take();
    work.session = this;
    work.order = order;
    work.pool = &pool();
    work.buffer = buffer;
    work.buffer_bytes = bytes;
    work.piece = {buffer, bytes};
    return &work;
}

void ServerSessionImpl::release(Work& work) {
    if (work.buffer != nullptr) {
        buffer_bytes_ -= BufferPool::class_bytes(work.buffer_bytes);
        work.pool->give_back(std::exchange(work.buffer, nullptr), work.buffer_bytes);
    }
    work.text.clear();
    work.refusal = Errc::ok;
    if (std::exchange(work.control, false)) control_running_ = false;
    works_.give_back(work);
    if (state_ == State::hello || state_ == State::open || state_ == State::serving) receive_task_.post();
}

/// ok, or why it is refused now.
Errc ServerSessionImpl::may_start(const Request& request) noexcept {
    if (fenced_ && !broken(Rule::m6_fence)) return Errc::fenced;
    return medium_->may_submit(*this, request);
}

void ServerSessionImpl::start(Work& work) {
    if (work.refusal != Errc::ok) return answer(work, work.refusal);
    Request& request = work.request;
    request.operation = operation_of(work.order.kind);
    request.fua = work.order.fua;
    request.extent = work.order.extent;
    request.pieces = work.buffer == nullptr ? Pieces() : Pieces(&work.piece, 1);
    request.checksum_piece_bytes = work.order.hash_piece_bytes;
    request.done = &ServerSessionImpl::request_done;
    request.owner = &work;
    if (const Errc code = may_start(request); code != Errc::ok) return answer(work, code);
    if (const Errc code = check_request(request, medium_->geometry()); code != Errc::ok) return answer(work, code);
    ++running_;
    medium_->submit(request);
}

/// A checksum of one block, through the queues of the medium: a disk that hangs does not answer it, while a read might
/// be answered from a memory above the disk.
void ServerSessionImpl::start_ping(Work& work) {
    Request& request = work.request;
    request.operation = Operation::checksum;
    request.fua = false;
    request.extent = {0, work.buffer_bytes};
    request.checksum_piece_bytes = static_cast<std::uint32_t>(work.buffer_bytes);
    work.piece.size = static_cast<std::size_t>(checksum_result_bytes(request.extent, request.checksum_piece_bytes));
    request.pieces = Pieces(&work.piece, 1);
    request.done = &ServerSessionImpl::request_done;
    request.owner = &work;
    // A head without I/O would not hear of it otherwise. One that only looks on is refused nothing yet.
    if (fenced_ && !epoch.none() && !broken(Rule::m6_fence)) return answer(work, Errc::fenced);
    if (medium_->geometry().size_bytes < work.buffer_bytes) return answer(work, Errc::ok);
    ++running_;
    medium_->submit(request);
}

void ServerSessionImpl::request_done(Request& request) {
    Work& work = *static_cast<Work*>(request.owner);
    ServerSessionImpl& self = *work.session;
    --self.running_;
    if (self.state_ == State::serving || self.state_ == State::draining) {
        self.answer(work, request.result);
    } else {
        self.release(work);
    }
    self.work_ended();
}

void ServerSessionImpl::answer(Work& work, Errc status) {
    wire::Header fields = work.order;
    fields.status = status;
    PieceCursor payload;
    if (status == Errc::ok) {
        if (work.order.kind == wire::Kind::flush) fields.incarnation = medium_->incarnation();
        if (work.order.kind == wire::Kind::read || work.order.kind == wire::Kind::hash) {
            payload = PieceCursor(Pieces(&work.piece, 1));
        }
    }
    send(work, fields, payload);
}

void ServerSessionImpl::answer_text(Work& work, Errc status, Bytes payload) {
    wire::Header fields = work.order;
    fields.status = status;
    fields.reason = status != Errc::ok && !payload.empty();
    work.text = std::move(payload);
    work.piece = {work.text.data(), work.text.size()};
    send(work, fields, PieceCursor(Pieces(&work.piece, 1)));
}

void ServerSessionImpl::answer_error(Work& work, const Error& why) {
    DST_ASSERT(why.code != Errc::ok);
    Bytes text;
    for (const char c : wire::bounded_reason(why.text)) text.push_back(static_cast<std::byte>(c));
    answer_text(work, why.code, std::move(text));
}

void ServerSessionImpl::send(Work& work, wire::Header fields, const PieceCursor& payload) {
    fields.answer = true;
    fields.fua = false;
    work.frame.prepare(fields, payload, checksums_ || fields.kind == wire::Kind::hello);
    work.frame.owner = &work;
    work.frame.sent = [](OutFrame& frame) {
        Work& done = *static_cast<Work*>(frame.owner);
        done.session->release(done);
    };
    writer_.push(work.frame);
    flush_task_.post();
}

/// Something that ran on the medium has ended, or a reason to wait for it has come up.
void ServerSessionImpl::work_ended() {
    if (running_ > 0) return;
    check_fenced();
    if (state_ == State::draining) {
        if (closing_work_ != nullptr) {
            answer(*std::exchange(closing_work_, nullptr), Errc::ok);
            finish({}, false);
        } else {
            finish(close_reason_, true);
        }
    }
    if (state_ == State::cut) end_task_.post();
}

}  // namespace dst
