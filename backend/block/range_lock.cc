#include "block/range_lock.h"

#include "block/assert.h"

namespace dst {
namespace {

/// Longer claims are kept apart, so that a search for overlaps among the others looks only so far back.
constexpr std::uint64_t narrow_bytes_max = 1u << 20;

struct OffsetLess {
    bool operator()(std::uint64_t offset, const RangeLock::Holder& holder) const noexcept {
        return offset < holder.extent.offset;
    }
    bool operator()(const RangeLock::Holder& holder, std::uint64_t offset) const noexcept {
        return holder.extent.offset < offset;
    }
};

bool conflicts(const RangeLock::Holder& a, const RangeLock::Holder& b) noexcept {
    return a.extent.overlaps(b.extent) &&
           (a.mode == RangeLock::Mode::exclusive || b.mode == RangeLock::Mode::exclusive);
}

}  // namespace

RangeLock::RangeLock(Loop& loop) : task_(loop, [this] { run_granted(); }) {}

RangeLock::~RangeLock() { DST_ASSERT(count_ == 0); }

template <typename Visit>
void RangeLock::for_each_conflict(const Holder& holder, Visit visit) {
    for (Holder& other : wide_) {
        if (&other != &holder && conflicts(holder, other)) visit(other);
    }
    if (narrow_.empty()) return;
    const std::uint64_t offset = holder.extent.offset;
    const std::uint64_t from = offset > narrow_bytes_max ? offset - narrow_bytes_max : 0;
    for (auto at = narrow_.lower_bound(from, OffsetLess()); at != narrow_.end(); ++at) {
        if (at->extent.offset >= holder.extent.end()) break;
        if (&*at != &holder && conflicts(holder, *at)) visit(*at);
    }
}

bool RangeLock::lock(Holder& holder) {
    DST_ASSERT(!holder.linked_ && holder.extent.offset <= holder.extent.end());
    holder.sequence_ = sequence_++;
    holder.blockers_ = 0;
    holder.linked_ = true;
    holder.posted_ = false;
    ++count_;
    if (holder.extent.empty()) return true;
    for_each_conflict(holder, [&](Holder&) { ++holder.blockers_; });
    holder.wide_ = holder.extent.length > narrow_bytes_max;
    if (holder.wide_) {
        wide_.push_back(holder);
    } else {
        narrow_.insert(holder);
    }
    return holder.blockers_ == 0;
}

void RangeLock::unlock(Holder& holder) {
    DST_ASSERT(holder.linked_);
    holder.linked_ = false;
    --count_;
    if (holder.posted_) granted_.erase(GrantedList::s_iterator_to(holder));
    holder.posted_ = false;
    if (holder.extent.empty()) return;
    if (holder.wide_) {
        wide_.erase(WideList::s_iterator_to(holder));
    } else {
        narrow_.erase(Narrow::s_iterator_to(holder));
    }
    for_each_conflict(holder, [&](Holder& other) {
        if (other.sequence_ < holder.sequence_) return;
        DST_ASSERT(other.blockers_ > 0);
        if (--other.blockers_ != 0) return;
        other.posted_ = true;
        granted_.push_back(other);
        task_.post();
    });
}

bool RangeLock::is_waited_for(const Holder& holder) noexcept {
    bool waited_for = false;
    for_each_conflict(holder,
                      [&](const Holder& other) { waited_for = waited_for || other.sequence_ > holder.sequence_; });
    return waited_for;
}

void RangeLock::run_granted() {
    while (!granted_.empty()) {
        Holder& holder = granted_.front();
        granted_.pop_front();
        holder.posted_ = false;
        holder.granted(holder);
    }
}

}  // namespace dst
