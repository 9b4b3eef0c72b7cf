#include <algorithm>
#include <optional>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_parts.h"

/// Members that go away for a moment (M14), come back changed, or hold requests too long.
namespace dst {
namespace {

/// How long requests wait for a lost member to come back, before the others carry on without it: with the record, no
/// request takes a second for it.
constexpr Duration reconnect_time = std::chrono::milliseconds(700);

/// Flushes may take longer than other requests (M13).
constexpr Duration flush_time_min = std::chrono::seconds(20);

}  // namespace

Mirror::Member& Mirror::member_of(const BlockDevice& device) {
    for (const auto& member : members_) {
        if (&member->device == &device) return *member;
    }
    DST_ASSERT(false);
    return *members_.front();
}

void Mirror::on_up(BlockDevice& device) {
    Member& member = member_of(device);
    ++member.arrivals;
    member.told_up = true;
    if (state_ == State::serving && (in_sync_ & ~failed_ & joined_ & member.mask()) != 0) returned(member);
    if (reachable() == 0 && (take_back() || take_back_changed())) judge_changed();
    announce_task_.post();
}

void Mirror::on_down(BlockDevice& device, const Error& why) {
    Member& member = member_of(device);
    const bool was_up = std::exchange(member.told_up, false);
    // Refused when it wanted to come back: nothing else would ask it again (M6).
    if (why.code == Errc::fenced && state_ == State::serving && (in_sync_ & joined_ & member.mask()) != 0) {
        report_fenced(member);
    }
    const bool used = state_ == State::serving && (in_sync_ & ~failed_ & joined_ & member.mask()) != 0;
    if (used || (in_sync_ & member.mask()) != 0) member.reason = to_string(why);
    if (used) {
        member.away.start(std::min(environment_.member_timeout, reconnect_time));
    }
    // Told once, whatever fails while it is away; a head that is fenced says so itself.
    if (used && was_up && !member.older && why.code != Errc::fenced) {
        environment_.events.event(Severity::warning, "member-away",
                                  "a member went down; it stays in use if it is back at once, else the others, while "
                                  "there are any, carry on without it",
                                  {{"mirror", name_}, {"member", member.name}, {"why", to_string(why)}});
    }
    // Cut off by what is above, which had waited for too long.
    Resync* const resync = resync_of(member);
    if (resync != nullptr && why.code == Errc::timed_out) resync->ask_for_less();
    drop_target(member, to_string(why));
    announce_task_.post();
}

void Mirror::returned(Member& member) {
    member.away.stop();
    member.look_again.stop();
    member.older = false;
    const bool changed = member.device.incarnation() != member.incarnation && !broken(Rule::m14_incarnation);
    // What a failed flush does to a disk's incarnation drops its member as well (M2).
    if (changed && !std::exchange(member.flush_failed, false)) return returned_changed(member);
    if (broken(Rule::m2_flush_drops)) member.incarnation = member.device.incarnation();
    member.changed = false;
    member.doubted = member.told_older = false;
    member.unread = 0;
    member.reason.clear();
    environment_.events.event(Severity::notice, "member-back", "a member is back as if nothing had been",
                              {{"mirror", name_}, {"member", member.name}});
    judge_changed();
    answers_again(member);
    resend_all(member);
    write_to_member(member);
    record_late();
}

/// What it acknowledged and nobody flushed may be lost on it.
void Mirror::returned_changed(Member& member) {
    lost_something(member);
    member.give_up.post();
    judge_changed();
    // A record may have waited for it.
    write_to_member(member);
}

void Mirror::lost_something(Member& member) {
    member.changed = true;
    member.doubted = true;
    ++member.losses;
    ++losses_;
    member.reason = "it came back and may have lost writes that were not flushed";
}

/// Whether requests may wait for a member that is down. Its requests may end before it says that it went down.
bool Mirror::may_return(Member& member) {
    const bool used = (in_sync_ & ~failed_ & joined_ & member.mask()) != 0;
    if (used && member.told_up && !member.away.running()) {
        member.away.start(std::min(environment_.member_timeout, reconnect_time));
    }
    return member.away.running();
}

/// Some member in use is there, or may be back at once.
bool Mirror::anybody_left() {
    return std::any_of(members_.begin(), members_.end(), [this](const auto& member) {
        const bool used = (in_sync_ & ~failed_ & joined_ & member->mask()) != 0;
        return used && (member->device.up() || may_return(*member));
    });
}

void Mirror::away_too_long(Member& member) {
    const bool is_there = member.device.up();
    if (!is_there) {
        // Its time counts from when another one answers again (answers_again()).
        if (another_is_silent()) return member.away.start(std::min(environment_.member_timeout, reconnect_time));
        member.told_up = false;
    }
    // One that is there waits for the record that says what it may have lost; requests do not wait for that longer.
    give_up_resending(member);
    // It is written to, unless it must not be used while those that may have all are away.
    const bool unusable = !is_there || (!takes_record(member) && !member.metadata_in_flight);
    if (unusable && change_ && change_->in_journal && (change_->pending & ~failed_ & member.mask()) != 0) {
        if (may_fail(member) && reachable() != 0) {
            fail_member(member, member.reason);
        } else {
            const char* const why = is_there ? " may have lost writes, and no other is there" : " cannot be reached";
            change_failed({Errc::disconnected, member.name + why});
        }
    }
    if (reachable() == 0 && take_back()) judge_changed();
    announce_task_.post();
}

/// Members are there, and none of them answers.
bool Mirror::another_is_silent() const {
    bool silent = false;
    for (const auto& member : members_) {
        if ((reachable() & member->mask()) == 0) continue;
        silent = !answers(*member);
        if (!silent) break;
    }
    return silent;
}

void Mirror::resend_all(Member& member) {
    Member::PartList parts;
    parts.swap(member.resend);
    while (!parts.empty()) {
        Part& part = parts.front();
        parts.pop_front();
        send(part);
    }
}

void Mirror::give_up_resending(Member& member) {
    Member::PartList parts;
    parts.swap(member.resend);
    while (!parts.empty()) {
        Part& part = parts.front();
        parts.pop_front();
        part.resends = ~0u;
        answered(part, Errc::disconnected);
    }
}

/// A mirror that waits for one of its own members has the time to go on without it.
Duration Mirror::limit_of(const Member& member, Operation operation) const {
    const Duration timeout =
        environment_.member_timeout + std::min(member.levels, 2u) * (environment_.member_timeout / 2);
    return operation == Operation::flush ? std::max(timeout, flush_time_min) : timeout;
}

/// Members that hold requests are looked at so often; one is dropped that much too late at most.
Duration Mirror::watch_time() const {
    return std::min<Duration>(environment_.member_timeout / 4, std::chrono::milliseconds(500));
}

void Mirror::watch() {
    if (state_ != State::serving) return;
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & joined_ & member->mask()) != 0) {
            watch_member(*member);
        } else if ((in_sync_ & ~failed_ & member->mask()) == 0 && resync_of(*member) == nullptr) {
            watch_left(*member);
        }
    }
    bool any = false;
    for (const auto& member : members_) any = any || !member->outstanding.empty() || member->metadata_in_flight;
    if (any) watch_timer_.start(watch_time());
}

void Mirror::watch_member(Member& member) {
    if (member.metadata_in_flight) watch_held(member, member.metadata_since, limit_of(member, Operation::write));
    std::optional<TimePoint> flush;
    std::optional<TimePoint> other;
    for (const Part& part : member.outstanding) {
        if (is_last_resort(part)) continue;
        std::optional<TimePoint>& oldest = part.request.operation == Operation::flush ? flush : other;
        if (!oldest) oldest = part.sent;
        if (flush && other) break;
    }
    if (other) watch_held(member, *other, limit_of(member, Operation::write));
    if (flush) watch_held(member, *flush, limit_of(member, Operation::flush));
}

/// One that is out and holds what was sent before is cut after a while, whatever the others do: nothing depends on its
/// answer but requests that wait for their buffers (M12), and it does not come back before.
void Mirror::watch_left(Member& member) {
    const TimePoint now = loop_.now();
    TimePoint since = member.metadata_in_flight ? member.metadata_since : now;
    if (!member.outstanding.empty()) since = std::min(since, member.outstanding.front().sent);
    if (now - std::max(since, member.cut_at) < environment_.member_timeout) return;
    member.cut_at = now;
    member.device.cut({Errc::timed_out, "it is left out, and held what was sent to it before"});
}

/// A read that every other member that is there could not answer: to drop this one for being slow would give up what
/// may be the only copy.
bool Mirror::is_last_resort(const Part& part) const {
    const Io& io = *part.io;
    if (part.request.operation != Operation::read || (io.failed & reachable()) == 0) return false;
    return (reachable() & ~io.failed & ~part.member->mask()) == 0;
}

/// A member that holds a request longer than `limit` while another one answers is dropped and cut, so that its requests
/// end and let go of their buffers (M12). The time counts from when the other one began to answer again.
void Mirror::watch_held(Member& member, TimePoint since, Duration limit) {
    if ((failed_ & member.mask()) != 0 || !may_fail(member)) return;
    const TimePoint now = loop_.now();
    const Duration timeout = environment_.member_timeout;
    if (now - since < timeout / 4) return;
    bool drop = false;
    for (const auto& other : members_) {
        if (other.get() == &member || (reachable() & other->mask()) == 0) continue;
        if (other->answered < since || now - other->answered > timeout / 4) probe(*other);
        const bool answers_now = other->answered >= since && now - other->last_answer < timeout / 2;
        drop = drop || (answers_now && now - std::max(since, other->answering_since) >= limit);
    }
    if (!drop) return;
    const auto held = std::chrono::duration_cast<std::chrono::milliseconds>(now - since).count();
    const std::string why = "it held a request for " + std::to_string(held) + " ms while others answered";
    fail_member(member, why);
    member.cut_at = now;
    if (broken(Rule::m12_buffers)) return abandon(member);
    member.device.cut({Errc::timed_out, why});
}

/// Before anything is sent to it.
void Mirror::asked(Member& member) {
    if (member.has_nothing_to_answer()) member.quiet_since = loop_.now();
}

/// It answered what was sent at `sent`.
void Mirror::heard(Member& member, TimePoint sent) {
    if (loop_.now() - member.quiet_since >= environment_.member_timeout / 2) answers_again(member);
    member.answered = std::max(member.answered, sent);
    member.last_answer = loop_.now();
    member.quiet_since = loop_.now();
}

/// Whether it is in use and up, and has not been silent for long with something to answer.
bool Mirror::answers(const Member& member) const {
    if ((reachable() & member.mask()) == 0) return false;
    return member.has_nothing_to_answer() || loop_.now() - member.quiet_since < environment_.member_timeout / 2;
}

/// Members that were lost together need not come back together: when this is the first, the others have time anew.
void Mirror::answers_again(Member& member) {
    member.answering_since = loop_.now();
    if (state_ != State::serving || (reachable() & member.mask()) == 0) return;
    const Mask others = in_sync_ & ~failed_ & joined_ & ~member.mask();
    for (const auto& other : members_) {
        if ((others & other->mask()) != 0 && answers(*other)) return;
    }
    for (const auto& other : members_) {
        if ((others & other->mask()) != 0 && !other->device.up()) other->away.start(environment_.member_timeout);
    }
}

/// What M12 forbids, for tests: ends its requests without waiting for it.
void Mirror::abandon(Member& member) {
    std::vector<Part*> parts;
    for (Part& part : member.outstanding) parts.push_back(&part);
    for (Part* part : parts) {
        part->abandoned = true;
        ++part->io->abandoned;
        answered(*part, Errc::timed_out);
    }
}

void Mirror::probe(Member& member) {
    if (member.probing) return;
    asked(member);
    member.probing = true;
    member.probe_piece = {member.probe_digest.data(), member.probe_digest.size()};
    member.probe_sent = loop_.now();
    Request& request = member.probe;
    // A read might be answered from a memory above a disk that hangs.
    request.operation = Operation::checksum;
    request.extent = {0, geometry_.logical_block_bytes};
    request.checksum_piece_bytes = geometry_.logical_block_bytes;
    request.pieces = Pieces(&member.probe_piece, 1);
    request.owner = &member;
    request.done = [](Request& done) {
        Member& probed = *static_cast<Member*>(done.owner);
        if (!is_lost(done.result)) {
            probed.owner.heard(probed, probed.probe_sent);
            paced(probed, probed.owner.loop_.now() - probed.probe_sent);
        }
        probed.probing = false;
        if (is_lost(done.result)) return;
        probed.owner.watch();
    };
    member.device.submit(request);
}

}  // namespace dst
