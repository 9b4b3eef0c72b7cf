#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "tree/mirror_parts.h"

/// M8: members that are brought up to date, as the mirror sees them: taken back, dropped, watched. How that is done is
/// in mirror_resync.cc.
namespace dst {

bool Mirror::wants_back(std::size_t index) const {
    const Member& member = *members_.at(index);
    if (state_ != State::serving || served_ || settling_ || member.number == 0) return false;
    if (((in_sync_ | failed_) & member.mask()) != 0) return false;
    // One that was stopped may still copy, or write maps.
    const auto under_way = [&](const auto& resync) {
        return &resync->member() == &member && !(resync->stopped() && resync->idle());
    };
    if (std::any_of(resyncs_.begin(), resyncs_.end(), under_way)) return false;
    if (member.metadata_in_flight || !member.outstanding.empty() || reachable() == 0) return false;
    const RecordMember* const recorded = find_member(record_, member.number);
    return recorded != nullptr && (recorded->state == MemberState::dirty || recorded->state == MemberState::resyncing);
}

void Mirror::admit(std::size_t index, const Admission& admission) {
    if (!wants_back(index)) return;
    Member& member = *members_.at(index);
    member.refused.clear();
    member.older = member.told_older = false;
    member.unread = 0;
    // What an order was about to make stays that, until it has its mark: another head may go on with it alone.
    MayHave has = admission.has;
    const MayHave* const known = find_generation(member.may_have, has.generation);
    has.ordered = has.ordered || (known != nullptr && known->ordered);
    member.may_have.clear();
    remember_generation(member.may_have, has);
    resyncs_.push_back(std::make_unique<Resync>(*this, member, admission));
    resyncs_.back()->begin();
}

void Mirror::lost_for_good(std::size_t index, const std::string& why) {
    Member& member = *members_.at(index);
    if (state_ != State::serving || served_ || settling_ || (in_sync_ & ~failed_ & member.mask()) == 0) return;
    if (!member.device.up() && may_fail(member) && reachable() != 0) fail_member(member, why);
}

void Mirror::owe_everything(std::size_t index, Callback<void> done) {
    const Member& member = *members_.at(index);
    RegionMap* const owed = maps_.empty() ? nullptr : maps_.owed(member.number);
    if (state_ != State::serving || owed == nullptr) {
        return loop_.defer([done = std::move(done)] { done(Error{Errc::disconnected, "the mirror does not serve"}); });
    }
    owed->set_all();
    sync_maps(std::move(done));
}

Mirror::Resync* Mirror::resync_of(const Member& member) const {
    for (const auto& resync : resyncs_) {
        if (!resync->stopped() && &resync->member() == &member) return resync.get();
    }
    return nullptr;
}

/// Before a clean end: they are owed what is not flushed on them.
void Mirror::stop_resyncs() {
    Mask stopped = 0;
    for (const auto& resync : resyncs_) {
        if (resync->stopped()) continue;
        stopped |= resync->member().mask();
        if ((targets_ & resync->member().mask()) != 0) maps_.owed(resync->member().number)->unite(maps_.intent());
        resync->stop();
    }
    targets_ = promoting_ = 0;
    ++admissions_;
    leave_change(stopped);
}

void Mirror::reap_resyncs() {
    std::erase_if(resyncs_, [](const auto& resync) { return resync->stopped() && resync->idle(); });
}

/// Regions that some members lack, whatever they have answered.
void Mirror::owe(const RegionRun& regions, Mask members) {
    for (const auto& member : members_) {
        if ((members & member->mask()) == 0) continue;
        maps_.owed(member->number)->set(regions);
        if (Resync* const resync = resync_of(*member)) resync->owed(regions);
    }
}

/// It gets nothing any more. What was not flushed on it has its intent bit still, and is owed from now on.
void Mirror::drop_target(Member& member, const std::string& why) {
    Resync* const resync = resync_of(member);
    if (resync == nullptr) return;
    const bool was_target = (targets_ & member.mask()) != 0;
    targets_ &= ~member.mask();
    promoting_ &= ~member.mask();
    ++admissions_;
    resync->stop();
    if (was_target) maps_.owed(member.number)->unite(maps_.intent());
    member.reason = "bringing it up to date was broken off: " + why;
    member.left_for = member.device.up() ? member.reason : std::string();
    environment_.events.event(Severity::warning, "resync-stopped",
                              reachable() != 0
                                  ? "a member could not be brought up to date; it is tried again when it is there. "
                                    "The others carry on"
                                  : "a member could not be brought up to date; it is tried again when a member in sync "
                                    "is back to copy from. None can be reached, so that nothing is served",
                              {{"mirror", name_}, {"member", member.name}, {"why", why}});
    // Also when it is down: of a linear the other parts may hold it.
    if (!member.outstanding.empty() || member.metadata_in_flight || !resync->idle()) {
        member.device.cut({Errc::timed_out, why});
    }
    leave_change(member.mask());
}

/// The record that is on its way does not wait for targets any more; one that calls any of them in sync is followed by
/// another.
void Mirror::leave_change(Mask targets) {
    if (!change_ || ((change_->marked | change_->joiner) & targets) == 0) return;
    change_->late &= ~targets;
    change_->marked &= ~targets;
    if ((change_->joiner & targets) != 0) change_->superseded = true;
    step_ended();
}

void Mirror::watch_targets() {
    if (state_ != State::serving) return;
    const TimePoint now = loop_.now();
    for (const auto& member : members_) {
        if (resync_of(*member) == nullptr) continue;
        const Duration limit = limit_of(*member, Operation::write);
        const Duration flush_limit = std::max(limit, flush_limit_min);
        Duration waited{};
        bool late = member->metadata_in_flight && now - member->metadata_since > limit;
        for (const Part& part : member->outstanding) {
            waited = now - part.sent;
            late = late || waited > (part.request.operation == Operation::flush ? flush_limit : writer_waits_max);
        }
        const bool copies_held_up = resync_of(*member)->is_held_up();
        if (!late && !copies_held_up) continue;
        resync_of(*member)->ask_for_less();
        drop_target(*member, late ? "it held a write for too long: its disk or link is too slow for what is written now"
                                  : "it held what is compared or copied for too long, or a writer waited for it");
    }
    if (targets_ != 0 || !resyncs_.empty()) target_timer_.start(target_look_time);
}

}  // namespace dst
