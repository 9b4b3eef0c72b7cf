#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "tree/mirror_rewrite.h"

/// M4: what may differ between members in sync is made equal, at once for what is read, the rest in the background.
namespace dst {
namespace {

/// Before the background looks again whether anybody is there.
constexpr Duration reconcile_again_time = std::chrono::seconds(1);
/// Before it goes on behind a piece that nobody can read or take: 1 MiB of such a second.
constexpr Duration failed_piece_time = std::chrono::milliseconds(125);
/// When pieces took longer to compare the next ones are compared one at a time, as when they differed: a member that is
/// a mirror may be making equal what it is asked for, and is given no more time for that than for any request.
constexpr Duration fast_time = std::chrono::milliseconds(100);
/// So long reads near pieces that could not be made equal as a whole do not try to.
constexpr Duration whole_again_time = std::chrono::seconds(10);
/// A read that touches more pieces is not compared at once, for the same reason.
constexpr std::uint64_t asked_pieces_max = 4;

}  // namespace

bool Mirror::is_unreconciled(const Extent& extent) const noexcept {
    return state_ == State::serving && unreconciled_.any() && unreconciled_.test_any(unreconciled_.pieces_of(extent));
}

/// After a change that some members may have and others not, and that was not acknowledged.
void Mirror::mark_unreconciled(const Io& io) {
    if (io.slot != nullptr) return;
    if (changes_data(io.outer->operation)) return mark_unreconciled(io.outer->extent);
    // A flush that failed on all: each may have lost something else (M4).
    for (std::size_t i = 0; i < io.errors.size(); ++i) {
        if ((io.failed & bit(i)) != 0 && !is_lost(io.errors[i])) return mark_intents_unreconciled();
    }
}

void Mirror::mark_intents_unreconciled() {
    const RegionMap& intent = maps_.intent();
    for (auto run = intent.next_run(0); run; run = intent.next_run(run->end())) {
        mark_unreconciled(intent.extent_of(*run));
    }
}

void Mirror::mark_unreconciled(const Extent& extent) {
    if (state_ != State::serving || broken(Rule::m4_reconcile)) return;
    unreconciled_.set(unreconciled_.pieces_of(extent));
    ++doubts_;
    for (const auto& reconcile : reconciling_) reconcile->doubt(extent);
    if (background_) background_->doubt(extent);
    if (targets_ != 0) owe(maps_.intent().regions_of(extent), targets_);
    announce_task_.post();
}

/// Without a write cache, what a read has returned stays so through every loss of power, since a start takes members
/// whatever became of their caches (M5 step 3). What an unanswered write left in a cache is made durable before it is
/// compared and read.
bool Mirror::must_flush_first() const noexcept { return environment_.write_through && doubts_flushed_ != doubts_; }

/// A read of what is not reconciled holds the whole pieces alone, since it changes them.
void Mirror::lock_io(Io& io) {
    const Request& request = *io.outer;
    const bool alone = changes_data(request.operation);
    io.lock.extent = request.extent;
    io.lock.mode = alone ? RangeLock::Mode::exclusive : RangeLock::Mode::shared;
    if (!alone && is_unreconciled(request.extent)) {
        io.lock.extent = unreconciled_.extent_of(unreconciled_.pieces_of(request.extent));
        io.lock.mode = RangeLock::Mode::exclusive;
    }
    io.lock.owner = &io;
    io.lock.granted = Io::granted;
    if (lock_.lock(io.lock)) start(io);
}

void Mirror::reconcile_before(Io& io) {
    if (!io.locked) return start_read(io);
    if (io.lock.mode != RangeLock::Mode::exclusive) {
        // A write that it waited for has failed meanwhile.
        lock_.unlock(io.lock);
        return lock_io(io);
    }
    const RegionRun wanted = unreconciled_.pieces_of(io.outer->extent);
    const bool failed = wanted.first < not_whole_.end() && not_whole_.first < wanted.end();
    if (failed && wanted.count <= asked_pieces_max && loop_.now() - not_whole_at_ < whole_again_time) {
        return reconcile_asked(io);
    }
    const std::uint64_t first = unreconciled_.next_run(wanted.first)->first;
    const RegionRun pieces{first, std::min(compared_at_once_, wanted.end() - first)};
    reconciling_.push_back(std::make_unique<Reconcile>(*this, pieces, &io));
    reconciling_.back()->run();
}

/// What a read asks for may be equal, or made so, although the rest of its pieces cannot be. Those near it then need
/// not find out anew, each for as long as a disk tries to read what it cannot.
void Mirror::reconcile_failed(Io& io, Errc code, const RegionRun& pieces) {
    const Extent asked = in_whole_blocks(io.outer->extent);
    const RegionRun touched = unreconciled_.pieces_of(asked);
    const bool rest = unreconciled_.extent_of(touched) != asked;
    if (!rest || touched.count > asked_pieces_max || is_lost(code) || code == Errc::fenced) return finish(io, code);
    not_whole_ = pieces;
    not_whole_at_ = loop_.now();
    reconcile_asked(io);
}

void Mirror::reconcile_asked(Io& io) {
    reconciling_.push_back(std::make_unique<Reconcile>(*this, io));
    reconciling_.back()->run();
}

void Mirror::reconcile_next() {
    if (state_ != State::serving || settling_ || background_) return;
    auto run = unreconciled_.next_run(reconcile_at_);
    if (!run) run = unreconciled_.next_run(0);
    if (!run) return;
    if (!up()) return reconcile_timer_.start(reconcile_again_time);
    const RegionRun pieces{run->first, std::min(compared_at_once_, run->count)};
    background_ = std::make_unique<Reconcile>(*this, pieces, nullptr);
    background_->lock();
}

void Mirror::made_equal(const RegionRun& pieces) {
    if (!unreconciled_.clear(pieces) || unreconciled_.any()) return;
    environment_.events.event(Severity::notice, "mirror-reconciled",
                              "the copies are equal again where requests had not ended", {{"mirror", name_}});
}

void Mirror::reconcile_ended(Reconcile& reconcile, Errc code) {
    reconcile.unlock();
    --in_flight_;
    Io* const io = reconcile.io;
    const bool whole = reconcile.whole;
    const bool of_part = reconcile.part().length != 0;
    const RegionRun pieces = reconcile.pieces;
    const bool doubted = reconcile.doubted();
    if (io == nullptr) {
        const Extent& failed = reconcile.part();
        reconcile_at_ = code == Errc::ok     ? reconcile.pieces.first
                        : failed.length != 0 ? unreconciled_.pieces_of(failed).end()
                                             : reconcile.pieces.end();
        // At most half of the time while others want something.
        const Duration took = loop_.now() - reconcile.begun;
        background_.reset();
        if (state_ == State::serving && !settling_ && unreconciled_.any()) {
            reconcile_timer_.start(code != Errc::ok ? failed_piece_time : in_flight_ > 0 ? took : Duration::zero());
        }
    } else {
        std::erase_if(reconciling_, [&](const auto& one) { return one.get() == &reconcile; });
    }
    check_closed();
    if (io == nullptr) return;
    if (code != Errc::ok) return whole && of_part ? reconcile_failed(*io, code, pieces) : finish(*io, code);
    whole || doubted ? start(*io) : start_read(*io);
}

/// A request of the mirror's own, under a lock that is held already. Reads go to `members` alone.
void Mirror::submit_own(Request& request, Mask members, SlotWrite* slot) {
    Io& io = ios_->take();
    ++in_flight_;
    io.mirror = this;
    io.outer = &request;
    io.chunk = request.extent;
    io.tried = ~members;
    io.awaited = 0;
    io.failed = 0;
    io.done = ~Mask{0};
    io.locked = false;
    io.slot = slot;
    io.counted = false;
    io.application = false;
    io.clears = request.operation == Operation::flush;
    for (const auto& member : members_) io.losses[member->index] = member->losses;
    if (changes_data(request.operation)) return start_change(io);
    request.operation == Operation::flush ? fan_out(io) : start_read(io);
}

Mirror::Rewrite::Rewrite(Mirror& mirror, const Extent& extent) : mirror_(mirror), extent_(extent) {
    ++mirror.in_flight_;
}

void Mirror::Rewrite::lock() {
    holder_.extent = extent_;
    holder_.mode = RangeLock::Mode::exclusive;
    holder_.owner = this;
    holder_.granted = [](RangeLock::Holder& granted) { static_cast<Rewrite*>(granted.owner)->run(); };
    locked_ = true;
    if (mirror_.lock_.lock(holder_)) then([this] { run(); });
}

void Mirror::Rewrite::unlock() {
    if (locked_) mirror_.lock_.unlock(holder_);
    locked_ = false;
}

void Mirror::Rewrite::rewrite(Mask members) {
    sources_ = members;
    part_ = {extent_.offset, 0};
    next_piece();
}

void Mirror::Rewrite::next_piece() {
    do {
        part_ = {part_.end(), std::min(rewrite_piece_bytes, extent_.end() - part_.end())};
        if (part_.length == 0) return end(Errc::ok);
    } while (!wants(part_));
    read_piece();
}

void Mirror::Rewrite::read_piece() {
    if (mirror_.state_ != State::serving || (mirror_.reachable() & sources_) == 0) return end(Errc::disconnected);
    bytes_.resize(part_.length);
    memory_ = {bytes_.data(), bytes_.size()};
    request_.operation = Operation::read;
    request_.fua = false;
    request_.extent = part_;
    request_.pieces = Pieces(&memory_, 1);
    request_.owner = this;
    request_.done = [](Request& done) {
        Rewrite& owner = *static_cast<Rewrite*>(done.owner);
        owner.then([&owner] { owner.write_piece(); });
    };
    mirror_.submit_own(request_, sources_);
}

void Mirror::Rewrite::write_piece() {
    if (request_.result != Errc::ok) return end(request_.result);
    if (mirror_.state_ != State::serving) return end(Errc::disconnected);
    request_.operation = Operation::write;
    request_.fua = mirror_.environment_.write_through;
    request_.done = [](Request& done) {
        Rewrite& owner = *static_cast<Rewrite*>(done.owner);
        owner.then([&owner] { owner.write_ended(); });
    };
    mirror_.submit_own(request_, ~Mask{0});
}

void Mirror::Rewrite::write_ended() { request_.result == Errc::ok ? piece_written(part_) : end(request_.result); }

Mirror::Reconcile::Reconcile(Mirror& mirror, const RegionRun& in_pieces, Io* in_io)
    : Rewrite(mirror, mirror.unreconciled_.extent_of(in_pieces)),
      io(in_io),
      pieces(in_pieces),
      whole(true),
      begun(mirror.loop_.now()) {}

Mirror::Reconcile::Reconcile(Mirror& mirror, Io& in_io)
    : Rewrite(mirror, mirror.in_whole_blocks(in_io.outer->extent)),
      io(&in_io),
      pieces(mirror.unreconciled_.pieces_of(in_io.outer->extent)),
      whole(false),
      begun(mirror.loop_.now()) {}

void Mirror::Reconcile::run() {
    if (mirror_.state_ != State::serving) return end(Errc::disconnected);
    if (!mirror_.unreconciled_.test_any(pieces)) return end(Errc::ok);
    if (mirror_.must_flush_first()) return flush();
    doubted_ = false;
    // A record that may be on one of them calls doubtful ones in sync as well: a start may take the piece from there.
    const Mask members = mirror_.in_sync_ | mirror_.doubtful_;
    // One copy is equal to itself.
    if ((members & (members - 1)) == 0) {
        mirror_.made_equal(pieces);
        return end(Errc::ok);
    }
    if (mirror_.reachable() != members) return rewrite(~Mask{0});
    compare();
}

void Mirror::Reconcile::flush() {
    if (mirror_.reachable() == 0) return end(Errc::disconnected);
    doubts_ = mirror_.doubts_;
    flush_.operation = Operation::flush;
    flush_.owner = this;
    flush_.done = [](Request& done) {
        Reconcile& owner = *static_cast<Reconcile*>(done.owner);
        owner.then([&owner] { owner.flushed(); });
    };
    mirror_.submit_own(flush_, ~Mask{0});
}

void Mirror::Reconcile::flushed() {
    if (flush_.result != Errc::ok) return end(flush_.result);
    mirror_.doubts_flushed_ = std::max(mirror_.doubts_flushed_, doubts_);
    run();
}

void Mirror::Reconcile::compare() {
    asked_ = mirror_.reachable();
    compare_begun_ = mirror_.loop_.now();
    pending_ = static_cast<unsigned>(__builtin_popcount(asked_));
    for (const auto& member : mirror_.members_) {
        if ((asked_ & member->mask()) == 0) continue;
        Sum& sum = sums_[member->index];
        sum.owner = this;
        sum.bytes.resize(checksum_result_bytes(extent_, rewrite_piece_bytes));
        sum.memory = {sum.bytes.data(), sum.bytes.size()};
        sum.request.operation = Operation::checksum;
        sum.request.extent = extent_;
        sum.request.checksum_piece_bytes = rewrite_piece_bytes;
        sum.request.pieces = Pieces(&sum.memory, 1);
        sum.request.owner = &sum;
        sum.request.done = [](Request& done) {
            Reconcile& owner = *static_cast<Sum*>(done.owner)->owner;
            if (--owner.pending_ == 0) owner.then([&owner] { owner.compared(); });
        };
        mirror_.submit_own(sum.request, member->mask());
    }
}

/// What members answered before they came back changed, or a flush failed, they may not have any more: a read that
/// waits begins again.
void Mirror::Reconcile::compared() {
    if (doubted_) return end(Errc::ok);
    if (whole) pieces_compared();
    rewrite(~Mask{0});
}

void Mirror::Reconcile::pieces_compared() {
    for (std::uint64_t piece = pieces.first; piece < pieces.end(); ++piece) {
        const RegionRun one{piece, 1};
        if (equal_everywhere(mirror_.unreconciled_.extent_of(one))) mirror_.made_equal(one);
    }
    const bool fast = mirror_.loop_.now() - compare_begun_ < fast_time;
    mirror_.compared_at_once_ = fast && !mirror_.unreconciled_.test_any(pieces) ? compared_pieces_max : 1;
}

/// All were asked, and have the same of `piece`.
bool Mirror::Reconcile::equal_everywhere(const Extent& piece) const {
    if (((mirror_.in_sync_ | mirror_.doubtful_) & ~asked_) != 0) return false;
    const Sum* first = nullptr;
    const auto at = static_cast<std::ptrdiff_t>((piece.offset - extent_.offset) / rewrite_piece_bytes * sum_bytes);
    for (std::size_t i = 0; i < sums_.size(); ++i) {
        if ((asked_ & bit(i)) == 0) continue;
        if (first == nullptr) first = &sums_[i];
        if (sums_[i].request.result != Errc::ok) return false;
        if (!std::equal(sums_[i].bytes.begin() + at, sums_[i].bytes.begin() + at + sum_bytes,
                        first->bytes.begin() + at))
            return false;
    }
    return true;
}

bool Mirror::Reconcile::wants(const Extent& piece) const {
    if (!whole && equal_everywhere(piece)) return false;
    return mirror_.unreconciled_.test_any(mirror_.unreconciled_.pieces_of(piece));
}

void Mirror::Reconcile::piece_written(const Extent& piece) {
    if (doubted_) return end(Errc::ok);
    if (whole) mirror_.made_equal(mirror_.unreconciled_.pieces_of(piece));
    io != nullptr ? next_piece() : end(Errc::ok);
}

void Mirror::Reconcile::end(Errc code) { mirror_.reconcile_ended(*this, code); }

}  // namespace dst
