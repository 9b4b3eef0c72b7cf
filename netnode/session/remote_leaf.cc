#include "session/remote_leaf.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "session/remote_leaf_impl.h"

namespace dst {
namespace {

wire::Kind kind_of(Operation operation) noexcept {
    switch (operation) {
        case Operation::read: return wire::Kind::read;
        case Operation::write: return wire::Kind::write;
        case Operation::write_zeroes: return wire::Kind::write_zeroes;
        case Operation::unmap: return wire::Kind::unmap;
        case Operation::flush: return wire::Kind::flush;
        case Operation::checksum: return wire::Kind::hash;
    }
    DST_ASSERT(!"an unknown operation");
}

}  // namespace

RemoteLeaf::RemoteLeaf(Loop& loop, EventSink& events, RemoteLeafOptions options, LinkFactory make_link)
    : impl_(std::make_unique<RemoteLeafImpl>(*this, loop, events, std::move(options), std::move(make_link))) {}
RemoteLeaf::~RemoteLeaf() = default;

const Geometry& RemoteLeaf::geometry() const { return impl_->geometry(); }
bool RemoteLeaf::up() const { return impl_->up(); }
Incarnation RemoteLeaf::incarnation() const { return impl_->incarnation(); }
void RemoteLeaf::submit(Request& request) { impl_->submit(request); }
void RemoteLeaf::cut(const Error& why) { impl_->cut(why); }
void RemoteLeaf::close(std::function<void()> closed) { impl_->close(std::move(closed)); }
const std::string& RemoteLeaf::name() const { return impl_->name(); }
void RemoteLeaf::open() { impl_->open(); }
void RemoteLeaf::assume_geometry(const Geometry& geometry) { impl_->assume_geometry(geometry); }
void RemoteLeaf::set_identity(const LeafIdentity& identity) { impl_->set_identity(identity); }
const Error& RemoteLeaf::last_error() const { return impl_->last_error(); }
bool RemoteLeaf::found_another() const { return impl_->found_another(); }
void RemoteLeaf::peek(Callback<Peek> done) { impl_->peek(std::move(done)); }
void RemoteLeaf::probe(Callback<Probe> done) { impl_->probe(std::move(done)); }
void RemoteLeaf::promise(const Peek& seen, const Epoch& epoch, Callback<LabelImage> done) {
    impl_->promise(seen, epoch, std::move(done));
}
void RemoteLeaf::mark_served(const Epoch& epoch, Callback<LabelImage> done) {
    impl_->mark_served(epoch, std::move(done));
}
void RemoteLeaf::write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done) {
    impl_->write_label(seen, image, std::move(done));
}
const Counters& RemoteLeaf::counters() const noexcept { return impl_->counters(); }

void RemoteLeafImpl::submit(Request& request) {
    DST_ASSERT(!closing_ && !request.is_linked());
    if (!up_) return loop_.complete_later(request, Errc::disconnected);
    if (const Errc code = check_request(request, geometry_); code != Errc::ok) {
        return loop_.complete_later(request, code);
    }
    if (!can_be_split(request)) return loop_.complete_later(request, Errc::too_large);
    Job& job = jobs_.take();
    job.request = &request;
    job.unsent = request.extent;
    job.payload = PieceCursor(request.pieces);
    job.sent_all = false;
    job.outstanding = 0;
    job.error = Errc::ok;
    waiting_.push_back(job);
    ++counters_.in_flight;
    pump_task_.post();
}

/// A piece of a checksum is one digest: it cannot be cut.
bool RemoteLeafImpl::can_be_split(const Request& request) const noexcept {
    if (request.operation != Operation::checksum) return true;
    const std::uint64_t range = slots_[0]->connection.opened_as().range_bytes_max;
    return request.extent.length <= range || request.checksum_piece_bytes <= range;
}

void RemoteLeafImpl::pump() {
    while (!waiting_.empty()) {
        Job& job = waiting_.front();
        if (!issue_part(job)) break;
        if (job.sent_all) waiting_.pop_front();
    }
    for (const auto& slot : slots_) slot->connection.flush();
}

ClientConnection* RemoteLeafImpl::pick(std::uint64_t payload_bytes) {
    for (std::size_t tried = 0; tried < slots_.size(); ++tried) {
        Slot& slot = *slots_[next_slot_];
        next_slot_ = (next_slot_ + 1) % slots_.size();
        if (slot.connection.takes(payload_bytes)) return &slot.connection;
    }
    return nullptr;
}

/// False: no connection has room now.
bool RemoteLeafImpl::issue_part(Job& job) {
    const Request& request = *job.request;
    const std::uint64_t length = part_bytes(job);
    std::uint64_t payload_bytes = 0;
    if (request.operation == Operation::read || request.operation == Operation::write) payload_bytes = length;
    wire::Header order;
    order.kind = kind_of(request.operation);
    order.fua = request.fua;
    order.extent = {job.unsent.offset, length};
    if (request.operation == Operation::checksum) {
        order.hash_piece_bytes = request.checksum_piece_bytes;
        payload_bytes = wire::hash_result_bytes(order);
    }
    ClientConnection* connection = pick(payload_bytes);
    if (connection == nullptr) return false;
    const PieceCursor payload = job.payload.first(payload_bytes);
    job.payload.advance(payload_bytes);
    job.unsent = {job.unsent.offset + length, job.unsent.length - length};
    job.sent_all = job.unsent.empty();
    if (request.operation == Operation::flush) order.extent = {};
    connection->issue(job, order, payload);
    return true;
}

std::uint64_t RemoteLeafImpl::part_bytes(const Job& job) const noexcept {
    const wire::OpenAnswer& limits = slots_[0]->connection.opened_as();
    const std::uint64_t range = std::min<std::uint64_t>(limits.range_bytes_max, wire::range_bytes_max);
    const std::uint64_t payload =
        std::min<std::uint64_t>({limits.request_bytes_max, options_.request_bytes_max, wire::payload_bytes_max});
    switch (job.request->operation) {
        case Operation::read:
        case Operation::write: return std::min(job.unsent.length, payload);
        case Operation::write_zeroes:
        case Operation::unmap: return std::min(job.unsent.length, range);
        case Operation::checksum: {
            const std::uint64_t piece = job.request->checksum_piece_bytes;
            const std::uint64_t pieces = std::max<std::uint64_t>(1, std::min(range / piece, payload / 16));
            return std::min(job.unsent.length, pieces * piece);
        }
        case Operation::flush: return 0;
    }
    return 0;
}

void RemoteLeafImpl::part_done(Job& job, Errc status) {
    --job.outstanding;
    if (status != Errc::ok && job.error == Errc::ok) job.error = status;
    if (job.error != Errc::ok) drop_rest(job);
    if (job.outstanding > 0 || !job.sent_all) return;
    Request& request = *job.request;
    const Errc code = job.error;
    jobs_.give_back(job);
    count(request, code);
    request.complete(code);
}

void RemoteLeafImpl::part_lost(Job& job) {
    DST_ASSERT(job.outstanding > 0);
    --job.outstanding;
    if (job.error == Errc::ok) job.error = lost_code_;
    drop_rest(job);
    if (job.outstanding > 0) return;
    Request& request = *job.request;
    const Errc code = job.error;
    jobs_.give_back(job);
    count(request, code);
    loop_.complete_later(request, code);
}

/// What is not sent yet of a job that cannot succeed any more.
void RemoteLeafImpl::drop_rest(Job& job) {
    if (job.sent_all) return;
    job.sent_all = true;
    waiting_.erase(waiting_.iterator_to(job));
}

void RemoteLeafImpl::has_room() {
    if (!waiting_.empty()) pump_task_.post();
}

void RemoteLeafImpl::count(const Request& request, Errc code) noexcept {
    --counters_.in_flight;
    leaf_.note_result(request, code);
    if (code != Errc::ok) ++counters_.errors;
    switch (request.operation) {
        case Operation::read:
            ++counters_.reads;
            counters_.read_bytes += request.extent.length;
            return;
        case Operation::write:
        case Operation::write_zeroes:
        case Operation::unmap:
            ++counters_.writes;
            counters_.write_bytes += request.extent.length;
            return;
        case Operation::flush: ++counters_.flushes; return;
        case Operation::checksum: return;
    }
}

}  // namespace dst
