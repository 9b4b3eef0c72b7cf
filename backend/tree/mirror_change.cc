#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_parts.h"

/// M2: a record without the members that failed, in the journal first, then on every member that stays.
namespace dst {
namespace {

/// Whatever it says, no member was lost.
Error journal_error(const Error& error) { return {is_lost(error.code) ? Errc::io_error : error.code, error.text}; }

}  // namespace

/// One that came back changed is used with the next record, when all that may have lost something are there.
bool Mirror::another_is_there(const Member& member) const {
    return std::any_of(members_.begin(), members_.end(), [&](const auto& other) {
        return (in_sync_ & ~failed_ & joined_ & ~member.mask() & other->mask()) != 0 && other->is_back();
    });
}

/// From here on nothing is sent to it, and what it missed waits for the record.
void Mirror::fail_member(Member& member, const std::string& why) {
    DST_ASSERT((in_sync_ & ~failed_ & member.mask()) != 0);
    DST_ASSERT(may_fail(member));
    failed_ |= member.mask();
    member.reason = why;
    member.left_for = member.device.up() ? why : std::string();
    member.away.stop();
    member.give_up.post();
    environment_.events.event(
        Severity::warning, "member-dropped",
        std::string("a member failed and is left out; ") +
            (another_is_there(member) ? "the others carry on" : "those that are left are not there now") +
            ". Mend its disk, its machine or the way to it: when it is there again it is brought "
            "up to date by itself",
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

/// The newest record that was given away, one further. A record that may be on some member and does not stand is
/// overtaken by a new generation; one that got no further than the journal is written there again.
Record Mirror::next_record() const {
    Record record = submitted_;
    ++record.revision;
    const bool stands = submitted_.generation_id == record_.generation_id;
    const auto leaves_unnamed = [this](const RecordMember& recorded) {
        const auto is_it = [&](const auto& member) { return member->number == recorded.number; };
        return recorded.state == MemberState::in_sync && std::none_of(members_.begin(), members_.end(), is_it);
    };
    const bool unnamed = std::any_of(record.members.begin(), record.members.end(), leaves_unnamed);
    // Two for this one (begin_change()), and so many that a start adds more.
    const bool many = stands && record.revision + 2 >= record_.revision + revision_step;
    if (change_->joiner != 0 || many || (stands ? failed_ != 0 || unnamed : given_)) {
        ++record.generation;
        record.lineage.insert(record.lineage.begin(), record.generation_id);
        record.generation_id = loop_.random_id();
    }
    if (redraw_medium_) record.medium = with_other_time({record.medium}, loop_.random_id()).id;
    if (redraw_file_) record.medium = with_other_file({record.medium}, loop_.random_id()).id;
    for (RecordMember& recorded : record.members) {
        if (!leaves_unnamed(recorded)) continue;
        recorded.state = MemberState::dirty;
        recorded.last_generation = submitted_.generation_id;
    }
    for (const auto& member : members_) {
        RecordMember* const recorded = member->number == 0 ? nullptr : find_member(record, member->number);
        if (recorded == nullptr) continue;
        const Resync* const resync = resync_of(*member);
        if ((failed_ & member->mask()) != 0) {
            recorded->state = MemberState::dirty;
            recorded->last_generation = member->known_generation;
            // A copy of it from before is told by that when it comes back (M7).
            recorded->revision = std::max(recorded->revision, member->acknowledged);
        } else if (((in_sync_ | change_->joiner) & member->mask()) != 0) {
            recorded->state = MemberState::in_sync;
            recorded->last_generation = {};
            recorded->revision = member->acknowledged;
            recorded->incarnation = member->incarnation;
        } else if (((targets_ | change_->marked) & member->mask()) != 0 && resync != nullptr) {
            // It is to have this very record before anything else: one that has not is not the one that was marked. But
            // one that an order gave up may be gone on with by another head until it has it, and is known by that.
            const bool now = (change_->marked & member->mask()) != 0;
            const bool given_up = now && recorded->state != MemberState::in_sync && recorded->last_generation.is_nil();
            recorded->state = MemberState::resyncing;
            if (!given_up || broken(Rule::m8_given_up_first)) {
                recorded->last_generation = now ? record.generation_id : member->known_generation;
                recorded->revision = now ? record.revision : member->acknowledged;
            }
            recorded->incarnation = member->incarnation;
            recorded->size_bytes = member->device.geometry().size_bytes;
            recorded->leaves = resync->admission().leaves;
        } else if (recorded->state == MemberState::in_sync && (in_sync_ & member->mask()) == 0) {
            // An addition that was given up.
            recorded->state = MemberState::resyncing;
            recorded->last_generation = member->known_generation;
        } else {
            continue;
        }
        recorded->may_have = member->may_have;
        const Id& named = recorded->state == MemberState::in_sync ? record.generation_id : recorded->last_generation;
        drop_generation(recorded->may_have, named);
    }
    return record;
}

void Mirror::begin_change() {
    DST_ASSERT(state_ == State::serving);
    const bool all_have_it = change_ && (change_->pending == 0 || broken(Rule::m2_addition_first));
    if (all_have_it && change_->joiner != 0 && change_->in_journal) take_over_addition();
    change_ = std::make_unique<Change>();
    change_->attempt = ++attempts_;
    // A record must reach every member that it calls in sync: those that cannot be reached leave with it.
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & member->mask()) == 0) continue;
        const bool joined = (joined_ & member->mask()) != 0;
        const bool reached = joined && (member->device.up() || may_return(*member)) && !member->takes_no_record();
        if (reached || (joined && reachable() == 0) || !may_fail(*member)) continue;
        const char* const why =
            joined ? "it has acknowledged none of the last records" : "it was not there at the start";
        fail_member(*member, member->reason.empty() ? why : member->reason);
    }
    change_->superseded = false;
    change_->redraw = redraw_medium_;
    const bool plain = failed_ == 0 && submitted_.generation_id == record_.generation_id && !redraw_medium_;
    for (const auto& resync : resyncs_) {
        Member& member = resync->member();
        if (resync->wants_mark()) change_->marked |= member.mask();
        if (resync->wants_mark()) member.incarnation = member.device.incarnation();
        if (resync->wants_promotion() && plain && change_->joiner == 0) change_->joiner = member.mask();
    }
    if (change_->joiner != 0) change_->marked = 0;
    change_->left_out = failed_;
    change_->next = next_record();
    change_->late = change_->marked | change_->joiner;
    Record kept = change_->next;
    if (change_->joiner != 0 && !broken(Rule::m8_journal_last)) {
        // Only its name: what stands until the members have it is the old record.
        kept = submitted_;
        ++kept.revision;
        ++change_->next.revision;
        if (!broken(Rule::m8_note_coming)) note_coming(kept);
        doubtful_ |= change_->joiner;
    }
    given_ = change_->joiner != 0 || (given_ && submitted_.generation_id == change_->next.generation_id);
    submitted_ = change_->next;
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & member->mask()) != 0) change_->pending |= member->mask();
    }
    if (broken(Rule::m2_journal_first) && change_->joiner == 0) {
        return loop_.defer([this, attempt = change_->attempt] { journal_kept(attempt, {}); });
    }
    if (!stalled_ && !journal_timer_.running()) journal_timer_.start(journal_limit);
    environment_.keeper->keep(
        kept, [this, attempt = change_->attempt](const Result<void>& result) { journal_kept(attempt, result); });
}

/// In what the journal keeps: the line, and those that may have the coming generation when this head ends, so that
/// another one is seen to have gone on with it should an order give them up (went_on()).
void Mirror::note_coming(Record& kept) const {
    kept.lineage.insert(kept.lineage.begin(), change_->next.generation_id);
    for (const auto& member : members_) {
        RecordMember* const recorded = member->number == 0 ? nullptr : find_member(kept, member->number);
        const Mask given = (in_sync_ & ~failed_) | change_->joiner;
        if (recorded == nullptr || (given & member->mask()) == 0 || broken(Rule::m8_note_names)) continue;
        remember_generation(recorded->may_have, may_have_of(change_->next));
    }
}

/// The addition stands, since all old members have it.
void Mirror::take_over_addition() {
    const Mask joiner = change_->joiner;
    take_record(change_->next);
    joined_ |= joiner;
    for (const auto& member : members_) {
        if ((joiner & member->mask()) == 0) continue;
        Resync* const resync = resync_of(*member);
        member->changed = false;
        member->told_up = member->device.up();
        member->pace.reset();
        member->reason.clear();
        member->left_for.clear();
        if (resync != nullptr) {
            environment_.events.event(Severity::notice, "member-in-sync", "a member is up to date and in use again",
                                      {{"mirror", name_}, {"member", member->name}});
            resync->stop();
        } else {
            // It was lost meanwhile.
            failed_ |= joiner;
        }
    }
    targets_ &= ~joiner;
    promoting_ &= ~joiner;
    ++admissions_;
}

void Mirror::journal_kept(std::uint64_t attempt, const Result<void>& kept) {
    if (!change_ || change_->attempt != attempt) return;
    journal_timer_.stop();
    stalled_ = false;
    if (!kept) return change_failed(journal_error(kept.error()));
    change_->in_journal = true;
    left_in_journal_ = change_->left_out;
    // Those that it leaves out are waited for no longer.
    if (!redraw_medium_) judge_changed();
    if (!change_ || change_->attempt != attempt) return;
    if (change_->superseded) return step_ended();
    if (change_->joiner != 0 && broken(Rule::m8_old_members_first)) write_to_targets();
    for (const auto& member : members_) write_to_member(*member);
}

/// Until it has answered, its record may be of this generation or of one that it had.
void Mirror::write_record_to(Member& member,
                             void (Mirror::*written)(Member&, std::uint64_t attempt, const Result<void>&)) {
    given_ = true;
    remember_generation(member.may_have, may_have_of(change_->next));
    member.metadata_in_flight = true;
    member.metadata_since = loop_.now();
    member.metadata.write_record(change_->next,
                                 [this, &member, written, attempt = change_->attempt](const Result<void>& result) {
                                     (this->*written)(member, attempt, result);
                                 });
}

/// One that came back changed only with the record that says so, once it is known to be no older copy.
bool Mirror::takes_record(const Member& member) const { return !member.changed || (redraw_medium_ && !member.doubted); }

void Mirror::write_to_member(Member& member) {
    if (!change_ || !change_->in_journal || change_->superseded || member.metadata_in_flight) return;
    if ((change_->pending & ~failed_ & member.mask()) == 0) return;
    if (environment_.keeper->overtaken()) return change_failed(overtaken_error());
    if (!member.device.up() || !takes_record(member)) {
        if (may_return(member)) return;
        // Its time ran out before there was a record to write.
        if (may_fail(member) && reachable() != 0) return fail_member(member, member.reason);
        if (!may_fail(member) || !anybody_left()) {
            change_failed({Errc::disconnected, member.name + " cannot be reached"});
        }
        return;
    }
    asked(member);
    if (!watch_timer_.running()) watch_timer_.start(watch_time());
    write_record_to(member, &Mirror::member_written);
}

/// Those that are not in sync yet get the record when all that are have it.
void Mirror::write_to_targets() {
    change_->late_begun = true;
    for (const auto& member : members_) {
        if (!change_ || (change_->late & member->mask()) == 0 || member->metadata_in_flight) continue;
        if (environment_.keeper->overtaken()) return change_failed(overtaken_error());
        write_record_to(*member, &Mirror::target_written);
    }
}

void Mirror::target_written(Member& member, std::uint64_t attempt, const Result<void>& written) {
    member.metadata_in_flight = false;
    if (!written && written.error().code == Errc::fenced) report_fenced(member);
    if (!change_) return;
    if (change_->attempt != attempt) {
        if (change_->superseded) return step_ended();
        write_to_member(member);
        if (change_ && change_->late_begun) write_to_targets();
        return;
    }
    if ((change_->late & member.mask()) == 0) return step_ended();
    if (!written) return drop_target(member, "its record could not be written: " + to_string(written.error()));
    change_->late &= ~member.mask();
    member.took(change_->next);
    step_ended();
}

void Mirror::addition_kept(std::uint64_t attempt) {
    if (!change_ || change_->attempt != attempt) return;
    // All members have it, and the journal has its note: it stands whether the journal took it, which says so itself if
    // not, or takes it with the next record.
    if (environment_.keeper->overtaken()) return change_failed(overtaken_error());
    change_->ending = false;
    change_->late_begun = true;
    if (change_->superseded) return step_ended();
    change_done();
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
        member.took(change_->next);
        return step_ended();
    }
    // The newer record goes to it when it returns.
    if (change_->superseded && is_lost(written.error().code)) return step_ended();
    // Away for a moment: it is written when the member returns, or the member leaves when that takes too long.
    if (is_lost(written.error().code) && !member.device.up() && may_return(member)) return;
    // Nobody leaves for those that are not there.
    const bool may_leave = may_fail(member) && another_is_there(member);
    // The last one stays; as with requests, only when it has been down and up again nothing of the old way is queued.
    if (is_lost(written.error().code) && !may_leave && member.device.up()) {
        member.device.cut({Errc::disconnected, "its record's write was lost"});
        if (may_return(member)) return;
    }
    if (written.error().code != Errc::fenced && may_leave) {
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
    if ((change_->pending & ~failed_) != 0) return;
    if (change_->late != 0) {
        if (!change_->late_begun) write_to_targets();
        return;
    }
    if (change_->joiner == 0) return change_done();
    if (change_->ending) return;
    change_->ending = true;
    environment_.keeper->keep(change_->next,
                              [this, attempt = change_->attempt](const Result<void>&) { addition_kept(attempt); });
}

/// A target has its mark, and by the record nobody knows what it has.
bool Mirror::marked_unknown() const {
    return std::any_of(members_.begin(), members_.end(), [this](const auto& member) {
        const RecordMember* const recorded = member->number == 0 ? nullptr : find_member(record_, member->number);
        return (targets_ & member->mask()) != 0 && recorded != nullptr && recorded->state == MemberState::resyncing &&
               recorded->last_generation.is_nil() && member->known_generation == record_.generation_id;
    });
}

void Mirror::change_done() {
    const Mask left = failed_;
    const Mask marked = change_->marked;
    const bool redrawn = change_->redraw;
    change_->joiner != 0 ? take_over_addition() : take_record(change_->next);
    change_.reset();
    doubtful_ = unrecorded_ = left_in_journal_ = 0;
    failed_ &= in_sync_;
    redraw_medium_ = redraw_medium_ && !redrawn;
    redraw_file_ = redraw_file_ && redraw_medium_;
    retry_timer_.stop();
    retry_time_ = {};
    for (const auto& member : members_) {
        // One that came back since is judged by itself.
        if (!redrawn || !member->changed || member->doubted || (in_sync_ & member->mask()) == 0) continue;
        member->changed = false;
        if (!member->is_back()) continue;
        // What came while it was not used yet.
        member->away.stop();
        resend_all(*member);
    }
    environment_.events.event(Severity::notice, "mirror-record",
                              "a new record is durable on every member that it calls in sync",
                              {{"mirror", name_},
                               {"generation", std::to_string(record_.generation)},
                               {"in_sync", std::to_string(__builtin_popcount(in_sync_))},
                               {"left_out", std::to_string(__builtin_popcount(left))}});
    announce_task_.post();
    bool more = failed_ != 0;
    for (std::size_t i = 0; i < resyncs_.size(); ++i) {
        Resync& resync = *resyncs_[i];
        if ((marked & resync.member().mask()) != 0 && resync.wants_mark()) resync.marked();
        more = more || resync.wants_mark() || resync.wants_promotion();
    }
    release_waiting();
    release_held(Errc::ok);
    if (state_ == State::serving && !change_) judge_changed();
    if ((more || marked_unknown()) && state_ == State::serving && !change_) begin_change();
    if (state_ == State::serving && !change_) keep_acknowledged();
}

/// What has not been sent to any member.
void Mirror::release_held(Errc code) {
    const std::vector<Io*> held = std::exchange(record_waiting_, {});
    for (Io* io : held) code == Errc::ok ? start_change(*io) : finish(*io, code);
}

void Mirror::release_waiting() {
    const std::vector<Io*> waiting = std::exchange(waiting_, {});
    for (Io* io : waiting) acknowledge_or_wait(*io);
}

}  // namespace dst
