#include <utility>

#include "block/assert.h"
#include "tree/mirror_parts.h"

/// M2: a record without the members that failed, in the journal first, then on every member that stays.
namespace dst {

/// From here on nothing is sent to it, and what it missed waits for the record.
void Mirror::fail_member(Member& member, const std::string& why) {
    DST_ASSERT((in_sync_ & ~failed_ & member.mask()) != 0);
    DST_ASSERT(may_fail(member));
    failed_ |= member.mask();
    member.reason = why;
    member.away.stop();
    member.give_up.post();
    environment_.events.event(Severity::warning, "member-dropped",
                              "a member failed and is left out; the others carry on. It stays out until it is brought "
                              "up to date",
                              {{"mirror", name_}, {"member", member.name}, {"why", why}});
    request_change();
}

void Mirror::request_change() {
    if (state_ != State::serving) return;
    if (change_) {
        change_->superseded = true;
        step_ended();
        return;
    }
    begin_change();
}

Record Mirror::next_record() {
    Record record = submitted_;
    ++record.revision;
    if (failed_ != 0) {
        ++record.generation;
        record.lineage.insert(record.lineage.begin(), record.generation_id);
        record.generation_id = loop_.random_id();
    }
    if (redraw_medium_) record.medium = loop_.random_id();
    for (const auto& member : members_) {
        RecordMember* const recorded = member->number == 0 ? nullptr : find_member(record, member->number);
        if (recorded == nullptr || (in_sync_ & member->mask()) == 0) continue;
        if ((failed_ & member->mask()) != 0) {
            recorded->state = MemberState::dirty;
            recorded->last_generation = member->known_generation;
        } else {
            recorded->revision = member->acknowledged;
            recorded->incarnation = member->incarnation;
        }
    }
    return record;
}

void Mirror::begin_change() {
    DST_ASSERT(state_ == State::serving);
    change_ = std::make_unique<Change>();
    change_->attempt = ++attempts_;
    // A record must reach every member that it calls in sync: those that cannot be reached leave with it.
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & member->mask()) == 0) continue;
        const bool joined = (joined_ & member->mask()) != 0;
        const bool reached = joined && (member->device.up() || may_return(*member));
        if (reached || (joined && reachable() == 0) || !may_fail(*member)) continue;
        fail_member(*member, member->reason.empty() ? "it was not there at the start" : member->reason);
    }
    change_->superseded = false;
    change_->next = next_record();
    submitted_ = change_->next;
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & member->mask()) != 0) change_->pending |= member->mask();
    }
    environment_.keeper->keep(
        change_->next, [this, attempt = change_->attempt](const Result<void>& kept) { journal_kept(attempt, kept); });
}

void Mirror::journal_kept(std::uint64_t attempt, const Result<void>& kept) {
    if (!change_ || change_->attempt != attempt) return;
    if (!kept) return change_failed(kept.error());
    change_->in_journal = true;
    if (change_->superseded) return step_ended();
    for (const auto& member : members_) write_to_member(*member);
}

void Mirror::write_to_member(Member& member) {
    if (!change_ || !change_->in_journal || change_->superseded || member.metadata_in_flight) return;
    if ((change_->pending & ~failed_ & member.mask()) == 0) return;
    if (!member.device.up() || (member.changed && !redraw_medium_)) {
        if (!may_return(member) && !may_fail(member)) {
            change_failed({Errc::disconnected, member.name + " cannot be reached"});
        }
        return;
    }
    asked(member);
    member.metadata_in_flight = true;
    member.metadata_since = loop_.now();
    if (!watch_timer_.running()) watch_timer_.start(environment_.member_timeout / 4);
    member.metadata.write_record(change_->next,
                                 [this, &member, attempt = change_->attempt](const Result<void>& written) {
                                     member_written(member, attempt, written);
                                 });
}

void Mirror::member_written(Member& member, std::uint64_t attempt, const Result<void>& written) {
    member.metadata_in_flight = false;
    if (!is_lost(written ? Errc::ok : written.error().code)) heard(member, member.metadata_since);
    if (!written && written.error().code == Errc::fenced) report_fenced(member);
    if (!change_ || (failed_ & member.mask()) != 0) return;
    if (change_->attempt != attempt) {
        // An older record's write has ended; the newer one's may follow on this member.
        if (change_->superseded) return step_ended();
        return write_to_member(member);
    }
    if (written) {
        change_->pending &= ~member.mask();
        member.acknowledged = change_->next.revision;
        member.known_generation = change_->next.generation_id;
        return step_ended();
    }
    // Away for a moment: it is written when the member returns, or the member leaves when that takes too long.
    if (is_lost(written.error().code) && !member.device.up() && may_return(member)) return;
    if (written.error().code != Errc::fenced && may_fail(member)) {
        return fail_member(member, "its record could not be written: " + to_string(written.error()));
    }
    change_failed(written.error());
}

/// Goes on when nothing of this step is under way on a member that stays.
void Mirror::step_ended() {
    if (!change_ || !change_->in_journal) return;
    if (change_->superseded) {
        for (const auto& member : members_) {
            if (member->metadata_in_flight && (in_sync_ & ~failed_ & member->mask()) != 0) return;
        }
        return begin_change();
    }
    if ((change_->pending & ~failed_) == 0) change_done();
}

void Mirror::change_done() {
    const Mask left = failed_;
    take_record(change_->next);
    change_.reset();
    failed_ &= in_sync_;
    redraw_medium_ = false;
    for (const auto& member : members_) member->changed = member->changed && (in_sync_ & member->mask()) == 0;
    environment_.events.event(Severity::notice, "mirror-record",
                              "a new record is durable on every member that it calls in sync",
                              {{"mirror", name_},
                               {"generation", std::to_string(record_.generation)},
                               {"in_sync", std::to_string(__builtin_popcount(in_sync_))},
                               {"left_out", std::to_string(__builtin_popcount(left))}});
    announce_task_.post();
    release_waiting();
}

/// The waiting requests end in an error; the members that failed stay failed, and the next change tries again.
void Mirror::change_failed(const Error& why) {
    const std::unique_ptr<Change> failed = std::move(change_);
    environment_.events.event(
        Severity::error, "mirror-record-failed",
        "a record without the failed members could not be made durable; writes fail until it can. "
        "Look at the journal's filesystem and at the members",
        {{"mirror", name_}, {"why", to_string(why)}});
    if (redraw_medium_ && !is_lost(why.code)) {
        // The last member does not take its record: reads go on (M10), and what is above hears of the loss below.
        redraw_medium_ = false;
        record_.medium = failed->next.medium;
        for (const auto& member : members_) member->changed = false;
    }
    announce_task_.post();
    const Errc code = is_lost(why.code) || why.code == Errc::fenced ? why.code : Errc::io_error;
    const std::vector<Io*> waiting = std::exchange(waiting_, {});
    for (const Io* io : waiting) mark_unreconciled(*io);
    for (Io* io : waiting) finish(*io, code == Errc::cancelled ? Errc::disconnected : code);
    if (!served_) return;
    const Callback<void> served = std::exchange(served_, nullptr);
    served(why);
}

void Mirror::release_waiting() {
    const std::vector<Io*> waiting = std::exchange(waiting_, {});
    for (Io* io : waiting) acknowledge_or_wait(*io);
}

}  // namespace dst
