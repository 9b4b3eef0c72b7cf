#include "start/gate.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"

namespace dst {
namespace {

/// How often held requests are tried again, and late ones looked for. Runs only while there are requests.
constexpr Duration tick_time = std::chrono::milliseconds(200);

/// The tree could not do it now and may later.
bool is_loss(Errc code) {
    return code == Errc::disconnected || code == Errc::timed_out || code == Errc::incarnation_changed ||
           code == Errc::not_ready;
}

}  // namespace

void Gate::granted(RangeLock::Holder& holder) {
    Item& item = *static_cast<Item*>(holder.owner);
    item.gate->start(item);
}

void Gate::answered(Request& request) {
    Item& item = *static_cast<Item*>(request.owner);
    Gate& gate = *item.gate;
    gate.passed_.erase(ItemList::s_iterator_to(item));
    Errc code = request.result;
    if (item.lost && (code == Errc::ok || is_loss(code))) code = Errc::io_error;
    if (code != Errc::ok && !is_loss(code)) gate.answered_ = gate.loop_.now();
    if (is_loss(code) && gate.outermost() && !gate.closing_ && gate.failed_ == Errc::ok) return gate.hold(item);
    if (code == Errc::ok) gate.went_on(item);
    if (code == Errc::fenced) gate.fenced_task_.post();
    gate.finish(item, gate.failed_ != Errc::ok && is_loss(code) ? gate.failed_ : code);
}

Gate::Gate(Loop& loop, EventSink& events, const spec::Policy& policy, Standing standing)
    : loop_(loop),
      events_(events),
      standing_(standing),
      hold_(broken(Rule::m10_hold) ? policy.on_loss.give_up : policy.on_loss.hold),
      give_up_(policy.on_loss.give_up),
      member_timeout_(policy.member_timeout),
      stuck_(std::max<Duration>(policy.on_loss.hold, 3 * policy.member_timeout)),
      write_through_(!policy.write_cache),
      lock_(loop),
      items_(std::make_unique<Pool<Item>>()),
      timer_(loop, [this] { tick(); }),
      fenced_task_(loop, [this] {
          if (fenced_) fenced_();
      }) {}

Gate::~Gate() { DST_ASSERT(in_flight_ == 0); }

void Gate::set_geometry(const Geometry& geometry) {
    const bool was_up = up();
    geometry_ = geometry;
    if (!was_up && up()) notify_up();
}

bool Gate::up() const {
    return geometry_.size_bytes != 0 && !closing_ && failed_ == Errc::ok && (outermost() || tree_up_);
}

void Gate::opened() {
    opened_ = true;
    lost_ = true;
    lost_since_ = loop_.now();
}

void Gate::serve(BlockDevice& tree) {
    tree_ = &tree;
    incarnation_ = tree.incarnation();
    if (unmirrored_) unmirrored_before_ = unmirrored_();
    found_again();
    if (tree.up()) on_up(tree);
    retry();
}

void Gate::on_up(BlockDevice& device) {
    if (tree_ == nullptr || closing_ || failed_ != Errc::ok) return;
    if (outermost()) {
        came_back();
        // Nobody waits for an answer that could say so.
        if (lost_ && in_flight_ == 0) goes_on();
        return;
    }
    const Incarnation incarnation = device.incarnation();
    if (tree_up_ && incarnation == incarnation_) return;
    // Whoever is above must hear that something may be lost (M14).
    if (tree_up_) on_down(device, {Errc::incarnation_changed, "something below came back and may have lost writes"});
    tree_up_ = true;
    incarnation_ = incarnation;
    notify_up();
}

void Gate::on_down(BlockDevice&, const Error& why) {
    if (why.code == Errc::fenced && tree_ != nullptr) fenced_task_.post();
    if (!tree_up_) return;
    const bool was_up = up();
    tree_up_ = false;
    if (was_up) notify_down(why);
}

Incarnation Gate::incarnation() const {
    if (!outermost()) return incarnation_;
    return tree_ == nullptr ? Incarnation{} : tree_->incarnation();
}

void Gate::submit(Request& request) {
    if (closing_) return loop_.complete_later(request, Errc::cancelled);
    if (failed_ != Errc::ok) return loop_.complete_later(request, as_told(failed_));
    if (!outermost() && !up()) return loop_.complete_later(request, Errc::disconnected);
    const Errc code = geometry_.size_bytes == 0 ? Errc::not_ready : check_request(request, geometry_);
    if (code != Errc::ok) return loop_.complete_later(request, code);
    // One that is below, and is not answered, shows when the tree answers again.
    if ((tree_ == nullptr || silent()) && given_up()) return loop_.complete_later(request, why_not());
    const bool flush = request.operation == Operation::flush;
    if (flush && flushes_to_fail_ != 0) {
        --flushes_to_fail_;
        --flushes_put_off_;
        return loop_.complete_later(request, Errc::io_error);
    }
    Item& item = items_->take();
    if (in_flight_++ == 0) busy_since_ = loop_.now();
    item.gate = this;
    item.outer = &request;
    item.arrived = loop_.now();
    item.was_held = false;
    item.lost = false;
    if (!timer_.running()) timer_.start(tick_time);
    item.locked = !flush && !broken(Rule::m11_order);
    if (!item.locked) return start(item);
    item.lock.extent = request.extent;
    item.lock.mode = changes_data(request.operation) ? RangeLock::Mode::exclusive : RangeLock::Mode::shared;
    item.lock.owner = &item;
    item.lock.granted = granted;
    if (lock_.lock(item.lock)) start(item);
}

/// Finishes at once only what waited for its range meanwhile.
void Gate::start(Item& item) {
    if (failed_ != Errc::ok) return finish(item, failed_);
    if (!outermost() && !tree_up_) return finish(item, Errc::disconnected);
    if (tree_ != nullptr) return pass(item);
    if (closing_) return finish(item, Errc::cancelled);
    if (loop_.now() - item.arrived >= hold_) return finish(item, why_not());
    held_.push_back(item);
}

void Gate::pass(Item& item) {
    const Request& outer = *item.outer;
    Request& inner = item.inner;
    inner.operation = outer.operation;
    inner.fua = outer.fua || (write_through_ && changes_data(outer.operation));
    inner.extent = outer.extent;
    inner.pieces = outer.pieces;
    inner.checksum_piece_bytes = outer.checksum_piece_bytes;
    inner.owner = &item;
    inner.done = answered;
    item.passed = loop_.now();
    passed_.push_back(item);
    tree_->submit(inner);
}

void Gate::retry() {
    if (tree_ == nullptr || held_.empty()) return;
    ItemList held;
    held.swap(held_);
    while (!held.empty()) {
        Item& item = held.front();
        held.pop_front();
        pass(item);
    }
}

void Gate::finish(Item& item, Errc code) {
    Request& outer = *item.outer;
    if (item.locked) lock_.unlock(item.lock);
    if (item.was_held) --were_held_;
    const bool flush = outer.operation == Operation::flush;
    if (flush && code == Errc::ok) flushes_put_off_ = flushes_to_fail_;
    if (flush && code == Errc::not_ready) ++flushes_put_off_;
    items_->give_back(item);
    --in_flight_;
    check_closed();
    outer.complete(as_told(code));
}

/// Below another storage `fenced` says that this tree is another head's now: a loss, as it is not what is above that
/// was fenced there (M6).
Errc Gate::as_told(Errc code) const { return code == Errc::fenced && !outermost() ? Errc::disconnected : code; }

void Gate::tick() {
    end_late_ones();
    if (in_flight_ == 0) return;
    timer_.start(tick_time);
    retry();
    tell_silence();
    cut_stuck();
}

/// The oldest request that the tree has not answered: something below hangs, and it is the last of its kind, else its
/// mirror would have dropped it. When all are to fail it ends no later than that.
void Gate::cut_stuck() {
    const Duration limit = given_up() ? std::min(stuck_, give_up_) : stuck_;
    if (tree_ == nullptr || passed_.empty()) return;
    if (loop_.now() - std::max(passed_.front().passed, cut_) < limit) return;
    cut_ = loop_.now();
    events_.event(Severity::error, "request-stuck",
                  "a request is not answered below; every connection and disk is cut off and tried again", {});
    tree_->cut({Errc::timed_out, "requests hang below"});
}

void Gate::end_late_ones() {
    const bool over = given_up();
    ItemList late;
    for (auto at = held_.begin(); at != held_.end();) {
        Item& item = *at++;
        if (!over && loop_.now() - item.arrived < hold_) continue;
        held_.erase(ItemList::s_iterator_to(item));
        late.push_back(item);
    }
    while (!late.empty()) {
        Item& item = late.front();
        late.pop_front();
        finish(item, item.lost ? Errc::io_error : why_not());
    }
}

void Gate::fail(Errc code) {
    DST_ASSERT(code != Errc::ok);
    if (failed_ != Errc::ok) return;
    const bool was_up = up();
    failed_ = code;
    ItemList held;
    held.swap(held_);
    while (!held.empty()) {
        Item& item = held.front();
        held.pop_front();
        finish(item, code);
    }
    if (was_up) notify_down({code, "the storage does not serve any more"});
}

void Gate::close(std::function<void()> closed) {
    closing_ = true;
    closed_ = std::move(closed);
    ItemList held;
    held.swap(held_);
    while (!held.empty()) {
        Item& item = held.front();
        held.pop_front();
        finish(item, Errc::cancelled);
    }
    check_closed();
}

void Gate::check_closed() {
    if (!closing_ || in_flight_ != 0 || !closed_) return;
    timer_.stop();
    loop_.defer(std::exchange(closed_, nullptr));
}

}  // namespace dst
