#include "tree/mirror.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "tree/mirror_rewrite.h"

namespace dst {
namespace {

/// Waits for several answers and passes on one: the first error, or success.
class Joined : public std::enable_shared_from_this<Joined> {
public:
    Joined(Loop& loop, Callback<void> done) : loop_(loop), done_(std::move(done)) {}

    Callback<void> one() {
        ++pending_;
        return [self = shared_from_this()](const Result<void>& result) {
            if (!result && !self->error_) self->error_ = result.error();
            self->ended();
        };
    }
    /// After the last one(); the answer comes later even when there was none.
    void all_started() {
        ++pending_;
        loop_.defer([self = shared_from_this()] { self->ended(); });
    }

private:
    void ended() {
        if (--pending_ != 0) return;
        error_ ? done_(*error_) : done_({});
    }

    Loop& loop_;
    Callback<void> done_;
    unsigned pending_ = 0;
    std::optional<Error> error_;
};

}  // namespace

Mirror::Member::Member(Mirror& mirror, std::size_t position, const MirrorChild& child)
    : owner(mirror),
      index(position),
      device(*child.device),
      name(child.name),
      read(child.read),
      remote(child.remote),
      levels(child.levels),
      metadata(*child.device),
      look_again(mirror.loop_, [this] { owner.look_again(*this); }),
      away(mirror.loop_, [this] { owner.away_too_long(*this); }),
      give_up(mirror.loop_, [this] { owner.give_up_resending(*this); }) {}

Mirror::Mirror(const MirrorEnvironment& environment, std::string name, std::vector<MirrorChild> children)
    : environment_(environment),
      loop_(environment.loop),
      name_(std::move(name)),
      target_timer_(loop_, [this] { watch_targets(); }),
      reap_task_(loop_, [this] { reap_resyncs(); }),
      retry_timer_(loop_, [this] { retry_change(); }),
      journal_timer_(loop_, [this] { journal_stalls(); }),
      lock_(loop_),
      ios_(std::make_unique<Pool<Io>>()),
      maps_task_(loop_, [this] { write_maps(); }),
      idle_timer_(loop_, [this] { look_for_idle(); }),
      reconcile_timer_(loop_, [this] { reconcile_next(); }),
      pace_timer_(loop_, [this] { look_at_pace(); }),
      watch_timer_(loop_, [this] { watch(); }),
      announce_task_(loop_, [this] { announce(); }),
      fenced_task_(loop_, [this] { environment_.keeper->on_fenced(fenced_by_); }) {
    DST_ASSERT(!children.empty() && children.size() <= mirror_members_max);
    for (std::size_t i = 0; i < children.size(); ++i) {
        members_.push_back(std::make_unique<Member>(*this, i, children[i]));
    }
}

Mirror::~Mirror() { DST_ASSERT(in_flight_ == 0); }

std::uint32_t Mirror::number(std::size_t index) const { return members_.at(index)->number; }

MemberMetadata& Mirror::metadata(std::size_t index) { return members_.at(index)->metadata; }

void Mirror::assume(const Record& record) {
    DST_ASSERT(state_ == State::unopened);
    record_ = record;
    geometry_.size_bytes = record.size_bytes;
    geometry_.logical_block_bytes = record.logical_block_bytes;
    geometry_.physical_block_bytes = record.logical_block_bytes;
    for (const RecordMember& member : record.members) {
        for (const RecordLeaf& leaf : member.leaves) {
            geometry_.physical_block_bytes = std::max(geometry_.physical_block_bytes, leaf.physical_block_bytes);
        }
    }
}

void Mirror::take_record(const Record& record) {
    record_ = record;
    submitted_ = record;
    in_sync_ = 0;
    for (const auto& member : members_) {
        const RecordMember* found = member->number == 0 ? nullptr : find_member(record, member->number);
        if (found != nullptr && found->state == MemberState::in_sync) in_sync_ |= member->mask();
    }
}

void Mirror::take_geometry() {
    Geometry geometry = geometry_;
    geometry.size_bytes = record_.size_bytes;
    geometry.logical_block_bytes = record_.logical_block_bytes;
    geometry.can_unmap = true;
    geometry.fast_zeroes = true;
    for (const auto& member : members_) {
        if ((joined_ & member->mask()) == 0) continue;
        const Geometry& below = member->device.geometry();
        geometry.logical_block_bytes = std::max(geometry.logical_block_bytes, below.logical_block_bytes);
        geometry.physical_block_bytes = std::max(geometry.physical_block_bytes, below.physical_block_bytes);
        geometry.can_unmap = geometry.can_unmap && below.can_unmap;
        geometry.fast_zeroes = geometry.fast_zeroes && below.fast_zeroes;
    }
    geometry.physical_block_bytes = std::max(geometry.physical_block_bytes, geometry.logical_block_bytes);
    geometry_ = geometry;
}

void Mirror::stand(const Record& record, std::uint32_t used) {
    DST_ASSERT(state_ == State::unopened && in_flight_ == 0);
    take_record(record);
    DST_ASSERT(used != 0 && (used & ~in_sync_) == 0);
    joined_ = used;
    failed_ = 0;
    for (const auto& member : members_) {
        member->changed = member->doubted = member->older = member->told_older = false;
        member->unread = 0;
        member->known_generation = record.generation_id;
        if (const RecordMember* const recorded = find_member(record, member->number)) {
            member->may_have = recorded->may_have;
            if (recorded->state == MemberState::in_sync) remember_generation(member->may_have, may_have_of(record));
        }
        member->reason.clear();
        member->left_for.clear();
        member->refused.clear();
        member->start_error.reset();
        if ((used & member->mask()) == 0) continue;
        member->incarnation = member->device.incarnation();
        member->told_up = true;
    }
    take_geometry();
    settling_ = false;
    unreconciled_ = PieceMap(record.size_bytes, rewrite_piece_bytes);
    compared_at_once_ = 1;
    maps_ = MirrorMaps(record);
    given_ = true;
    state_ = State::standing;
}

void Mirror::set_refused(std::size_t index, const std::string& why) { members_.at(index)->refused = why; }

void Mirror::write_start_record(const Record& record, std::uint32_t leaving, Callback<void> done) {
    DST_ASSERT(state_ == State::standing && (leaving & joined_) == 0);
    take_record(record);
    auto joined = std::make_shared<Joined>(loop_, std::move(done));
    for (const auto& member : members_) {
        if (((joined_ | leaving) & member->mask()) == 0) continue;
        member->metadata.write_record(record, [this, to = member.get(), record,
                                               ended = joined->one()](const Result<void>& written) {
            const bool leaves = (joined_ & to->mask()) == 0;
            if (!written && leaves && takes_no_writes(written.error().code)) return ended({});
            if (!written) return start_written(*to, written, ended);
            to->took(record);
            if (leaves) return ended(written);
            write_all_maps(*to, 0, [this, to, ended](const Result<void>& maps) { start_written(*to, maps, ended); });
        });
    }
    joined->all_started();
}

void Mirror::start_written(Member& member, const Result<void>& written, const Callback<void>& ended) {
    if (written) return ended({});
    if (takes_no_writes(written.error().code)) member.start_error = written.error();
    ended(Error{written.error().code, member.name + ": " + written.error().text});
}

const std::optional<Error>& Mirror::start_error(std::size_t index) const { return members_.at(index)->start_error; }

/// Every map from `table` on, one after the other; what is there already is not written.
void Mirror::write_all_maps(Member& member, std::size_t table, Callback<void> done) {
    std::vector<MirrorMaps::Table>& tables = maps_.tables();
    while (table < tables.size() && tables[table].identity.member == member.number) ++table;
    if (table >= tables.size()) return done({});
    member.metadata.write_map(record_, tables[table].identity, tables[table].map,
                              [this, &member, table, done = std::move(done)](const Result<void>& written) {
                                  if (!written || state_ == State::unopened) return done(written);
                                  write_all_maps(member, table + 1, done);
                              });
}

void Mirror::serve(std::uint32_t drop, Callback<void> done) {
    DST_ASSERT(state_ == State::standing && (drop & joined_) == 0);
    state_ = State::serving;
    take_geometry();
    // They are on the members as they are here (M5 step 7).
    for (MirrorMaps::Table& table : maps_.tables()) {
        for (std::uint64_t slot = 0; slot < table.map.slots(); ++slot) table.map.mark_slot_clean(slot);
    }
    maps_.all_durable();
    maps_task_.post();
    served_ = std::move(done);
    for (const auto& member : members_) {
        // The first one to leave may have taken others along that are not there.
        const bool refused = (joined_ & member->mask()) == 0 && !member->refused.empty();
        if (((refused ? member->mask() : drop) & in_sync_ & ~failed_ & member->mask()) == 0) continue;
        if (!may_fail(*member)) continue;
        const RecordMember* const recorded = find_member(record_, member->number);
        const bool same = recorded == nullptr || same_file(recorded->incarnation, member->device.incarnation());
        fail_member(*member, refused ? member->refused
                             : same  ? "it may have lost writes that were not flushed while this head was not looking"
                                     : "another file is in its place than before, which may be an older copy");
    }
    // None of the children has its number, so that it would miss writes and never fail one.
    for (const RecordMember& recorded : record_.members) {
        const auto is_it = [&](const auto& member) { return member->number == recorded.number; };
        if (recorded.state != MemberState::in_sync || std::any_of(members_.begin(), members_.end(), is_it)) continue;
        environment_.events.event(Severity::warning, "member-dropped",
                                  "a member that was in sync is not in the storage's file, or cannot be told there "
                                  "while it is away; it is left out, and the others carry on. When it is named in the "
                                  "file and there, it is brought up to date by itself",
                                  {{"mirror", name_}, {"member", recorded.name}, {"why", "no member has its number"}});
        if (!change_) begin_change();
    }
    announce_task_.post();
}

void Mirror::stop() {
    if (state_ != State::standing && state_ != State::serving) return;
    state_ = State::unopened;
    change_.reset();
    ++attempts_;
    served_ = nullptr;
    joined_ = 0;
    failed_ = 0;
    redraw_medium_ = redraw_file_ = false;
    watch_timer_.stop();
    reconcile_timer_.stop();
    idle_timer_.stop();
    retry_timer_.stop();
    journal_timer_.stop();
    stalled_ = false;
    retry_time_ = {};
    target_timer_.stop();
    pace_timer_.stop();
    slow_ = 0;
    maps_task_.cancel();
    targets_ = promoting_ = 0;
    doubtful_ = unrecorded_ = 0;
    for (const auto& resync : resyncs_) resync->stop();
    for (const auto& member : members_) {
        member->away.stop();
        member->look_again.stop();
        member->give_up.post();
    }
    const std::vector<Io*> waiting = std::exchange(waiting_, {});
    for (Io* io : waiting) finish(*io, Errc::disconnected);
    release_held(Errc::disconnected);
    intents_written();
    for (const Callback<void>& synced : std::exchange(synced_next_, {})) {
        synced(Error{Errc::disconnected, "the mirror was stopped"});
    }
    announce_task_.post();
}

Mirror::Mask Mirror::reachable() const {
    Mask mask = 0;
    for (const auto& member : members_) {
        if (member->is_back() && !member->changed) mask |= member->mask();
    }
    return mask & in_sync_ & joined_ & ~failed_;
}

bool Mirror::up() const {
    switch (state_) {
        case State::standing: return reachable() != 0;
        case State::serving: return reachable() != 0 && !served_ && !redraw_medium_;
        case State::unopened:
        case State::closing: return false;
    }
    return false;
}

Incarnation Mirror::incarnation() const { return {record_.medium}; }

void Mirror::announce() {
    if (state_ == State::serving && served_ && !change_ && failed_ == 0) {
        const Callback<void> served = std::exchange(served_, nullptr);
        served({});
    }
    if (unreconciled_.any() && state_ == State::serving && !reconcile_timer_.running() && !background_) {
        reconcile_timer_.start(Duration::zero());
    }
    const bool now_up = state_ == State::serving && up();
    if (now_up == announced_up_) return;
    announced_up_ = now_up;
    if (now_up) {
        notify_up();
    } else {
        notify_down({Errc::disconnected, "mirror " + name_ + ": no member in sync can be reached"});
    }
}

void Mirror::cut(const Error& why) {
    // Those that are not in use may hold requests as well: targets, and those that have left. A target that holds
    // nothing up is not what is waited for; without its resync, the next one would meet the same.
    const TimePoint now = loop_.now();
    for (const auto& member : members_) {
        bool holds = member->metadata_in_flight || !member->outstanding.empty();
        if (Resync* const resync = resync_of(*member)) {
            holds =
                resync->is_held_up() || (member->metadata_in_flight && now - member->metadata_since > writer_waits_max);
            for (const Part& part : member->outstanding) holds = holds || now - part.sent > writer_waits_max;
        } else if ((joined_ & member->mask()) != 0) {
            holds = true;
        }
        if (holds) member->device.cut(why);
    }
}

void Mirror::close(std::function<void()> closed) {
    DST_ASSERT(state_ != State::closing);
    stop();
    state_ = State::closing;
    closed_ = std::move(closed);
    check_closed();
}

void Mirror::check_closed() {
    if (state_ != State::closing || in_flight_ != 0 || !closed_) return;
    loop_.defer(std::exchange(closed_, nullptr));
}

bool Mirror::idle() const noexcept {
    for (const auto& member : members_) {
        if (member->metadata_in_flight || !member->outstanding.empty()) return false;
    }
    return in_flight_ == 0;
}

bool Mirror::degraded() const noexcept {
    std::size_t in_sync = 0;
    for (const auto& member : members_) {
        if ((in_sync_ & ~failed_ & joined_ & member->mask()) != 0 && member->device.up()) ++in_sync;
    }
    return in_sync < members_.size();
}

TimePoint Mirror::last_answer() const noexcept {
    TimePoint last{-1};
    for (const auto& member : members_) last = std::max(last, member->last_answer);
    return last;
}

const Counters& Mirror::counters(std::size_t index) const { return members_.at(index)->counters; }

Mirror::ChildStatus Mirror::child_status(std::size_t index) const {
    const Member& member = *members_.at(index);
    const RecordMember* recorded = member.number == 0 ? nullptr : find_member(record_, member.number);
    if (recorded == nullptr && !member.refused.empty()) return {VertexState::refused, member.refused, {}, {}};
    if (recorded == nullptr) return {VertexState::unreachable, "not known to the mirror's record", {}, {}};
    if ((failed_ & member.mask()) != 0) return {VertexState::dirty, why_dirty(member), member.left_for, {}};
    switch (recorded->state) {
        case MemberState::in_sync: break;
        case MemberState::dirty:
        case MemberState::resyncing:
            if (const Resync* const resync = resync_of(member)) {
                const char* const how = reachable() != 0 ? "it is brought up to date"
                                                         : "no member in sync can be reached to copy the rest from";
                return {VertexState::resyncing, how, {}, resync->progress()};
            }
            if (!member.refused.empty()) return {VertexState::refused, member.refused, {}, {}};
            return {VertexState::dirty, why_dirty(member), member.left_for, {}};
        case MemberState::detached: return {VertexState::detached, "taken out by the administrator", {}, {}};
    }
    const auto unreachable = [](std::string why) {
        return ChildStatus{VertexState::unreachable, std::move(why), {}, {}};
    };
    if (member.changed) return unreachable(member.reason + "; waiting for another");
    if (!member.device.up()) return unreachable(member.reason);
    if (state_ == State::serving && (joined_ & member.mask()) == 0) {
        if (!member.refused.empty()) return unreachable(member.refused);
        return unreachable("it came up after the start and has missed nothing yet; it is not in use");
    }
    return {VertexState::in_sync, {}, {}, {}};
}

/// Of a member that is not in sync: what keeps it so now.
std::string Mirror::why_dirty(const Member& member) const {
    if (!member.device.up()) return {};
    if (state_ != State::serving) return member.reason.empty() ? "dropped before this start" : member.reason;
    if (reachable() == 0) return "there is nothing to copy from: no member in sync can be reached";
    if ((failed_ & member.mask()) != 0) return "it is left out, which is being recorded";
    return "it is there, and is looked at next";
}

}  // namespace dst
