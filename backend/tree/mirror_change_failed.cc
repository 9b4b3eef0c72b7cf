#include <algorithm>
#include <utility>

#include "tree/mirror_parts.h"

/// M2, M10: a record that could not be made durable, and what becomes of those that it was to leave out.
namespace dst {
namespace {

constexpr Duration retry_time_min = std::chrono::seconds(2);
constexpr Duration retry_time_max = std::chrono::seconds(30);

}  // namespace

/// The waiting requests end in an error; the members that failed stay failed, and the next change tries again.
void Mirror::change_failed(const Error& why) {
    const std::unique_ptr<Change> failed = std::move(change_);
    const bool several = (in_sync_ & (in_sync_ - 1)) != 0;
    // Of several that came back changed nobody could tell, after a start, which one has lost something once more.
    const bool nothing_known = redraw_medium_ && several && !failed->in_journal;
    if (why.code != Errc::fenced) tell_record_failed(nothing_known, why);
    if (redraw_medium_ && !is_lost(why.code) && !nothing_known) {
        // The last member does not take its record: reads go on (M10), and what is above hears of the loss below.
        redraw_medium_ = redraw_file_ = false;
        record_.medium = failed->next.medium;
        for (const auto& member : members_) {
            if (!member->changed || member->doubted) continue;
            member->changed = false;
            if (several) unrecorded_ |= in_sync_ & ~failed_ & member->mask();
        }
    }
    // Those that wait for the next one too: nobody may ask for it until they are taken back.
    for (const auto& member : members_) {
        const Resync* const resync = resync_of(*member);
        const bool waits = resync != nullptr && (resync->wants_mark() || resync->wants_promotion());
        if (waits || ((failed->marked | failed->joiner) & member->mask()) != 0) drop_target(*member, to_string(why));
    }
    // One that refuses its record would refuse the next one, too; each could be another generation that it may have.
    if (is_lost(why.code) || (!failed->in_journal && why.code != Errc::fenced)) {
        retry_time_ = std::clamp(2 * retry_time_, retry_time_min, retry_time_max);
        retry_timer_.start(retry_time_);
    }
    announce_task_.post();
    const Errc code = is_lost(why.code) || why.code == Errc::fenced ? why.code : Errc::io_error;
    const std::vector<Io*> waiting = std::exchange(waiting_, {});
    for (const Io* io : waiting) mark_unreconciled(*io);
    for (Io* io : waiting) finish(*io, code == Errc::cancelled ? Errc::disconnected : code);
    release_held(code == Errc::cancelled ? Errc::disconnected : code);
    // Whom this record would have left out is waited for again.
    if (!redraw_medium_) judge_changed();
    if (!served_) return;
    const Callback<void> served = std::exchange(served_, nullptr);
    served(why);
}

/// It may hang for ever, and has its record when it goes on. No request may wait so long.
void Mirror::journal_stalls() {
    if (state_ != State::serving || !change_ || change_->in_journal) return;
    // Nobody waits for it, for a promotion: those that have everything may still become fewer.
    if (failed_ == 0 && unrecorded_ == 0) return journal_timer_.start(journal_limit);
    stalled_ = true;
    environment_.events.event(Severity::error, "journal-stalls",
                              "the journal has not taken a new record of the members for 10 s; writes wait, and are "
                              "answered so that initiators send them again, until it has. Look at the disk that the "
                              "journal lies on",
                              {{"mirror", name_}});
    const std::vector<Io*> waiting = std::exchange(waiting_, {});
    for (const Io* io : waiting) mark_unreconciled(*io);
    for (Io* io : waiting) finish(*io, Errc::disconnected);
    release_held(Errc::disconnected);
}

void Mirror::tell_record_failed(bool nothing_known, const Error& why) {
    const char* const text =
        nothing_known
            ? "the last members in sync came back and may have lost writes that were never flushed, and the record "
              "that says so could not be made durable; nothing is answered until it can. Look at the journal's "
              "filesystem and at the members"
            : "a record without the failed members could not be made durable; writes fail until it can. "
              "Look at the journal's filesystem and at the members";
    environment_.events.event(Severity::error, "mirror-record-failed", text,
                              {{"mirror", name_}, {"why", to_string(why)}});
}

/// Nobody may write for long, and what failed is to come back.
void Mirror::retry_change() {
    if (state_ != State::serving || settling_ || change_) return;
    const bool all_back = std::all_of(members_.begin(), members_.end(), [this](const auto& member) {
        const bool used = (in_sync_ & ~failed_ & joined_ & member->mask()) != 0;
        return !used || (member->is_back() && takes_record(*member));
    });
    if (reachable() == 0 && (take_back() || take_back_changed())) {
        // Their records are looked at first.
        retry_timer_.start(retry_time_);
        return judge_changed();
    }
    const bool any_there = std::any_of(members_.begin(), members_.end(), [this](const auto& member) {
        return (in_sync_ & ~failed_ & joined_ & member->mask()) != 0 && member->is_back();
    });
    if (redraw_medium_ ? all_back : failed_ != 0 && any_there && !waits_for_failed()) return begin_change();
    if (failed_ != 0 || redraw_medium_) retry_timer_.start(retry_time_);
}

/// Those in use that are there have other data, or are other files, which may be older copies.
bool Mirror::only_others_there() const {
    const Mask used = in_sync_ & ~failed_ & joined_;
    Mask there = 0;
    for (const auto& member : members_) {
        if (member->is_back()) there |= used & member->mask();
    }
    return there != 0 && (same_files(there) & ~older_data_below(there)) == 0;
}

/// They are not gone on with, by a record without those that failed, while one of these may have everything.
bool Mirror::waits_for_failed() const {
    return only_others_there() && std::any_of(members_.begin(), members_.end(), [this](const auto& member) {
               return (left_in_journal_ & member->mask()) == 0 && may_be_taken_back(*member);
           });
}

/// Nor when that one has lost what was never flushed: it is judged with them (judge_changed()).
bool Mirror::take_back_changed() {
    if (given_ || redraw_medium_ || change_ || settling_ || served_ || !only_others_there()) return false;
    bool back = false;
    for (const auto& member : members_) {
        const bool failed = (failed_ & in_sync_ & joined_ & ~left_in_journal_ & member->mask()) != 0;
        const Incarnation& now = member->device.incarnation();
        if (!failed || !member->is_back() || now == member->incarnation) continue;
        if (!same_data(member->incarnation, now) || !same_file(member->incarnation, now)) continue;
        back = true;
        failed_ &= ~member->mask();
        member->left_for.clear();
        lost_something(*member);
        environment_.events.event(Severity::warning, "member-taken-back",
                                  "the journal took no record without a member that failed, and in the place of all "
                                  "others in use lies something else: it is in use again, and may have lost writes "
                                  "that were not flushed",
                                  {{"mirror", name_}, {"member", member->name}});
    }
    return back;
}

/// It failed, and no record has left it out: it has all that was acknowledged, unless it has lost something since. What
/// a member may have was given to it by this head: a record without those that failed.
bool Mirror::may_be_taken_back(const Member& member) const {
    if (given_ || redraw_medium_ || (change_ && change_->in_journal)) return false;
    if ((failed_ & in_sync_ & joined_ & member.mask()) == 0 || member.changed) return false;
    const auto may_have_another = [&](const auto& other) {
        const auto not_durable = [this](const MayHave& one) { return one.generation != record_.generation_id; };
        return (in_sync_ & ~member.mask() & other->mask()) != 0 &&
               std::any_of(other->may_have.begin(), other->may_have.end(), not_durable);
    };
    if (std::any_of(members_.begin(), members_.end(), may_have_another)) return false;
    return !member.is_back() || (!member.takes_no_record() && member.device.incarnation() == member.incarnation);
}

/// Members that no record has left out, since the journal took none: what they missed since is marked unreconciled.
/// When nobody else is there they are in use again, by a newer record. Once a member may have the record without them,
/// another head may start from that one alone.
bool Mirror::take_back() {
    if (state_ != State::serving || settling_ || change_ || served_) return false;
    Mask back = 0;
    for (const auto& member : members_) {
        if (member->is_back() && may_be_taken_back(*member)) back |= member->mask();
    }
    if (back == 0) return false;
    failed_ &= ~back;
    for (const auto& member : members_) {
        if ((back & member->mask()) == 0) continue;
        member->reason.clear();
        member->left_for.clear();
        environment_.events.event(Severity::warning, "member-taken-back",
                                  "the journal took no record without a member that failed, and no other one is there: "
                                  "it is in use again, and has all that was acknowledged",
                                  {{"mirror", name_}, {"member", member->name}});
    }
    request_change();
    return true;
}

}  // namespace dst
