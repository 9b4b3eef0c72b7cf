#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_parts.h"

/// One request of a mirror: lock (M11), fan out, gather, [degrade, M2], acknowledge (M1), unlock.
namespace dst {
namespace {

/// A part that comes back `disconnected` so often without its member going down is not sent again.
constexpr unsigned resends_max = 8;

bool is_read(const Request& request) {
    return request.operation == Operation::read || request.operation == Operation::checksum;
}

template <typename Io>
bool is_flush(const Io& io) {
    return io.outer->operation == Operation::flush;
}

void count(Counters& counters, const Request& request, Errc code) {
    if (code != Errc::ok) ++counters.errors;
    switch (request.operation) {
        case Operation::read:
        case Operation::checksum:
            ++counters.reads;
            counters.read_bytes += request.extent.length;
            return;
        case Operation::write:
        case Operation::write_zeroes:
        case Operation::unmap:
            ++counters.writes;
            counters.write_bytes += request.extent.length;
            return;
        case Operation::flush: ++counters.flushes; return;
    }
}

}  // namespace

void Mirror::submit(Request& request) {
    const Errc code = state_ == State::unopened ? Errc::disconnected : check_request(request, geometry_);
    if (code != Errc::ok) return loop_.complete_later(request, code);
    if (state_ == State::closing) return loop_.complete_later(request, Errc::cancelled);
    const bool serves = up() && (!stalled_ || is_read(request));
    const bool may = state_ == State::serving ? serves : is_read(request) && reachable() != 0;
    if (!may) return loop_.complete_later(request, Errc::disconnected);

    Io& io = ios_->take();
    ++in_flight_;
    io.mirror = this;
    io.outer = &request;
    io.chunk = request.extent;
    io.tried = 0;
    io.awaited = 0;
    io.failed = 0;
    io.done = ~Mask{0};
    io.slot = nullptr;
    io.counted = false;
    io.clears = false;
    io.application = true;
    ++application_;
    for (const auto& member : members_) io.losses[member->index] = member->losses;
    io.locked = request.operation != Operation::flush && !broken(Rule::m11_order);
    if (!io.locked) return start(io);
    lock_io(io);
}

void Mirror::Io::granted(RangeLock::Holder& holder) {
    Io& io = *static_cast<Io*>(holder.owner);
    io.mirror->start(io);
}

/// May finish the request at once only when it was not called from submit(), which has seen a reachable member.
void Mirror::start(Io& io) {
    if (is_read(*io.outer)) return is_unreconciled(io.outer->extent) ? reconcile_before(io) : start_read(io);
    if (io.outer->operation != Operation::write) {
        io.chunk.length = std::min(io.chunk.length, discard_bytes_max);
    }
    io.outer->operation == Operation::flush ? fan_out(io) : start_change(io);
}

/// Sends the chunk to every member that must have it. Those that are away for a moment get it when they return (M14);
/// those that cannot be reached have missed it.
void Mirror::fan_out(Io& io) {
    ++changes_sent_;
    io.pending = 0;
    io.chunk_done = 0;
    // What it is about is made sure of again before such a member counts (M8).
    io.exempt = io.slot != nullptr || is_flush(io) ? ~(in_sync_ | promoting_ | doubtful_) : 0;
    Mask up_now = 0;
    for (const auto& member : members_) {
        if (state_ != State::serving || (in_sync_ & ~failed_ & joined_ & member->mask()) == 0) continue;
        // A member's own owed map is not kept on it.
        if (io.slot != nullptr && maps_.tables()[io.slot->table].identity.member == member->number) {
            io.chunk_done |= member->mask();
            continue;
        }
        if (member->device.up() && !member->changed) {
            up_now |= member->mask();
            ++io.pending;
        } else if (may_return(*member)) {
            ++io.pending;
            Part& part = prepare(io, *member);
            member->resend.push_back(part);
        }
    }
    if (state_ == State::serving) {
        for (const auto& member : members_) {
            if ((targets_ & member->mask()) == 0) continue;
            // A map slot concerns those that count as in sync.
            const bool own = io.slot != nullptr && maps_.tables()[io.slot->table].identity.member == member->number;
            if (own) io.chunk_done |= member->mask();
            const bool counts = (promoting_ & member->mask()) != 0;
            const bool wanted = io.slot != nullptr ? counts && !own : !is_flush(io) || counts || io.clears;
            if (!wanted) continue;
            up_now |= member->mask();
            ++io.pending;
        }
        if (targets_ != 0 && !target_timer_.running()) target_timer_.start(target_look_time);
    }
    if (io.pending == 0) return gather_change(io);
    for (const auto& member : members_) {
        if ((up_now & member->mask()) != 0) send(prepare(io, *member));
    }
}

Mirror::Part& Mirror::prepare(Io& io, Member& member) {
    Part& part = io.parts[member.index];
    DST_ASSERT(!part.hook.is_linked());
    part.io = &io;
    part.member = &member;
    part.resends = 0;
    part.sent = loop_.now();
    part.request.operation = io.outer->operation;
    part.request.fua = io.outer->fua;
    part.request.extent = io.chunk;
    part.request.pieces = io.outer->operation == Operation::write ? io.outer->pieces : Pieces();
    part.request.checksum_piece_bytes = 0;
    part.request.owner = &part;
    part.request.done = Part::done;
    if (io.slot != nullptr) io.slot->prepare(member, part.request);
    return part;
}

void Mirror::send(Part& part) {
    Member& member = *part.member;
    part.sent = loop_.now();
    part.arrival = member.arrivals;
    if (part.request.operation != Operation::read) {
        asked(member);
        ++member.awaited;
    }
    if (is_read(part.request)) ++member.reads_in_flight;
    member.outstanding.push_back(part);
    ++member.counters.in_flight;
    if (!watch_timer_.running()) watch_timer_.start(watch_time());
    member.device.submit(part.request);
}

void Mirror::Part::done(Request& request) {
    Part& part = *static_cast<Part*>(request.owner);
    Member& member = *part.member;
    member.outstanding.erase(Member::PartList::s_iterator_to(part));
    --member.counters.in_flight;
    count(member.counters, request, request.result);
    if (request.operation != Operation::read) {
        --member.awaited;
        if (!is_lost(request.result)) member.owner.heard(member, part.sent);
    }
    if (is_read(request)) --member.reads_in_flight;
    if (part.abandoned) {
        part.abandoned = false;
        if (--part.io->abandoned == 0 && part.io->outer == nullptr) member.owner.ios_->give_back(*part.io);
        return;
    }
    member.owner.answered(part, request.result);
}

void Mirror::answered(Part& part, Errc code) {
    Io& io = *part.io;
    Member& member = *part.member;
    if (code != Errc::ok && is_flush(io) && broken(Rule::m2_flush_drops)) member.flush_failed = true;
    if (should_resend(part, code)) {
        ++part.resends;
        if (member.device.up() && part.arrival != member.arrivals && !member.changed) return send(part);
        member.resend.push_back(part);
        return;
    }
    if (code == Errc::fenced) report_fenced(member);
    if (is_read(*io.outer)) return gather_read(io, member, code);
    if (code == Errc::ok) {
        io.chunk_done |= member.mask();
        if (io.slot != nullptr) io.slot->written |= member.mask();
    } else {
        // Of several pieces, an error that it really gave stays.
        if ((io.failed & member.mask()) == 0 || !is_lost(code)) io.errors[member.index] = code;
        io.failed |= member.mask();
        if ((targets_ & member.mask()) != 0) {
            drop_target(member,
                        std::string(to_string(io.outer->operation)) + " failed: " + std::string(to_string(code)));
        }
    }
    DST_ASSERT(io.pending > 0);
    if (--io.pending == 0) gather_change(io);
}

/// M14, of members in use only: what a target or one that has left did not answer it lacks, and what is under way there
/// must not reach it when it has come back by M7. A device that answers `disconnected` and stays up has lost one of
/// several ways; only after it has been down and up again is it sure that nothing of the old way is queued, so it is
/// cut.
bool Mirror::should_resend(Part& part, Errc code) {
    Member& member = *part.member;
    if (!is_lost(code) || is_read(*part.io->outer) || state_ != State::serving) return false;
    if ((in_sync_ & ~failed_ & joined_ & member.mask()) == 0 || part.resends >= resends_max) return false;
    if (member.device.up() && part.arrival == member.arrivals) {
        member.device.cut({Errc::disconnected, "one of its connections was lost"});
        return may_return(member);
    }
    return member.device.up() ? !member.changed : may_return(member);
}

void Mirror::report_fenced(const Member& member) {
    fenced_by_ = member.name;
    fenced_task_.post();
}

void Mirror::gather_change(Io& io) {
    for (const auto& member : members_) {
        if ((io.failed & member->mask()) == 0 || io.errors[member->index] != Errc::fenced) continue;
        return finish(io, Errc::fenced);
    }
    // Nobody has it: nobody is dropped, and nothing was acknowledged.
    if ((io.chunk_done & in_sync_) == 0) {
        mark_unreconciled(io);
        return finish(io, joint_error(io, in_sync_));
    }
    io.done &= io.chunk_done;
    if (io.chunk.end() < io.outer->extent.end()) {
        io.chunk.offset = io.chunk.end();
        io.chunk.length = std::min(io.outer->extent.end() - io.chunk.offset, discard_bytes_max);
        return fan_out(io);
    }
    acknowledge_or_wait(io);
}

/// M1, M2: acknowledged when every member has it that the durable record calls in sync.
void Mirror::acknowledge_or_wait(Io& io) {
    // What a member answered before it came back changed may be lost in a cache that is gone.
    for (const auto& member : members_) {
        if (io.losses[member->index] != member->losses) io.done &= ~member->mask();
    }
    // Old and new while one is added, also when that is given up (M1).
    const Mask lacking = (in_sync_ | promoting_ | doubtful_) & ~io.done & ~io.exempt;
    const bool recorded = unrecorded_ == 0 || io.slot != nullptr;
    if ((lacking == 0 && recorded) || broken(Rule::m1_all_acknowledge)) return finish(io, Errc::ok);
    if (io.outer->operation == Operation::flush && broken(Rule::m2_flush_drops)) return finish(io, Errc::ok);
    if (io.outer->pieces.empty() && changes_data(io.outer->operation) && broken(Rule::m13_discards)) {
        return finish(io, Errc::ok);
    }
    if (state_ != State::serving) return finish(io, Errc::disconnected);
    // Those that have it may have been lost since. What is there stays then, whatever it lacks: it has all that was
    // acknowledged, and nobody knows whether the others come back. While they may, the request is sent again.
    const Mask there = broken(Rule::m10_only_one_there) ? in_sync_ & ~failed_ : reachable();
    if ((there & io.done) == 0 && !broken(Rule::m10_last_stays)) {
        mark_unreconciled(io);
        const bool may = std::any_of(members_.begin(), members_.end(), [&](const auto& member) {
            return (io.done & member->mask()) != 0 && may_return(*member);
        });
        return finish(io, may ? Errc::disconnected : joint_error(io, in_sync_));
    }
    for (const auto& member : members_) {
        if ((lacking & in_sync_ & ~failed_ & member->mask()) == 0) continue;
        // Those that have it were away, and left with this record: judged again when it is durable.
        if (!may_fail(*member)) break;
        const bool answered = (io.failed & member->mask()) != 0 && !is_lost(io.errors[member->index]);
        std::string why = "it cannot be reached";
        if (answered) {
            why = std::string(to_string(io.outer->operation)) +
                  " failed: " + std::string(to_string(io.errors[member->index]));
        } else if (!member->device.up() && !member->reason.empty()) {
            why = member->reason;
        } else if ((joined_ & member->mask()) == 0) {
            why = member->refused.empty() ? "it was not there at the start" : member->refused;
        }
        fail_member(*member, why);
    }
    if (broken(Rule::m2_record_before_ack)) {
        finish(io, Errc::ok);
    } else if (stalled_) {
        mark_unreconciled(io);
        return finish(io, Errc::disconnected);
    } else {
        waiting_.push_back(&io);
    }
    // Members that had failed before, whose record could not be made durable: another try.
    if (!change_) request_change();
}

/// An error that one of the members really gave, before one that only says that it was lost.
Errc Mirror::joint_error(const Io& io, Mask members) {
    Errc joint = Errc::disconnected;
    for (std::size_t i = 0; i < io.errors.size(); ++i) {
        if ((io.failed & members & bit(i)) == 0 || is_lost(io.errors[i])) continue;
        joint = io.errors[i];
        break;
    }
    return joint;
}

void Mirror::finish(Io& io, Errc code) {
    Request& outer = *io.outer;
    if (io.locked) lock_.unlock(io.lock);
    if (io.counted) maps_.end(io.regions);
    io.counted = false;
    if (io.application) --application_;
    io.outer = nullptr;
    if (io.abandoned == 0) ios_->give_back(io);
    --in_flight_;
    check_closed();
    outer.complete(code);
}

}  // namespace dst
