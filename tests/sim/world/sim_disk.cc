#include "simworld/sim_disk.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "block/assert.h"

namespace dst::sim {
namespace {

/// Empty: zeroes. `copy`: of the payload, if there is one already.
Bytes written_by(const Request& request, const Bytes& copy) {
    Bytes bytes = copy;
    if (request.operation == Operation::write && bytes.empty()) {
        bytes.resize(request.extent.length);
        copy_from_pieces(request.pieces, bytes);
    }
    return bytes;
}

}  // namespace

SimDisk::SimDisk(SimLoop& loop, SimPlatter& platter, std::string name, const SimDiskOptions& options)
    : loop_(loop), platter_(platter), name_(std::move(name)), options_(options) {
    platter_.disks_.push_back(this);
}

SimDisk::~SimDisk() {
    DST_ASSERT(flights_.empty());
    if (platter_.opener_ == this) platter_.opener_ = nullptr;
    std::erase(platter_.disks_, this);
}

void SimDisk::guarded_after(Duration delay, std::function<void()> run) {
    loop_.after(delay, [guard = std::weak_ptr<int>(alive_), run = std::move(run)] {
        if (!guard.expired()) run();
    });
}

void SimDisk::open() {
    if (opening_ || up_) return;
    opening_ = true;
    guarded_after(loop_.between(platter_.latency_min_, platter_.latency_max_), [this] {
        opening_ = false;
        if (closed_) return check_closed();
        if (severed_) return;
        if (platter_.missing_) return notify_down({Errc::not_found, name_ + ": no such file"});
        if (platter_.lock_lingers_ || (platter_.opener_ != nullptr && platter_.opener_ != this)) {
            return notify_down({Errc::busy, name_ + " is in use by another process"});
        }
        platter_.open_named();
        platter_.opener_ = this;
        geometry_ = platter_.geometry_;
        incarnation_ = platter_.incarnation_;
        up_ = true;
        notify_up();
    });
}

void SimDisk::probe(Callback<Probe> done) {
    guarded_after(loop_.between(platter_.latency_min_, platter_.latency_max_), [this, done = std::move(done)] {
        if (!up_) return done(Error{Errc::disconnected, name_ + " is not open"});
        Probe probe;
        probe.found = platter_.found_;
        probe.zeroes_known = platter_.all_zero();
        done(probe);
    });
}

void SimDisk::look_at_name(std::function<void(NameFinding)> done) {
    guarded_after(loop_.between(platter_.latency_min_, platter_.latency_max_), [this, done = std::move(done)] {
        done(up_ && platter_.names_another() ? NameFinding::another : NameFinding::same);
    });
}

void SimDisk::submit(Request& request) {
    DST_ASSERT(!closed_);
    if (!up_) return loop_.complete_later(request, Errc::disconnected);
    const Errc checked = check_request(request, geometry_);
    if (checked != Errc::ok) return loop_.complete_later(request, checked);
    const std::uint64_t id = next_id_++;
    Flight& flight = flights_.emplace(id, Flight{&request, platter_.sequence_, {}}).first->second;
    ++platter_.counters_.in_flight;
    if (options_.own_buffers) {
        flight.copy.resize(request.operation == Operation::write ? request.extent.length : 0);
        if (!flight.copy.empty()) copy_from_pieces(request.pieces, flight.copy);
        guarded_after(options_.answer_limit, [this, id] {
            if (flights_.contains(id)) end_all({Errc::timed_out, name_ + " does not answer"}, Errc::timed_out);
        });
    }
    guarded_after(loop_.between(platter_.latency_min_, platter_.latency_max_), [this, id] { finish(id); });
}

void SimDisk::finish(std::uint64_t id) {
    const auto found = flights_.find(id);
    if (found == flights_.end()) return;
    if (platter_.hangs(found->second.request->operation)) {
        found->second.due = true;
        return;
    }
    Request& request = *found->second.request;
    const Flight flight = std::move(found->second);
    flights_.erase(found);
    --platter_.counters_.in_flight;
    const auto [failure, landing] = platter_.take_failure(request);
    if (failure == Errc::ok) {
        platter_.carry_out(request, flight.copy, flight.sequence_at_submit);
    } else {
        ++platter_.counters_.errors;
        if (landing == SimPlatter::Landing::in_part && changes_data(request.operation)) {
            platter_.write_sectors(request.extent, written_by(request, flight.copy), false, true);
        }
    }
    const bool lost_flush = failure != Errc::ok && request.operation == Operation::flush;
    if (lost_flush) {
        platter_.flush_failed();
        guarded_after(Duration::zero(), [this] {
            if (up_) go_down({Errc::incarnation_changed, name_ + ": a flush failed"});
        });
    }
    const std::weak_ptr<int> guard = alive_;
    request.complete(failure);
    if (!guard.expired()) check_closed();
}

void SimDisk::finish_due() {
    for (auto& [id, flight] : flights_) {
        if (!flight.due) continue;
        flight.due = false;
        guarded_after(loop_.between(platter_.latency_min_, platter_.latency_max_), [this, id = id] { finish(id); });
    }
}

void SimPlatter::carry_out(const Request& request, const Bytes& copy, std::uint64_t flush_upto) {
    if (on_carry_out) on_carry_out(request);
    switch (request.operation) {
        case Operation::read: {
            copy_to_pieces(read(request.extent), request.pieces);
            ++counters_.reads;
            counters_.read_bytes += request.extent.length;
            return;
        }
        case Operation::write:
        case Operation::write_zeroes:
        case Operation::unmap: {
            if (request.operation != Operation::write && request.extent.offset == 0) found_.clear();
            write_sectors(request.extent, written_by(request, copy), request.fua, false);
            ++counters_.writes;
            counters_.write_bytes += request.extent.length;
            return;
        }
        case Operation::flush:
            make_durable(flush_upto);
            ++counters_.flushes;
            return;
        case Operation::checksum: {
            const Bytes bytes = read(request.extent);
            Bytes sums;
            for (std::size_t at = 0; at < bytes.size(); at += request.checksum_piece_bytes) {
                const std::size_t length = std::min<std::size_t>(request.checksum_piece_bytes, bytes.size() - at);
                const XXH128_hash_t hash = XXH3_128bits(bytes.data() + at, length);
                XXH128_canonical_t canonical;
                XXH128_canonicalFromHash(&canonical, hash);
                const auto* from = reinterpret_cast<const std::byte*>(canonical.digest);
                sums.insert(sums.end(), from, from + sizeof canonical.digest);
            }
            copy_to_pieces(sums, request.pieces);
            return;
        }
    }
}

// What was in flight ends in part: the kernel may have begun it.
void SimDisk::sever() {
    if (severed_) return;
    severed_ = true;
    bool flushing = false;
    for (const auto& [id, flight] : flights_) flushing = flushing || flight.request->operation == Operation::flush;
    orphan_writes(true);
    if (flushing) {
        platter_.change_incarnation();
        if (platter_.on_cache_lost) platter_.on_cache_lost();
    }
    platter_.counters_.in_flight -= flights_.size();
    fail_all(Errc::disconnected);
    if (up_) {
        up_ = false;
        guarded_after(Duration::zero(), [this] { notify_down({Errc::disconnected, name_ + ": the process died"}); });
    }
    check_closed();
}

// The requests end now; their writes land when the disk gets to them, and until then nobody can open it anew.
void SimDisk::cut(const Error& why) { end_all(why, Errc::disconnected); }

void SimDisk::end_all(const Error& why, Errc unanswered) {
    if (!up_ || (!options_.own_buffers && !flights_.empty())) return;
    orphan_writes(false);
    if (platter_.lock_lingers_ && !platter_.hung()) {
        loop_.after(platter_.latency_max_, [platter = &platter_, guard = std::weak_ptr<int>(platter_.alive_)] {
            if (!guard.expired() && !platter->hung()) platter->land_orphans();
        });
    }
    go_down(why, unanswered);
}

void SimDisk::orphan_writes(bool torn) {
    for (const auto& [id, flight] : flights_) {
        const Request& request = *flight.request;
        platter_.lock_lingers_ = true;
        if (!changes_data(request.operation)) continue;
        platter_.orphans_.push_back({request.extent, written_by(request, flight.copy), torn});
    }
}

void SimDisk::go_down(const Error& why, Errc unanswered) {
    if (!up_) return;
    up_ = false;
    if (platter_.opener_ == this) platter_.opener_ = nullptr;
    platter_.counters_.in_flight -= flights_.size();
    fail_all(unanswered);
    guarded_after(Duration::zero(), [this, why] { notify_down(why); });
    check_closed();
}

void SimDisk::fail_all(Errc code) {
    std::map<std::uint64_t, Flight> flights;
    flights.swap(flights_);
    for (auto& [id, flight] : flights) loop_.complete_later(*flight.request, code);
}

// Requests in flight run to their end: the ring owns their memory.
void SimDisk::close(std::function<void()> closed) {
    DST_ASSERT(!closed_);
    closed_ = std::move(closed);
    check_closed();
}

void SimDisk::check_closed() {
    if (!closed_ || opening_ || !flights_.empty()) return;
    up_ = false;
    if (platter_.opener_ == this) platter_.opener_ = nullptr;
    guarded_after(Duration::zero(), [this] {
        if (!closed_) return;
        const std::function<void()> closed = std::move(closed_);
        closed_ = nullptr;
        closed();
    });
}

}  // namespace dst::sim
