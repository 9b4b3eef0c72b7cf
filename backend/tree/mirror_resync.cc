#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_parts.h"
#include "tree/owned_request.h"

/// M8: a member that came back is brought up to date while the others serve, and counts as in sync in the end.
namespace dst {
namespace {

/// A member that does not answer in time is asked for less the next time: the way to it may be slow.
constexpr std::uint64_t piece_bytes_min = 32u << 10;

/// A target that makes a writer wait longer is cut off.
constexpr Duration writer_waits_max = std::chrono::seconds(1);
constexpr Duration look_time = std::chrono::milliseconds(250);

/// Before what could not be done now is tried again: a source that does not read, a range that is not reconciled.
constexpr Duration retry_time = std::chrono::seconds(2);

/// What may be copied and not flushed before the target is flushed.
constexpr std::uint64_t unflushed_max = 256u << 20;

constexpr Duration flush_limit_min = std::chrono::seconds(20);

}  // namespace

bool Mirror::wants_back(std::size_t index) const {
    const Member& member = *members_.at(index);
    if (state_ != State::serving || served_ || settling_ || member.number == 0) return false;
    if (((in_sync_ | failed_) & member.mask()) != 0 || resync_of(member) != nullptr) return false;
    if (member.metadata_in_flight || !member.outstanding.empty()) return false;
    const RecordMember* const recorded = find_member(record_, member.number);
    return recorded != nullptr && (recorded->state == MemberState::dirty || recorded->state == MemberState::resyncing);
}

void Mirror::admit(std::size_t index, const Admission& admission) {
    if (!wants_back(index)) return;
    Member& member = *members_.at(index);
    member.refused.clear();
    resyncs_.push_back(std::make_unique<Resync>(*this, member, admission));
    resyncs_.back()->begin();
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
    environment_.events.event(Severity::warning, "resync-stopped",
                              "a member could not be brought up to date; it is tried again when it is there. The "
                              "others carry on",
                              {{"mirror", name_}, {"member", member.name}, {"why", why}});
    if (member.device.up() && (!member.outstanding.empty() || member.metadata_in_flight || !resync->idle())) {
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
    const Duration flush_limit = std::max(environment_.member_timeout, flush_limit_min);
    for (const auto& member : members_) {
        if (resync_of(*member) == nullptr) continue;
        Duration waited{};
        bool late = member->metadata_in_flight && now - member->metadata_since > environment_.member_timeout;
        for (const Part& part : member->outstanding) {
            waited = now - part.sent;
            late = late || waited > (part.request.operation == Operation::flush ? flush_limit : writer_waits_max);
        }
        if (!late) continue;
        resync_of(*member)->ask_for_less();
        drop_target(*member, "it held a write for too long: its disk or link is too slow for what is written now");
    }
    if (targets_ != 0 || !resyncs_.empty()) target_timer_.start(look_time);
}

// --- One member.

Mirror::Resync::Resync(Mirror& mirror, Member& member, const Admission& admission)
    : mirror_(mirror),
      member_(member),
      admission_(admission),
      pump_timer_(mirror.loop_, [this] { pump(); }),
      stuck_timer_(mirror.loop_, [this] { stuck(); }) {}

Mirror::Resync::~Resync() { DST_ASSERT(under_way_ == 0); }

void Mirror::Resync::one_more() {
    ++under_way_;
    ++mirror_.in_flight_;
}

/// False: nothing more is to be done with its answer.
bool Mirror::Resync::one_less() {
    --under_way_;
    --mirror_.in_flight_;
    if (!stopped()) return true;
    mirror_.reap_task_.post();
    mirror_.check_closed();
    return false;
}

void Mirror::Resync::stop() {
    if (stopped()) return;
    step_ = Step::stopped;
    pump_timer_.stop();
    stuck_timer_.stop();
    mirror_.reap_task_.post();
}

void Mirror::Resync::stuck() {
    ask_for_less();
    mirror_.drop_target(member_, "it does not answer");
}

/// What others wanted may have waited behind its own pieces: without smaller ones it would wait so every time.
void Mirror::Resync::ask_for_less() {
    if (!idle()) member_.piece_bytes = std::max(member_.piece_bytes / 4, piece_bytes_min);
}

void Mirror::Resync::begin() {
    const RegionMap& intent = mirror_.maps_.intent();
    left_.assign(intent.regions(), 0);
    taken_ = broken_ = copied_ = flushing_ = RegionMap(intent.regions(), intent.region_bytes());
    mirror_.target_timer_.start(look_time);
    if (admission_.everything) {
        owed_map().set_all();
        return make_owed_durable();
    }
    one_more();
    member_.metadata.read_intent_map(mirror_.record_, [this](const Result<RegionMap>& own) {
        if (!one_less()) return;
        if (!own) return mirror_.drop_target(member_, to_string(own.error()));
        // What it was sent alone (M7).
        owed_map().unite(*own);
        make_owed_durable();
    });
}

void Mirror::Resync::make_owed_durable() {
    owed_map().unite(mirror_.maps_.intent());
    one_more();
    mirror_.sync_maps([this](const Result<void>& synced) {
        if (!one_less()) return;
        if (!synced) return mirror_.drop_target(member_, to_string(synced.error()));
        if (broken(Rule::m8_mark_first)) return marked();
        step_ = Step::marking;
        mirror_.request_change();
    });
}

/// From here on it gets every change.
void Mirror::Resync::marked() {
    mirror_.targets_ |= member_.mask();
    ++mirror_.admissions_;
    owed_map().unite(mirror_.maps_.intent());
    if (broken(Rule::m8_copy)) owed_map().clear_all();
    step_ = Step::copying;
    begun_ = mirror_.loop_.now();
    total_bytes_ = owed_map().count() * owed_map().region_bytes();
    mirror_.environment_.events.event(
        Severity::notice, "resync-begins", "a member is being brought up to date; the others serve meanwhile",
        {{"mirror", mirror_.name_}, {"member", member_.name}, {"bytes", std::to_string(total_bytes_)}});
    mirror_.announce_task_.post();
    pump_timer_.start(Duration::zero());
}

void Mirror::Resync::owed(const RegionRun& regions) {
    if (stopped()) return;
    for (std::uint64_t region = regions.first; region < regions.end(); ++region) {
        copied_.clear(region);
        flushing_.clear(region);
        if (left_[region] != 0) {
            broken_.set(region);  // being copied: once more, then
        } else {
            taken_.clear(region);
        }
    }
    if (step_ == Step::promoting || step_ == Step::adding) {
        if (mirror_.change_ && (mirror_.change_->joiner & member_.mask()) != 0) {
            return mirror_.drop_target(member_, "a write failed on the members in sync");
        }
        mirror_.promoting_ &= ~member_.mask();
        if (step_ == Step::adding) step_ = Step::copying;
    }
    if (step_ == Step::copying && !pump_timer_.running()) pump_timer_.start(Duration::zero());
}

ResyncProgress Mirror::Resync::progress() const {
    ResyncProgress progress;
    const RegionMap& owed = *std::as_const(mirror_.maps_).owed(member_.number);
    progress.total_bytes = std::min(total_bytes_, mirror_.record_.size_bytes);
    const std::uint64_t left = std::min((owed.count() - copied_.count()) * owed.region_bytes(), progress.total_bytes);
    progress.done_bytes = progress.total_bytes - left;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(mirror_.loop_.now() - begun_).count();
    if (elapsed > 0) progress.bytes_per_second = progress.done_bytes * 1000 / static_cast<std::uint64_t>(elapsed);
    return progress;
}

/// The next piece of a region that is owed, equal on the members in sync, and not taken yet.
std::optional<Extent> Mirror::Resync::next_piece() {
    const RegionMap& owed = owed_map();
    const std::uint64_t size = mirror_.record_.size_bytes;
    const auto end_of = [&](std::uint64_t region) { return std::min((region + 1) * owed.region_bytes(), size); };
    if (piece_ != 0 && piece_ >= end_of(region_)) piece_ = 0;
    if (piece_ == 0) {
        std::optional<std::uint64_t> found;
        for (auto run = owed.next_run(0); run && !found; run = owed.next_run(run->end())) {
            for (std::uint64_t region = run->first; region < run->end() && !found; ++region) {
                if (taken_.test(region) || broken_.test(region)) continue;
                if (mirror_.is_unreconciled(owed.extent_of({region, 1}))) continue;
                found = region;
            }
        }
        if (!found) return std::nullopt;
        region_ = *found;
        piece_ = region_ * owed.region_bytes();
        taken_.set(region_);
        left_[region_] =
            static_cast<std::uint32_t>((end_of(region_) - piece_ + member_.piece_bytes - 1) / member_.piece_bytes);
    }
    const Extent extent{piece_, std::min(member_.piece_bytes, end_of(region_) - piece_)};
    piece_ = extent.end() == end_of(region_) ? 0 : extent.end();
    return extent;
}

/// Application I/O goes first: while there is some, one piece at a time, and as long a pause after each as it took, but
/// no less than the minimum rate.
void Mirror::Resync::pump() {
    if (step_ != Step::copying) return;
    const spec::Resync& policy = mirror_.environment_.resync;
    const bool slow = member_.piece_bytes < resync_piece_bytes;
    const std::size_t parallel = mirror_.application_ > 0 || slow ? 1 : policy.parallel;
    while (copies_.size() < parallel && !pump_timer_.running() && unflushed_bytes_ < unflushed_max) {
        const std::optional<Extent> extent = next_piece();
        if (!extent) break;
        copies_.push_back(std::make_unique<Copy>(*this));
        Copy& copy = *copies_.back();
        copy.region = owed_map().regions_of(*extent).first;
        copy.extent = *extent;
        copy.begun = mirror_.loop_.now();
        copy.holder.extent = *extent;
        copy.holder.mode = RangeLock::Mode::shared;
        copy.holder.owner = &copy;
        copy.holder.granted = [](RangeLock::Holder& holder) { static_cast<Copy*>(holder.owner)->run(); };
        one_more();
        if (mirror_.lock_.lock(copy.holder)) copy.run();
        if (policy.rate_bytes_per_second) {
            const double seconds =
                static_cast<double>(extent->length) / static_cast<double>(*policy.rate_bytes_per_second);
            pump_timer_.start(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
        }
    }
    if (!copies_.empty() || pump_timer_.running() || flush_runs_) return;
    if (copied_.any()) return flush();
    if (!owed_map().any()) return promote();
    // What is left cannot be copied now.
    broken_.clear_all();
    pump_timer_.start(retry_time);
}

void Mirror::Resync::copied(Copy& copy, Errc source, Errc target) {
    const Copy* const ended = &copy;
    const Extent extent = copy.extent;
    const std::uint64_t region = copy.region;
    const Duration took = mirror_.loop_.now() - copy.begun;
    mirror_.lock_.unlock(copy.holder);
    std::erase_if(copies_, [ended](const auto& one) { return one.get() == ended; });
    if (copies_.empty() && !flush_runs_) stuck_timer_.stop();
    if (!one_less()) return;
    if (target != Errc::ok) return mirror_.drop_target(member_, "it failed: " + std::string(to_string(target)));
    if (source != Errc::ok) broken_.set(region);
    DST_ASSERT(left_[region] > 0);
    if (--left_[region] == 0) {
        if (broken_.test(region)) {
            taken_.clear(region);
            if (source == Errc::ok) broken_.clear(region);
        } else {
            copied_.set(region);
            unflushed_bytes_ += owed_map().region_bytes();
        }
    }
    if (mirror_.application_ > 0 && !pump_timer_.running()) {
        const std::uint64_t rate = std::max<std::uint64_t>(1, mirror_.environment_.resync.min_rate_bytes_per_second);
        const double longest = static_cast<double>(extent.length) / static_cast<double>(rate);
        const auto limit = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(longest));
        pump_timer_.start(std::min(took, limit));
    }
    pump();
}

void Mirror::Resync::flush_target(void (Resync::*then)(Errc)) {
    one_more();
    stuck_timer_.start(std::max(mirror_.environment_.member_timeout, flush_limit_min));
    OwnedOrder order;
    order.operation = Operation::flush;
    submit_owned(member_.device, std::move(order), [this, then](Errc code, const Bytes&) {
        stuck_timer_.stop();
        if (one_less()) (this->*then)(code);
    });
}

/// Owed bits go when the target has flushed what was copied.
void Mirror::Resync::flush() {
    flushing_ = copied_;
    flush_runs_ = true;
    unflushed_bytes_ = 0;
    if (broken(Rule::m8_flush_first)) return flushed(Errc::ok);
    flush_target(&Resync::flushed);
}

void Mirror::Resync::flushed(Errc code) {
    flush_runs_ = false;
    if (code != Errc::ok) return mirror_.drop_target(member_, "flush failed: " + std::string(to_string(code)));
    for (auto run = flushing_.next_run(0); run; run = flushing_.next_run(run->end())) {
        for (std::uint64_t region = run->first; region < run->end(); ++region) {
            owed_map().clear(region);
            copied_.clear(region);
            taken_.clear(region);
        }
    }
    flushing_.clear_all();
    mirror_.sync_maps([](const Result<void>&) {});
    pump();
}

// --- The end of it: it counts as in sync for writes, has all maps, has flushed; then the record.

void Mirror::Resync::promote() {
    step_ = Step::promoting;
    one_more();
    mirror_.write_all_maps(member_, 0, [this](const Result<void>& written) {
        if (!one_less()) return;
        if (!written) return mirror_.drop_target(member_, to_string(written.error()));
        maps_copied();
    });
}

void Mirror::Resync::maps_copied() {
    if (owed_map().any()) return back_to_copying();
    mirror_.promoting_ |= member_.mask();
    for (MirrorMaps::Table& table : mirror_.maps_.tables()) table.map.mark_all_slots_dirty();
    one_more();
    mirror_.sync_maps([this](const Result<void>& synced) {
        if (!one_less()) return;
        if (!synced) return mirror_.drop_target(member_, to_string(synced.error()));
        maps_synced();
    });
}

void Mirror::Resync::maps_synced() {
    if (owed_map().any()) return back_to_copying();
    flush_target(&Resync::promotion_flushed);
}

void Mirror::Resync::promotion_flushed(Errc code) {
    if (code != Errc::ok) return mirror_.drop_target(member_, "flush failed: " + std::string(to_string(code)));
    if (owed_map().any()) return back_to_copying();
    step_ = Step::adding;
    mirror_.request_change();
}

void Mirror::Resync::back_to_copying() {
    mirror_.promoting_ &= ~member_.mask();
    step_ = Step::copying;
    pump_timer_.start(Duration::zero());
}

}  // namespace dst
