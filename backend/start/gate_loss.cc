#include <algorithm>
#include <utility>

#include "block/breaks.h"
#include "start/gate.h"

/// What cannot be answered, since when, and what is told of it (M10).
namespace dst {
namespace {

constexpr Duration quiet_time = std::chrono::seconds(1);  // without a request that met a loss: it is over

std::string whole(Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

/// Of what no mirror is above: a mirror says so itself, before it answers anything.
void Gate::look_for_loss() {
    if (!unmirrored_ || broken(Rule::m10_part_told)) return;
    const std::vector<Incarnation> before = std::exchange(unmirrored_before_, unmirrored_());
    if (unmirrored_before_ == before || write_through_) return;
    data_lost();
    data_lost_();
}

void Gate::data_lost() {
    if (!outermost() || write_through_) return;
    for (ItemList* items : {&passed_, &held_}) {
        for (Item& item : *items) item.lost = item.lost || item.outer->operation == Operation::flush;
    }
    flushes_to_fail_ = flushes_put_off_;
}

/// Since when nothing was answered, as far as there was something to answer.
TimePoint Gate::quiet_since() const {
    const TimePoint since = std::max(busy_since_, answered_);
    return last_answer_below_ ? std::max(since, last_answer_below_()) : since;
}

bool Gate::silent() const {
    if (passed_.empty()) return false;
    // What is held is passed on again and again, and is told from what is not answered by its age. That comes first:
    // every request asks.
    const TimePoint now = loop_.now();
    return now - passed_.front().passed >= member_timeout_ && now - quiet_since() >= member_timeout_;
}

std::optional<TimePoint> Gate::lost_since() const {
    if (!outermost() || !opened_) return std::nullopt;
    if (lost_) return lost_since_;
    return silent() ? std::optional(quiet_since()) : std::nullopt;
}

std::string Gate::loss_text() const {
    const std::optional<TimePoint> lost = lost_since();
    if (!lost) return {};
    const std::string since = "nothing could be answered for " + whole(loop_.now() - *lost);
    if (given_up()) {
        return since + (part_is_lost() ? ", so that requests to it fail at once until it is back; the other parts serve"
                                       : ", so that requests fail at once until a disk or netnode is back");
    }
    return since + "; requests wait, after " + whole(hold_) +
           " each the initiator is told to send it again, and from " + whole(give_up_) + " on all fail";
}

bool Gate::given_up() const {
    const std::optional<TimePoint> lost = lost_since();
    return lost && loop_.now() - *lost >= give_up_ && !broken(Rule::m10_give_up);
}

void Gate::hold(Item& item) {
    last_loss_ = loop_.now();
    if (!lost_) {
        lost_since_ = quiet_since();
        lost_ = true;
    }
    if (!told_held_) {
        told_held_ = true;
        events_.event(
            Severity::error, "storage-held",
            std::string(part_is_lost() ? "no usable member is left for a part of the storage: requests to it are held"
                                       : "no usable member is left: requests are held") +
                " until one returns. After " + whole(hold_) +
                " they are answered so that the initiator sends them again; when nothing could be answered for " +
                whole(give_up_) +
                ", all fail (policy: on_loss). Bring a disk or netnode back; the lines before name them",
            {});
    }
    if (given_up() || loop_.now() - item.arrived >= hold_) return finish(item, why_not());
    if (!item.was_held) ++were_held_;
    item.was_held = true;
    held_.push_back(item);
}

/// What a request that was held for long enough, or need not be, is answered.
Errc Gate::why_not() {
    if (!given_up()) return Errc::not_ready;
    if (!told_gave_up_) {
        told_gave_up_ = true;
        events_.event(Severity::error, "storage-gave-up",
                      "nothing could be answered for " + whole(give_up_) + " (policy: on_loss.give_up): " +
                          (part_is_lost() ? "requests to the part of the storage that is lost, held and new ones, fail "
                                            "from now on until it is back; those to the other parts are answered. It is"
                                          : "all requests, held and new ones, fail from now on until a disk or netnode "
                                            "is back. They are") +
                          " still looked for; 'dstctl status' shows what is missing",
                      {});
    }
    return Errc::io_error;
}

/// Nobody says that a member is lost which hangs.
void Gate::tell_silence() {
    if (!outermost() || told_held_ || !silent()) return;
    told_held_ = true;
    events_.event(Severity::error, "storage-held",
                  "nothing was answered for " + whole(loop_.now() - quiet_since()) +
                      " although requests wait: all that is left below hangs. What hangs for long is cut off, and its "
                      "requests are answered so that the initiator sends them again; when nothing could be answered "
                      "for " +
                      whole(give_up_) + ", all fail (policy: on_loss). Look at the disks and netnodes",
                  {});
}

void Gate::found_again() {
    lost_ = false;
    answered_ = loop_.now();
    // Then that it goes on is told too.
    if (std::exchange(told_gave_up_, false)) told_held_ = true;
}

/// The tree answered one. Of a linear with a lost part the others answer all the time; that alone is not told.
void Gate::went_on(const Item& item) {
    found_again();
    if (!told_held_ || were_held_ > (item.was_held ? 1U : 0U)) return;
    if (!item.was_held && loop_.now() - last_loss_ < quiet_time) return;
    goes_on();
}

void Gate::goes_on() {
    found_again();
    if (!std::exchange(told_held_, false)) return;
    events_.event(Severity::notice, "storage-resumed", "requests are answered again; nothing is held any more", {});
}

/// Also when nothing is held, and other parts are still away: what is read from now on may be older.
void Gate::came_back() {
    if (tree_ != nullptr && outermost() && failed_ == Errc::ok) look_for_loss();
    retry();
}

}  // namespace dst
