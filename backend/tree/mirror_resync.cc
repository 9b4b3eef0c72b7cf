#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_parts.h"
#include "tree/owned_request.h"

/// M8: a member that came back is brought up to date while the others serve, and counts as in sync in the end.
namespace dst {
namespace {

/// Before what could not be done now is tried again: a source that does not read, a range that is not reconciled.
constexpr Duration resync_again_time = std::chrono::seconds(2);

/// What may be copied and not flushed before the target is flushed.
constexpr std::uint64_t unflushed_max = 256u << 20;

}  // namespace

Mirror::Resync::Resync(Mirror& mirror, Member& member, const Admission& admission)
    : mirror_(mirror), member_(member), admission_(admission), pump_timer_(mirror.loop_, [this] { pump(); }) {}

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
    mirror_.reap_task_.post();
}

/// What others wanted may have waited behind its own pieces: without smaller ones it would wait so every time.
void Mirror::Resync::ask_for_less() {
    if (!idle()) member_.pace.ask_for_less();
}

void Mirror::Resync::adapt(const Copy& copy, Errc source, Errc target) {
    if (!copy.transferred) {
        if (is_lost(source)) member_.pace.comparison_lost(mirror_.loop_.now() - copy.step_begun);
        return;
    }
    if (source == Errc::ok && target == Errc::ok) {
        member_.pace.copied(copy.extent.length, copy.longest_step, copy.change, mirror_.environment_.resync.parallel);
    } else if (is_lost(source)) {
        member_.pace.lost(copy.extent.length, copy.longest_step);
    }
}

void Mirror::Resync::begin() {
    const RegionMap& intent = mirror_.maps_.intent();
    left_.assign(intent.regions(), 0);
    taken_ = again_ = broken_ = copied_ = flushing_ = RegionMap(intent.regions(), intent.region_bytes());
    mirror_.target_timer_.start(target_look_time);
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
        if (broken(Rule::m8_mark_first)) {
            member_.incarnation = member_.device.incarnation();
            return marked();
        }
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
        if (copied_.test(region) && !flushing_.test(region)) unflushed_bytes_ -= owed_map().region_bytes();
        copied_.clear(region);
        flushing_.clear(region);
        if (left_[region] != 0) {
            again_.set(region);  // being copied: once more, then
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

/// What is left of one that was too much to be copied, else the next piece of a region that is owed, equal on the
/// members in sync, and not taken yet.
std::optional<Extent> Mirror::Resync::next_piece() {
    const RegionMap& owed = owed_map();
    if (!split_.empty()) {
        Extent& rest = split_.front();
        const Extent extent{rest.offset, std::min(member_.pace.bytes(), rest.length)};
        rest = {extent.end(), rest.length - extent.length};
        if (rest.length == 0) split_.pop_front();
        return extent;
    }
    const std::uint64_t size = mirror_.record_.size_bytes;
    const auto end_of = [&](std::uint64_t region) { return std::min((region + 1) * owed.region_bytes(), size); };
    if (piece_ != 0 && piece_ >= end_of(region_)) piece_ = 0;
    if (piece_ == 0) {
        std::optional<std::uint64_t> found = owed.next_in_neither(0, taken_, broken_);
        while (found && mirror_.is_unreconciled(owed.extent_of({*found, 1}))) {
            found = owed.next_in_neither(*found + 1, taken_, broken_);
        }
        if (!found) return std::nullopt;
        region_ = *found;
        piece_ = region_ * owed.region_bytes();
        taken_.set(region_);
        left_[region_] = end_of(region_) - piece_;
    }
    // What is only compared costs little on the way.
    const std::uint64_t most = all_differ() ? member_.pace.bytes() : member_.pace.compared_bytes();
    const Extent extent{piece_, std::min(most, end_of(region_) - piece_)};
    piece_ = extent.end() == end_of(region_) ? 0 : extent.end();
    return extent;
}

/// Pieces that may be under way: where copies are equal they are compared only, of which several cost little.
std::size_t Mirror::Resync::most_at_a_time() const {
    const std::size_t wanted = mirror_.environment_.resync.parallel;
    const bool asked_for_less = member_.pace.most() < CopyPace::bytes_most;
    if (mirror_.application_ > 0 || asked_for_less) return 1;
    return differing_ > 0 || !split_.empty() ? member_.pace.parallel() : wanted;
}

/// Application I/O goes first: while there is some, one piece at a time, and as long a pause after each as it took, but
/// no less than the minimum rate.
void Mirror::Resync::pump() {
    if (step_ != Step::copying) return;
    const spec::Resync& policy = mirror_.environment_.resync;
    while (copies_.size() < most_at_a_time() && !pump_timer_.running() && unflushed_bytes_ < unflushed_max) {
        const bool part = !split_.empty();
        const std::optional<Extent> extent = next_piece();
        if (!extent) break;
        copies_.push_back(std::make_unique<Copy>(*this));
        Copy& copy = *copies_.back();
        copy.part = part;
        copy.region = owed_map().regions_of(*extent).first;
        copy.extent = *extent;
        copy.begun = mirror_.loop_.now();
        copy.holder.extent = *extent;
        copy.holder.mode = RangeLock::Mode::shared;
        copy.holder.owner = &copy;
        copy.holder.granted = [](RangeLock::Holder& holder) { static_cast<Copy*>(holder.owner)->run(); };
        one_more();
        if (mirror_.lock_.lock(copy.holder)) copy.run();
        if (policy.rate_bytes_per_second && !part) {
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
    pump_timer_.start(resync_again_time);
}

void Mirror::Resync::copied(Copy& copy, Errc source, Errc target) {
    const Copy* const ended = &copy;
    const Extent extent = copy.extent;
    const std::uint64_t region = copy.region;
    const Duration took = mirror_.loop_.now() - copy.begun;
    const bool split = copy.split;
    if (copy.transferred) --transferring_;
    if (!stopped()) adapt(copy, source, target);
    mirror_.lock_.unlock(copy.holder);
    std::erase_if(copies_, [ended](const auto& one) { return one.get() == ended; });
    if (!one_less()) return;
    if (target != Errc::ok) return mirror_.drop_target(member_, "it failed: " + std::string(to_string(target)));
    if (source != Errc::ok) broken_.set(region);
    DST_ASSERT(left_[region] >= extent.length);
    if (split) {
        split_.push_back(extent);
    } else {
        left_[region] -= extent.length;
    }
    if (left_[region] == 0) {
        if (again_.test(region) || broken_.test(region)) {
            taken_.clear(region);
            again_.clear(region);
        } else {
            copied_.set(region);
            unflushed_bytes_ += owed_map().region_bytes();
        }
    }
    if (mirror_.application_ > 0 && !split && !pump_timer_.running()) {
        const std::uint64_t rate = std::max<std::uint64_t>(1, mirror_.environment_.resync.min_rate_bytes_per_second);
        const double longest = static_cast<double>(extent.length) / static_cast<double>(rate);
        const auto limit = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(longest));
        pump_timer_.start(std::min(took, limit));
    }
    pump();
}

void Mirror::Resync::flush_target(void (Resync::*then)(Errc)) {
    one_more();
    flush_sent_ = mirror_.loop_.now();
    OwnedOrder order;
    order.operation = Operation::flush;
    submit_owned(member_.device, std::move(order), [this, then](Errc code, const Bytes&) {
        flush_sent_.reset();
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
