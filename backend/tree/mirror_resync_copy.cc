#include <algorithm>
#include <utility>

#include "tree/mirror_parts.h"

/// One piece of a resync (M8): compared by checksums, and copied when the two differ.
namespace dst {

void Mirror::Resync::Copy::send(Request& request, void (*done)(Request&)) {
    request.done = done;
    sent = owner.mirror_.loop_.now();
    // Until now it waited for the source, if at all.
    writer_seen.reset();
    owner.member_.device.submit(request);
}

void Mirror::Resync::Copy::run() {
    Mirror& mirror = owner.mirror_;
    if (owner.stopped() || mirror.state_ != State::serving || mirror.is_unreconciled(extent)) {
        mirror.loop_.defer([this] { end(Errc::busy, Errc::ok); });
        return;
    }
    for (Request& request : requests) {
        request.extent = extent;
        request.owner = this;
    }
    if (owner.expects_difference()) return transfer();
    pending = 2;
    step_begun = mirror.loop_.now();
    for (std::size_t i = 0; i < 2; ++i) {
        Request& request = requests[i];
        sum_pieces[i] = {sums[i].data(), sums[i].size()};
        request.operation = Operation::checksum;
        request.checksum_piece_bytes = static_cast<std::uint32_t>(extent.length);
        request.pieces = Pieces(&sum_pieces[i], 1);
    }
    const auto answered = [](Request& request) {
        Copy& copy = *static_cast<Copy*>(request.owner);
        if (&request == &copy.requests[1]) copy.sent.reset();
        if (--copy.pending == 0) copy.owner.mirror_.loop_.defer([&copy] { copy.compared(); });
    };
    requests[0].done = answered;
    mirror.submit_own(requests[0], ~Mask{0});
    send(requests[1], answered);
}

void Mirror::Resync::Copy::compared() {
    if (owner.stopped() || requests[0].result != Errc::ok || is_lost(requests[1].result)) {
        return end(requests[0].result, requests[1].result);
    }
    // A target that does not read may still be written.
    const bool equal = requests[1].result == Errc::ok && sums[0] == sums[1];
    owner.member_.pace.compared(owner.mirror_.loop_.now() - step_begun);
    if (!part) owner.compared(equal);
    equal ? end(Errc::ok, Errc::ok) : transfer();
}

/// When it may be copied at once, and now.
void Mirror::Resync::Copy::transfer() {
    const CopyPace& pace = owner.member_.pace;
    if (extent.length <= pace.bytes() && owner.transferring_ < pace.parallel()) return read();
    split = true;
    owner.mirror_.loop_.defer([this] { end(Errc::ok, Errc::ok); });
}

void Mirror::Resync::Copy::read() {
    Request& request = requests[0];
    transferred = true;
    ++owner.transferring_;
    change = owner.member_.pace.change();
    step_begun = owner.mirror_.loop_.now();
    bytes.resize(extent.length);
    piece = {bytes.data(), bytes.size()};
    request.operation = Operation::read;
    request.checksum_piece_bytes = 0;
    request.pieces = Pieces(&piece, 1);
    request.done = [](Request& done) {
        Copy& copy = *static_cast<Copy*>(done.owner);
        copy.owner.mirror_.loop_.defer([&copy] { copy.write(); });
    };
    owner.mirror_.submit_own(request, ~Mask{0});
}

void Mirror::Resync::Copy::step_ended() {
    const TimePoint now = owner.mirror_.loop_.now();
    longest_step = std::max(longest_step, now - std::exchange(step_begun, now));
}

void Mirror::Resync::Copy::write() {
    step_ended();
    if (owner.stopped() || requests[0].result != Errc::ok) return end(requests[0].result, Errc::ok);
    Request& request = requests[1];
    request.operation = Operation::write;
    request.checksum_piece_bytes = 0;
    request.pieces = Pieces(&piece, 1);
    send(request, [](Request& done) {
        Copy& copy = *static_cast<Copy*>(done.owner);
        copy.sent.reset();
        copy.step_ended();
        copy.end(Errc::ok, done.result);
    });
}

bool Mirror::Resync::is_held_up() {
    const TimePoint now = mirror_.loop_.now();
    const Duration timeout = mirror_.limit_of(member_, Operation::write);
    bool held_up = flush_sent_ && now - *flush_sent_ > std::max(timeout, flush_limit_min);
    for (const auto& copy : copies_) {
        if (!copy->sent) continue;
        if (!mirror_.lock_.is_waited_for(copy->holder)) {
            copy->writer_seen.reset();
        } else if (!copy->writer_seen) {
            copy->writer_seen = now;
        }
        const bool writer_waits = copy->writer_seen && now - *copy->writer_seen > writer_waits_max;
        held_up = held_up || writer_waits || now - *copy->sent > timeout;
    }
    return held_up;
}

/// Where all pieces differ, to compare them first is most of the work: then one of several is, to see when that ends.
bool Mirror::Resync::expects_difference() {
    constexpr unsigned compared_one_of = 8;
    return all_differ() && ++expected_ % compared_one_of != 0;
}

bool Mirror::Resync::all_differ() const noexcept { return differing_ >= 8; }

void Mirror::Resync::compared(bool equal) { differing_ = equal ? 0 : differing_ + 1; }

void Mirror::Resync::Copy::end(Errc source, Errc target) { owner.copied(*this, source, target); }

}  // namespace dst
