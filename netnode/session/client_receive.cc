#include <string>
#include <utility>

#include "block/assert.h"
#include "session/client_connection.h"

namespace dst {

void ClientConnection::receive() {
    const std::uint64_t life = life_;
    while (life_ == life && handle(reader_.next(*link_))) {
    }
}

/// True: go on reading, if this life has not ended meanwhile.
bool ClientConnection::handle(FrameReader::Step step) {
    switch (step) {
        case FrameReader::Step::wait: return false;
        case FrameReader::Step::bad: {
            const Error& why = reader_.error();
            fail({why.code, options_.name + " sent " + why.text});
            return false;
        }
        case FrameReader::Step::header: return accept_header();
        case FrameReader::Step::frame: return accept_frame();
    }
    return false;
}

bool ClientConnection::accept_header() {
    const wire::Header& answer = reader_.header();
    const bool notice = answer.request == 0;
    Exchange* exchange = notice ? nullptr : find(answer.request);
    if (!answer.answer || (!notice && (exchange == nullptr || !fits(*exchange, answer)))) {
        fail({Errc::protocol_error, options_.name + " sent an answer to nothing that was asked"});
        return false;
    }
    if (exchange != nullptr && exchange->job != nullptr && !answer.reason) {
        reader_.receive_into(exchange->answer);
        return true;
    }
    answer_piece_ = {control_in_.data(), answer.payload_bytes};
    reader_.receive_into(PieceCursor(Pieces(&answer_piece_, 1)));
    return true;
}

bool ClientConnection::accept_frame() {
    const wire::Header& answer = reader_.header();
    if (answer.answer && answer.request == 0) {
        accept_notice();
        return false;
    }
    Exchange* exchange = find(answer.request);
    // An answer to what was not sent as a whole yet: its memory is still being sent from.
    if (!answer.answer || exchange == nullptr || !fits(*exchange, answer) || exchange->sending) {
        fail({Errc::protocol_error, options_.name + " sent an answer to nothing that was asked"});
        return false;
    }
    if (exchange->job != nullptr) {
        accept_job(*exchange);
    } else {
        accept_control(*exchange);
    }
    return true;
}

/// The netnode ends the connection and says why.
void ClientConnection::accept_notice() {
    const wire::Header& notice = reader_.header();
    const std::string text = wire::printable_reason(std::span(control_in_).first(notice.payload_bytes));
    const Errc code = notice.status == Errc::ok ? Errc::disconnected : notice.status;
    fail({code, text.empty() ? options_.name + " has closed the connection" : text});
}

void ClientConnection::accept_job(Exchange& exchange) {
    const wire::Header& answer = reader_.header();
    Job& job = *exchange.job;
    const bool other_incarnation =
        answer.kind == wire::Kind::flush && answer.status == Errc::ok && answer.incarnation != opened_as_.incarnation;
    release(exchange);
    const std::uint64_t life = life_;
    owner_.part_done(job, other_incarnation ? Errc::incarnation_changed : answer.status);
    if (life_ != life) return;
    if (other_incarnation) {
        return fail({Errc::incarnation_changed, options_.name + " may have lost writes that were not flushed"});
    }
    owner_.has_room();
}

void ClientConnection::accept_control(Exchange& exchange) {
    const wire::Header& answer = reader_.header();
    const wire::Kind kind = exchange.order.kind;
    release(exchange);
    const std::span<const std::byte> payload = std::span(control_in_).first(answer.payload_bytes);
    Result<Bytes> result = Bytes(payload.begin(), payload.end());
    if (answer.status != Errc::ok) result = Error{answer.status, wire::printable_reason(payload)};
    switch (kind) {
        case wire::Kind::hello: return hello_answered(result);
        case wire::Kind::open: return open_answered(result);
        case wire::Kind::ping:
            ping_since_.reset();
            if (answer.status == Errc::fenced) fail({Errc::fenced, options_.name + ": another head has taken over"});
            return;
        case wire::Kind::peek:
        case wire::Kind::probe:
        case wire::Kind::promise:
        case wire::Kind::served:
        case wire::Kind::label: std::exchange(control_done_, nullptr)(std::move(result)); return;
        case wire::Kind::close: return;
        case wire::Kind::read:
        case wire::Kind::write:
        case wire::Kind::flush:
        case wire::Kind::unmap:
        case wire::Kind::write_zeroes:
        case wire::Kind::hash: break;
    }
    DST_ASSERT(!"an order of a job without its job");
}

void ClientConnection::hello_answered(const Result<Bytes>& answer) {
    if (!answer) return fail(answer.error());
    const Result<wire::Hello> hello = wire::decode_hello(*answer);
    if (!hello) return fail({hello.error().code, options_.name + " sent " + hello.error().text});
    if (hello->version_min != wire::protocol_version || (hello->features & ~wire::known_features) != 0) {
        return fail({Errc::protocol_error, options_.name + " chose what was not offered"});
    }
    checksums_ = (hello->features & wire::feature_payload_checksum) != 0;
    reader_.set_payload_checksums(checksums_);
    netnode_program_ = wire::printable_reason(std::as_bytes(std::span(hello->program)));
    state_ = State::opening;
    timer_.start(options_.answer_timeout);
    send_control(wire::Kind::open, wire::encode(open_));
    flush();
}

void ClientConnection::open_answered(const Result<Bytes>& answer) {
    if (!answer) return fail(answer.error());
    const Result<wire::OpenAnswer> opened = wire::decode_open_answer(*answer);
    if (!opened) return fail({opened.error().code, options_.name + " sent " + opened.error().text});
    opened_as_ = *opened;
    state_ = State::open;
    life_was_open_ = true;
    heard_ = loop_.now();
    heard_bytes_ = reader_.received_bytes();
    timer_.start(options_.ping_interval);
    owner_.opened(*this);
}

ClientConnection::Exchange* ClientConnection::find(std::uint64_t request) noexcept {
    const std::size_t index = (request - 1) % exchanges_max;
    if (index >= exchanges_.size()) return nullptr;
    Exchange& exchange = *exchanges_[index];
    return exchange.active && exchange.order.request == request ? &exchange : nullptr;
}

/// An answer repeats kind, extent and hash piece of its order.
bool ClientConnection::fits(const Exchange& exchange, const wire::Header& answer) noexcept {
    const wire::Header& order = exchange.order;
    return answer.kind == order.kind && answer.extent == order.extent &&
           answer.hash_piece_bytes == order.hash_piece_bytes;
}

}  // namespace dst
