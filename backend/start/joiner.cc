#include "start/joiner.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "start/inner_start.h"
#include "start/join_attempt.h"
#include "start/number_attempt.h"

namespace dst {
namespace {

/// Between looks at a child that cannot be taken back.
constexpr Duration pause_min = std::chrono::seconds(1);
constexpr Duration pause_max = std::chrono::seconds(10);

/// A mirror is started without those of its nodes that come up later than this after the others.
constexpr Duration inner_grace = std::chrono::milliseconds(1500);
/// Before it is looked again whether what was stopped has ended.
constexpr Duration stop_time = std::chrono::milliseconds(50);

bool is_below(const Vertex& leaf, const Vertex& above) {
    for (const Vertex* vertex = &leaf; vertex != nullptr; vertex = vertex->parent) {
        if (vertex == &above) return true;
    }
    return false;
}

/// Everything below can be read.
bool all_up(const Vertex& vertex) {
    if (vertex.leaf != nullptr) return vertex.device->up();
    if (vertex.mirror != nullptr) return vertex.mirror->serving() && vertex.device->up();
    return std::all_of(vertex.children.begin(), vertex.children.end(),
                       [](const auto& child) { return all_up(*child); });
}

/// What is there tells which member it is.
bool tells_its_number(const Vertex& vertex) {
    const auto tells = [](const auto& child) { return tells_its_number(*child); };
    if (vertex.leaf != nullptr) return vertex.device->up();
    if (vertex.mirror != nullptr) return std::any_of(vertex.children.begin(), vertex.children.end(), tells);
    return std::all_of(vertex.children.begin(), vertex.children.end(), tells);
}

bool has_leaf_up(const Vertex& vertex) {
    const std::vector<const Vertex*> leaves = leaves_below(vertex);
    return std::any_of(leaves.begin(), leaves.end(), [](const Vertex* leaf) { return leaf->device->up(); });
}

/// The leaf came up, or has found what it does not take.
bool answers(const Vertex& leaf) { return leaf.device->up() || leaf.leaf->last_error().code == Errc::refused; }

/// Everything that may be used for starting it, one way or the other, is there.
bool all_answer(const Vertex& mirror) {
    const std::vector<const Vertex*> leaves = leaves_of_mirror(mirror);
    return std::all_of(leaves.begin(), leaves.end(), [](const Vertex* leaf) { return answers(*leaf); });
}

/// Something below can be used.
bool any_up(const Vertex& mirror) {
    const std::vector<const Vertex*> leaves = leaves_of_mirror(mirror);
    const auto serves = [](const Vertex& vertex) { return vertex.mirror != nullptr && all_up(vertex); };
    return std::any_of(leaves.begin(), leaves.end(), [](const Vertex* leaf) { return leaf->device->up(); }) ||
           std::any_of(mirror.children.begin(), mirror.children.end(),
                       [&](const auto& child) { return serves(*child); });
}

/// It serves and is down, and a member in sync finds another medium in its place, or has older data: it does not come
/// up by itself.
bool lost_a_medium(const Vertex& vertex) {
    Mirror& mirror = *vertex.mirror;
    if (!mirror.serving() || mirror.up()) return false;
    if (mirror.holds_older_data()) return true;
    return std::any_of(vertex.children.begin(), vertex.children.end(), [&](const auto& child) {
        const RecordMember* const member = find_member(mirror.record(), mirror.number(child->position));
        if (member == nullptr || member->state != MemberState::in_sync) return false;
        const std::vector<const Vertex*> leaves = own_leaves(*child);
        return std::any_of(leaves.begin(), leaves.end(),
                           [](const Vertex* leaf) { return leaf->leaf->last_error().code == Errc::refused; });
    });
}

/// A leaf below, in whose place another medium lies by now, and without which what `vertex` was cannot come back; null:
/// there is none.
const Vertex* lost_for_good(const Vertex& vertex) {
    if (vertex.leaf != nullptr) return !vertex.device->up() && vertex.leaf->found_another() ? &vertex : nullptr;
    if (vertex.mirror == nullptr) {
        for (const auto& child : vertex.children) {
            if (const Vertex* const leaf = lost_for_good(*child)) return leaf;
        }
        return nullptr;
    }
    if (!vertex.mirror->serving() || vertex.mirror->up()) return nullptr;
    const Vertex* lost = nullptr;
    for (const RecordMember& member : vertex.mirror->record().members) {
        if (member.state != MemberState::in_sync) continue;
        const auto is_it = [&](const auto& child) { return vertex.mirror->number(child->position) == member.number; };
        const auto child = std::find_if(vertex.children.begin(), vertex.children.end(), is_it);
        lost = child == vertex.children.end() ? nullptr : lost_for_good(**child);
        if (lost == nullptr) return nullptr;
    }
    return lost;
}

/// No mirror that serves is between them.
bool is_directly_below(const Vertex& inner, const Vertex& child) {
    for (const Vertex* vertex = &inner; vertex != nullptr; vertex = vertex->parent) {
        if (vertex == &child) return true;
        if (vertex != &inner && vertex->mirror != nullptr && vertex->mirror->serving()) return false;
    }
    return false;
}

}  // namespace

Joiner::Joiner(StartContext context, Starter& starter)
    : context_(std::move(context)),
      starter_(starter),
      held_(context_.tree.leaves().size()),
      timer_(context_.loop, [this] { look(); }),
      stuck_timer_(context_.loop, [this] { cut_stuck(); }),
      look_task_(context_.loop, [this] { look(); }),
      ended_task_(context_.loop, [this] { attempt_ended(); }) {
    for (const Vertex* mirror : context_.tree.mirrors()) {
        for (const auto& child : mirror->children) children_.push_back({.vertex = child.get(), .pause = pause_min});
    }
    for (Vertex* mirror : context_.tree.mirrors()) inner_.push_back({.vertex = mirror, .pause = pause_min});
}

void Joiner::begin() {
    begun_ = true;
    for (const Vertex* leaf : starter_.fenced_leaves()) held_[leaf->index].promised = starter_.epoch();
    look_task_.post();
}

void Joiner::leaf_up(std::size_t leaf) {
    if (!begun_ || ended_) return;
    const TimePoint now = context_.loop.now();
    for (Inner& inner : inner_) {
        if (!is_below(*context_.tree.leaves()[leaf], *inner.vertex)) continue;
        inner.pause = pause_min;
        inner.due = all_answer(*inner.vertex) ? now : now + inner_grace;
    }
    for (Child& child : children_) {
        if (!is_below(*context_.tree.leaves()[leaf], *child.vertex)) continue;
        child.pause = pause_min;
        child.due = now;
        child.asked = false;
    }
    look_task_.post();
}

void Joiner::leaf_down(std::size_t leaf) {
    if (!begun_ || ended_) return;
    const Vertex& lost = *context_.tree.leaves()[leaf];
    starter_.forget_refusal(leaf);
    for (Child& child : children_) {
        if (!is_below(lost, *child.vertex)) continue;
        child.failed.clear();
        // What was found there is not there any more.
        if (std::exchange(child.cleared, true)) continue;
        mirror_of(child).set_refused(child.vertex->position, {});
    }
    if (attempt_ && attempt_->concerns(leaf)) attempt_->give_up();
    if (!timer_.running()) timer_.start(pause_min);
}

void Joiner::record_changes() {
    if (begun_ && !ended_ && !timer_.running()) timer_.start(pause_min);
}

void Joiner::stop() {
    ended_ = true;
    timer_.stop();
    look_task_.cancel();
    if (attempt_) attempt_->give_up();
}

void Joiner::end(std::function<void()> done) {
    stop();
    if (!attempt_) return context_.loop.defer(std::move(done));
    end_done_ = std::move(done);
}

void Joiner::look() {
    if (!begun_ || ended_ || attempt_) return;
    timer_.stop();
    const TimePoint now = context_.loop.now();
    bool watch = false;
    TimePoint next = now + pause_min;
    for (Child& child : children_) {
        Mirror& mirror = mirror_of(child);
        if (!mirror.serving()) continue;
        const std::size_t index = child.vertex->position;
        // While nothing is sent to it, it misses nothing that it could leave for.
        if (const Vertex* const leaf = lost_for_good(*child.vertex)) {
            mirror.lost_for_good(index,
                                 leaf->spec->name + " is not the medium that it was: " + leaf->leaf->last_error().text);
        }
        watch = watch || mirror.degraded();
        if (!mirror.degraded()) {
            child.again = {};
            child.admit_due = {};
        }
        const bool unknown = mirror.number(index) == 0;
        if (!unknown && !mirror.wants_back(index) && !mirror.missed_nothing(index)) continue;
        const Vertex& vertex = *child.vertex;
        numbering_ = unknown ? tells_its_number(vertex)
                             : !child.asked && known_by_name_alone(vertex, held_) && has_leaf_up(vertex);
        Inner* const inner = unknown || numbering_ ? nullptr : inner_to_start(child, next);
        if (inner != nullptr) return attempt(child, inner);
        if (!numbering_ && (unknown || !is_ready(child))) continue;
        const TimePoint due = std::max(child.due, child.admit_due);
        if (due <= now) return attempt(child, nullptr);
        next = std::min(next, due);
    }
    if (watch) timer_.start(next - now);
}

/// All below is up. What is kept down for want of the right medium may come up, to be looked at.
bool Joiner::is_ready(const Child& child) {
    for (const Vertex* leaf : own_leaves(*child.vertex)) {
        if (!leaf->device->up()) release_pin(*leaf);
    }
    return all_up(*child.vertex);
}

/// A mirror below that does not serve, inner ones first, and can be looked at now; `next`: when the others can.
Joiner::Inner* Joiner::inner_to_start(const Child& child, TimePoint& next) {
    for (Inner& inner : inner_) {
        Mirror& mirror = *inner.vertex->mirror;
        if (!is_directly_below(*inner.vertex, *child.vertex)) continue;
        // What it holds is not needed: what is above wants the child back.
        if (lost_a_medium(*inner.vertex)) mirror.stop();
        if (mirror.serving()) continue;
        if (!mirror.idle()) {
            next = std::min(next, context_.loop.now() + stop_time);
            continue;
        }
        for (const Vertex* leaf : leaves_of_mirror(*inner.vertex)) {
            if (!leaf->device->up()) release_pin(*leaf);
        }
        if (!any_up(*inner.vertex)) continue;
        if (inner.due <= context_.loop.now()) return &inner;
        next = std::min(next, inner.due);
    }
    return nullptr;
}

std::string Joiner::why_not_back(const Vertex& vertex) const {
    const auto found =
        std::find_if(children_.begin(), children_.end(), [&](const Child& child) { return child.vertex == &vertex; });
    if (found == children_.end()) return {};
    const Child& child = *found;
    if (attempt_ && attempted_ == &child) return "it is there, and is looked at now";
    if (!child.failed.empty()) return "it could not be looked at, and is again soon: " + child.failed;
    if (attempt_) return "it waits for its turn to be looked at, after " + attempted_->vertex->spec->name;
    if (std::max(child.due, child.admit_due) > context_.loop.now()) return "it is there, and is tried again soon";
    return {};
}

void Joiner::release_pin(const Vertex& leaf) {
    const Errc why = leaf.leaf->last_error().code;
    const bool kept_down = why == Errc::refused || why == Errc::fenced;
    LeafHold& held = held_[leaf.index];
    if (!kept_down || held.promised.none() || held.pin_released) return;
    held.pin_released = true;
    leaf.leaf->set_identity({starter_.storage_id(), Tree::place_of(leaf), {}, context_.head});
}

void Joiner::attempt(Child& child, Inner* inner) {
    attempted_ = &child;
    attempted_inner_ = inner;
    auto ended = [this](ReturnAttempt::End end, const std::string& why) {
        attempt_end_ = end;
        attempt_why_ = why;
        ended_task_.post();
    };
    const JoinContext context{context_, starter_.storage_id(), starter_.epoch(), held_};
    if (numbering_) {
        child.asked = true;
        attempt_ = std::make_unique<NumberAttempt>(context, *child.vertex, std::move(ended));
    } else if (inner != nullptr) {
        attempt_ =
            std::make_unique<InnerStart>(context, *child.vertex, *inner->vertex, inner->unwritable, std::move(ended));
    } else {
        attempt_ = std::make_unique<JoinAttempt>(context, *child.vertex, std::move(ended));
    }
    stuck_timer_.start(patience_.now());
    attempt_->begin();
}

void Joiner::attempt_ended() {
    stuck_timer_.stop();
    if (attempt_end_ == ReturnAttempt::End::done) patience_.was_enough();
    const std::vector<const Vertex*> looked_at = attempt_->looked_at();
    attempt_.reset();
    if (end_done_) return context_.loop.defer(std::exchange(end_done_, nullptr));
    if (ended_) return;
    for (const Vertex* leaf : looked_at) starter_.forget_refusal(leaf->index);
    if (attempt_end_ == ReturnAttempt::End::fenced) {
        return context_.journal.on_fenced(attempted_->vertex->spec->name);
    }
    attempted_inner_ != nullptr ? inner_ended(*attempted_, *attempted_inner_) : child_ended(*attempted_);
    look_task_.post();
}

void Joiner::child_ended(Child& child) {
    child.due = context_.loop.now() + child.pause;
    child.failed = attempt_end_ == ReturnAttempt::End::later ? attempt_why_ : std::string();
    switch (attempt_end_) {
        case ReturnAttempt::End::done:
            child.pause = pause_min;
            child.due = numbering_ ? TimePoint{} : child.due;
            if (numbering_) break;
            // At once for the first time. A disk that fails at the same place again, or a link that is too slow for
            // what is written, would break the resync off several times in a second, and hold writers up each time.
            child.admit_due = context_.loop.now() + child.again;
            child.again = std::clamp(2 * child.again, pause_min, pause_max);
            child.told.clear();
            child.cleared = true;
            break;
        case ReturnAttempt::End::refused: refuse(child, false, attempt_why_); break;
        case ReturnAttempt::End::split: refuse(child, true, attempt_why_); break;
        case ReturnAttempt::End::later: child.asked = child.asked && !numbering_; break;
        case ReturnAttempt::End::waits:
        case ReturnAttempt::End::fenced: break;
    }
}

void Joiner::inner_ended(Child& child, Inner& inner) {
    inner.due = context_.loop.now() + inner.pause;
    inner.told = attempt_why_;
    // What a disk did not take just now, it may take the next time.
    if (attempt_end_ != ReturnAttempt::End::later) inner.unwritable.clear();
    switch (attempt_end_) {
        case ReturnAttempt::End::done:
            inner.pause = pause_min;
            inner.told_wait.clear();
            child.due = context_.loop.now();
            if (!std::exchange(child.cleared, true)) mirror_of(child).set_refused(child.vertex->position, {});
            break;
        case ReturnAttempt::End::waits:
            inner.pause = std::min(2 * inner.pause, pause_max);
            if (std::exchange(inner.told_wait, attempt_why_) == attempt_why_) break;
            context_.events.event(
                Severity::notice, "mirror-waits",
                std::string("a mirror below another one cannot be started yet; ") +
                    (mirror_of(child).up() ? "the others carry on without it" : "the others are not there either"),
                {{"mirror", inner.vertex->spec->name}, {"in", mirror_of(child).name()}, {"why", attempt_why_}});
            break;
        case ReturnAttempt::End::refused:
        case ReturnAttempt::End::split:
            inner.pause = std::min(2 * inner.pause, pause_max);
            refuse(child, attempt_end_ == ReturnAttempt::End::split, attempt_why_);
            break;
        case ReturnAttempt::End::later:
        case ReturnAttempt::End::fenced: break;
    }
}

void Joiner::refuse(Child& child, bool split, const std::string& why) {
    child.pause = std::min(2 * child.pause, pause_max);
    child.cleared = false;
    mirror_of(child).set_refused(child.vertex->position, why);
    if (why == child.told) return;
    child.told = why;
    context_.events.event(Severity::error, split ? "member-split" : "member-refused", why,
                          {{"mirror", mirror_of(child).name()}, {"member", child.vertex->spec->name}});
}

void Joiner::cut_stuck() {
    if (!attempt_) return;
    attempt_->cut({Errc::timed_out, "it does not answer while it is looked at"});
    patience_.was_too_short();
    stuck_timer_.start(patience_.now());
}

}  // namespace dst
