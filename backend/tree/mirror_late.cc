#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "tree/mirror_parts.h"

/// A member that is in sync by the record and comes up after the start, before anything was changed (M7). It is taken
/// in without leaving. Nothing waits for that: what is changed meanwhile it has missed, and it leaves (M2).
namespace dst {

void Mirror::set_number(std::size_t index, std::uint32_t number) {
    Member& member = *members_.at(index);
    for (const auto& other : members_) {
        if (state_ != State::serving || number == 0 || other->number != number || other.get() == &member) continue;
        DST_ASSERT(((joined_ | failed_) & (member.mask() | other->mask())) == 0);
        other->number = member.number;
        other->metadata.set_number(member.number);
        std::swap(other->known_generation, member.known_generation);
        std::swap(other->may_have, member.may_have);
    }
    member.number = number;
    member.metadata.set_number(number);
}

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
    // For now only the journal knows its incarnation: a start from the members would take it for one that has lost
    // something, as soon as others have, and nothing is acknowledged before they know it.
    unrecorded_ |= member.mask();
    keep_acknowledged();
    environment_.events.event(Severity::notice, "member-taken-in",
                              "a member came up after the start and has missed nothing; it is in use from now on",
                              {{"mirror", name_}, {"member", member.name}});
    answers_again(member);
    announce_task_.post();
    record_late();
    return true;
}

/// What all have acknowledged by now: an older copy of any of them, from before that, is told by it at a start that the
/// journal decides (M7). The record itself, as this mirror has given it away, is from before they acknowledged it.
void Mirror::keep_acknowledged() {
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & joined_ & member->mask()) == 0) continue;
        RecordMember* const recorded = find_member(record_, member->number);
        recorded->revision = std::max(recorded->revision, member->acknowledged);
    }
    submitted_ = record_;
    environment_.keeper->keep(record_, [](const Result<void>&) {});
}

/// When nobody would leave for that, who may be there soon.
void Mirror::record_late() {
    if (unrecorded_ == 0 || change_ || settling_ || (in_sync_ & ~joined_) != 0) return;
    const Mask used = in_sync_ & ~failed_ & joined_;
    const bool all_back = std::all_of(members_.begin(), members_.end(), [used](const auto& member) {
        return (used & member->mask()) == 0 || (member->is_back() && !member->changed);
    });
    if (all_back) request_change();
}

}  // namespace dst
