#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_parts.h"

/// M3: a region's intent bit is durable on every member in sync before a change is sent to any. M4: it is cleared late.
/// The maps are written in rounds: one at a time, each with all slots that have changed, through the ordinary way of a
/// write, so that a member that does not take its slot is dropped like any other (M2).
namespace dst {
namespace {

/// A region that was not changed for twice to three times as long is cleared.
constexpr Duration idle_time = std::chrono::seconds(5);
/// When changes have set so many bits within idle_time, and a 64th of all, each one sets those of the regions around it
/// as well.
constexpr std::uint64_t bits_set_max = 1024;
constexpr std::uint64_t regions_around = 16;

}  // namespace

void Mirror::take_maps(const FoundMaps& found) {
    DST_ASSERT(state_ == State::standing);
    maps_ = MirrorMaps(record_);
    maps_.intent().unite(found.intent);
    for (const MemberMap& owed : found.owed) {
        if (RegionMap* const map = maps_.owed(owed.member)) *map = owed.map;
    }
    if (broken(Rule::m4_reconcile)) return;
    for (auto run = found.intent.next_run(0); run; run = found.intent.next_run(run->end())) {
        unreconciled_.set(unreconciled_.pieces_of(found.intent.extent_of(*run)));
        ++doubts_;
    }
}

/// Every change of data goes through here, the mirror's own ones too.
void Mirror::start_change(Io& io) {
    if (state_ != State::serving || io.slot != nullptr) return fan_out(io);
    // A member that loses its cache now could not be told from one that has all of it: what is written here might be
    // read, and be gone after the next start.
    if (unrecorded_ != 0) {
        if (stalled_) return loop_.defer([this, &io] { finish(io, Errc::disconnected); });
        record_waiting_.push_back(&io);
        if (!change_) request_change();
        return;
    }
    if (broken(Rule::m3_intent)) return fan_out(io);
    io.regions = maps_.intent().regions_of(io.outer->extent);
    io.counted = true;
    maps_.begin(io.regions);
    if (io.application) set_ahead(io.outer->extent);
    if (maps_.durable(io.regions)) return fan_out(io);
    if (maps_.intent().set(io.regions) && io.application) set_around(io.regions);
    intent_waiting_.push_back(&io);
    maps_task_.post();
}

/// A stream that goes on past the middle of a region finds the bit of the next one set.
void Mirror::set_ahead(const Extent& extent) {
    const bool goes_on = extent.offset == change_end_;
    change_end_ = extent.end();
    if (!goes_on) return;
    RegionMap& intent = maps_.intent();
    const std::uint64_t region = (extent.end() - 1) / intent.region_bytes();
    const bool late = extent.end() - region * intent.region_bytes() >= intent.region_bytes() / 2;
    if (!late || region + 1 >= intent.regions() || intent.test(region + 1)) return;
    intent.set(region + 1);
    maps_task_.post();
}

/// Changes all over a large storage wait for the map one after another, until it has the bits of all of it. Where so
/// many regions are set anyway, some more are compared or owed after a failure, and are clear again as soon.
void Mirror::set_around(const RegionRun& regions) {
    if (++bits_set_ <= std::max(bits_set_max, maps_.intent().regions() / 64)) return;
    const std::uint64_t first = regions.first / regions_around * regions_around;
    const std::uint64_t last = (regions.end() - 1) / regions_around * regions_around + regions_around - 1;
    maps_.expect({first, std::min(last + 1, maps_.intent().regions()) - first});
}

void Mirror::intents_written() {
    const std::vector<Io*> waiting = std::exchange(intent_waiting_, {});
    for (Io* io : waiting) {
        if (state_ != State::serving) {
            finish(*io, Errc::disconnected);
        } else if (round_error_ != Errc::ok) {
            finish(*io, round_error_);
        } else if (maps_.durable(io->regions)) {
            fan_out(*io);
        } else {
            intent_waiting_.push_back(io);
        }
    }
}

/// `done` when all that is in the maps now is durable on every member in sync.
void Mirror::sync_maps(Callback<void> done) {
    synced_next_.push_back(std::move(done));
    maps_task_.post();
}

void Mirror::write_maps() {
    if (state_ != State::serving || slots_in_flight_ != 0) return;
    DST_ASSERT(slot_writes_.empty() && synced_.empty());
    if (!idle_timer_.running() && maps_.intent().any()) idle_timer_.start(idle_time);
    if (!maps_.any_dirty() && synced_next_.empty() && intent_waiting_.empty()) return;
    synced_ = std::exchange(synced_next_, {});
    round_error_ = Errc::ok;
    for (std::size_t table = 0; table < maps_.tables().size(); ++table) {
        RegionMap& map = maps_.tables()[table].map;
        for (auto slot = map.next_dirty_slot(0); slot; slot = map.next_dirty_slot(*slot + 1)) {
            map.mark_slot_clean(*slot);
            auto write = std::make_unique<SlotWrite>();
            write->mirror = this;
            write->table = table;
            write->slot = *slot;
            const auto words = map.slot_words_of(*slot);
            write->words.assign(words.begin(), words.end());
            slot_writes_.push_back(std::move(write));
        }
    }
    slots_in_flight_ = slot_writes_.size() + 1;
    for (const auto& write : slot_writes_) write->submit();
    loop_.defer([this] {
        if (--slots_in_flight_ == 0) maps_written();
    });
    ++in_flight_;
}

void Mirror::SlotWrite::submit() {
    request.operation = Operation::write;
    request.fua = true;
    request.owner = this;
    request.done = [](Request& done) {
        SlotWrite& write = *static_cast<SlotWrite*>(done.owner);
        write.mirror->slot_written(write, done.result);
    };
    mirror->submit_own(request, ~Mask{0}, this);
}

/// The slot for one member: each has its copies where they are.
void Mirror::SlotWrite::prepare(Member& member, Request& part) {
    const MirrorMaps::Table& from = mirror->maps_.tables()[table];
    const MapSlot content{from.identity, slot, from.map.regions(), from.map.region_bytes(), words};
    Bytes& into = bytes[member.index];
    into.resize(map_slot_bytes);
    part.extent = member.metadata.next_slot(mirror->record_, content, into);
    pieces[member.index] = {into.data(), into.size()};
    part.pieces = Pieces(&pieces[member.index], 1);
}

void Mirror::slot_written(SlotWrite& slot, Errc code) {
    MirrorMaps::Table& table = maps_.tables()[slot.table];
    for (const auto& member : members_) {
        if ((slot.written & member->mask()) == 0) continue;
        member->metadata.slot_written(record_, table.identity, slot.slot);
    }
    if (code != Errc::ok) {
        round_error_ = code;
        table.map.mark_slot_dirty(slot.slot);
    } else if (slot.table == 0) {
        maps_.slot_durable(slot.slot, slot.words);
    }
    if (--slots_in_flight_ == 0) maps_written();
}

void Mirror::maps_written() {
    --in_flight_;
    slot_writes_.clear();
    const std::vector<Callback<void>> synced = std::exchange(synced_, {});
    for (const Callback<void>& done : synced) {
        round_error_ == Errc::ok ? done({}) : done(Error{round_error_, "the mirror's maps could not be written"});
    }
    intents_written();
    // What was asked for meanwhile; what failed waits until somebody asks again.
    if (state_ == State::serving && (!intent_waiting_.empty() || !synced_next_.empty())) maps_task_.post();
    check_closed();
}

bool Mirror::is_region_unreconciled(std::uint64_t region) const {
    return unreconciled_.test_any(unreconciled_.pieces_of(maps_.intent().extent_of({region, 1})));
}

/// Those of `regions` that are equal on all members in sync.
RegionMap Mirror::reconciled(const RegionMap& regions) const {
    RegionMap equal = regions;
    for (auto run = regions.next_run(0); run; run = regions.next_run(run->end())) {
        for (std::uint64_t region = run->first; region < run->end(); ++region) {
            if (is_region_unreconciled(region)) equal.clear(region);
        }
    }
    return equal;
}

void Mirror::look_for_idle() {
    if (state_ != State::serving || settling_) return;
    bits_set_ = 0;
    if (maps_.intent().any()) idle_timer_.start(idle_time);
    // While bits are being cleared, what changes since that began must stay known.
    if (clear_ || !up()) return;
    const RegionMap regions = reconciled(maps_.idle());
    if (regions.any()) begin_clear(regions, nullptr);
}

/// A flush that is submitted now covers all that was ever answered in these regions.
void Mirror::begin_clear(const RegionMap& regions, Callback<void> done) {
    DST_ASSERT(!clear_);
    clear_ = std::make_unique<Clear>();
    clear_->regions = regions;
    clear_->losses = losses_;
    clear_->targets = targets_;
    clear_->admissions = admissions_;
    clear_->done = std::move(done);
    if (broken(Rule::m4_flush_first)) {
        return loop_.defer([this] {
            if (clear_) clear_flushed(Errc::ok);
        });
    }
    Request& request = clear_->flush;
    request.operation = Operation::flush;
    request.owner = this;
    request.done = [](Request& flushed) {
        Mirror& mirror = *static_cast<Mirror*>(flushed.owner);
        mirror.clear_flushed(flushed.result);
    };
    submit_own(request, ~Mask{0});
}

void Mirror::clear_flushed(Errc code) {
    if (code != Errc::ok) return clear_ended(Error{code, "mirror " + name_ + " could not flush"});
    if (state_ != State::serving || clear_->losses != losses_) {
        return clear_ended(Error{Errc::incarnation_changed, "a member was lost meanwhile"});
    }
    clear_owed();
}

/// Members that are not in sync lack what was changed there: that is durable before the intent bit goes.
void Mirror::clear_owed() {
    const RegionMap& regions = clear_->regions;
    for (const RecordMember& member : record_.members) {
        if (member.state == MemberState::in_sync || broken(Rule::m4_owed_first)) continue;
        // It has answered all that was changed there, and this flush.
        if (clear_->admissions == admissions_ && has_target(clear_->targets & targets_, member.number)) continue;
        RegionMap& owed = *maps_.owed(member.number);
        for (auto run = regions.next_run(0); run; run = regions.next_run(run->end())) owed.set(*run);
    }
    // Also when nothing is dirty here: owed bits may be on their way, and that may fail.
    sync_maps([this](const Result<void>& synced) {
        if (!clear_) return;
        if (!synced || state_ != State::serving) {
            return clear_ended(synced ? Error{Errc::disconnected, "the mirror was stopped"} : synced.error());
        }
        clear_intents();
    });
}

bool Mirror::has_target(Mask targets, std::uint32_t number) const {
    return std::any_of(members_.begin(), members_.end(),
                       [&](const auto& member) { return (targets & member->mask()) != 0 && member->number == number; });
}

void Mirror::clear_intents() {
    const RegionMap& regions = clear_->regions;
    for (auto run = regions.next_run(0); run; run = regions.next_run(run->end())) {
        for (std::uint64_t region = run->first; region < run->end(); ++region) {
            if (clear_->losses != losses_ || !maps_.still_idle(region) || is_region_unreconciled(region)) continue;
            maps_.clear_intent(region);
        }
    }
    sync_maps([this](const Result<void>& synced) {
        if (clear_) clear_ended(synced);
    });
}

void Mirror::clear_ended(const Result<void>& result) {
    const std::unique_ptr<Clear> ended = std::move(clear_);
    if (ended->done) ended->done(result);
}

void Mirror::settle(Callback<void> done) {
    settling_ = true;
    stop_resyncs();
    reconcile_timer_.stop();
    idle_timer_.stop();
    if (clear_) {
        // Its regions are a part of what follows.
        clear_->done = [this, done = std::move(done)](const Result<void>&) { settle(done); };
        return;
    }
    if (!maps_.intent().any() && reachable() == 0) return loop_.defer([done = std::move(done)] { done({}); });
    // Nothing runs any more: all that was changed is idle.
    static_cast<void>(maps_.idle());
    static_cast<void>(maps_.idle());
    begin_clear(reconciled(maps_.intent()), std::move(done));
}

}  // namespace dst
