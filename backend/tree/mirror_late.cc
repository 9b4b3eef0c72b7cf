#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "tree/mirror_parts.h"

/// A member that is in sync by the record and comes up after the start, before anything was changed (M7). It is taken
/// in without leaving. Nothing waits for that: what is changed meanwhile it has missed, and it leaves (M2).
namespace dst {

bool Mirror::missed_nothing(std::size_t index) const {
    const Member& member = *members_.at(index);
    if (state_ != State::serving || served_ || settling_ || change_ || redraw_medium_ || member.number == 0)
        return false;
    // A newer record may be on some member.
    if (failed_ != 0 || submitted_.revision != record_.revision) return false;
    if (member.metadata_in_flight || !member.outstanding.empty()) return false;
    return (in_sync_ & ~joined_ & member.mask()) != 0;
}

void Mirror::leave_out(std::size_t index, const std::string& why) {
    Member& member = *members_.at(index);
    // With no other at hand nothing could be recorded.
    if (missed_nothing(index) && may_fail(member) && reachable() != 0) fail_member(member, why);
}

void Mirror::take_in(std::size_t index, const std::vector<RecordLeaf>& leaves, Callback<void> done) {
    Member& member = *members_.at(index);
    if (!missed_nothing(index)) {
        return loop_.defer([done = std::move(done)] { done(Error{Errc::changed, "something moved meanwhile"}); });
    }
    member.metadata_in_flight = true;
    member.metadata_since = loop_.now();
    ++in_flight_;
    auto ended = [this, &member, leaves, sent = changes_sent_, revision = record_.revision,
                  done = std::move(done)](const Result<void>& written) {
        member.metadata_in_flight = false;
        --in_flight_;
        check_closed();
        if (!written) return done(written);
        const bool moved = sent != changes_sent_ || revision != record_.revision;
        if (moved || !use_late(member, leaves)) return done(Error{Errc::changed, "something moved meanwhile"});
        done({});
    };
    member.metadata.write_record(record_, [this, &member, ended = std::move(ended)](const Result<void>& written) {
        if (!written || state_ != State::serving) return ended(written);
        write_all_maps(member, 0, ended);
    });
}

bool Mirror::use_late(Member& member, const std::vector<RecordLeaf>& leaves) {
    if (!missed_nothing(member.index) || !member.device.up()) return false;
    joined_ |= member.mask();
    member.incarnation = member.device.incarnation();
    member.took(record_);
    member.changed = false;
    member.told_up = true;
    member.reason.clear();
    member.left_for.clear();
    member.refused.clear();
    RecordMember* const recorded = find_member(record_, member.number);
    DST_ASSERT(recorded != nullptr);
    recorded->incarnation = member.incarnation;
    recorded->leaves = leaves;
    // An older copy of any of them is told by that (M7): the start's record, as this mirror has it, is from before they
    // acknowledged it.
    for (const auto& other : members_) {
        if ((in_sync_ & joined_ & other->mask()) == 0) continue;
        RecordMember* const theirs = find_member(record_, other->number);
        theirs->revision = std::max(theirs->revision, other->acknowledged);
    }
    submitted_ = record_;
    environment_.keeper->keep(record_, [](const Result<void>&) {});
    environment_.events.event(Severity::notice, "member-taken-in",
                              "a member came up after the start and has missed nothing; it is in use from now on",
                              {{"mirror", name_}, {"member", member.name}});
    answers_again(member);
    announce_task_.post();
    return true;
}

}  // namespace dst
