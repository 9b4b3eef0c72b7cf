#include "start/joiner.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

/// Between looks at a child that cannot be taken back.
constexpr Duration pause_min = std::chrono::seconds(1);
constexpr Duration pause_max = std::chrono::seconds(10);

/// An attempt whose steps take longer stands before a disk that hangs.
constexpr Duration stuck_time = std::chrono::seconds(15);

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
        for (const auto& child : mirror->children) children_.push_back({child.get(), pause_min, {}, {}, true});
    }
}

void Joiner::begin() {
    begun_ = true;
    for (const Vertex* leaf : starter_.used_leaves()) held_[leaf->index].promised = starter_.epoch();
    look_task_.post();
}

void Joiner::leaf_up(std::size_t leaf) {
    if (!begun_ || ended_) return;
    for (Child& child : children_) {
        if (!is_below(*context_.tree.leaves()[leaf], *child.vertex)) continue;
        child.pause = pause_min;
        child.due = context_.loop.now();
    }
    look_task_.post();
}

void Joiner::leaf_down(std::size_t leaf) {
    if (!begun_ || ended_) return;
    const Vertex& lost = *context_.tree.leaves()[leaf];
    starter_.forget_refusal(leaf);
    for (Child& child : children_) {
        // What was found there is not there any more.
        if (!is_below(lost, *child.vertex) || std::exchange(child.cleared, true)) continue;
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
        watch = watch || mirror.degraded();
        if (!mirror.wants_back(child.vertex->position) || !is_ready(child)) continue;
        if (child.due <= now) return attempt(child);
        next = std::min(next, child.due);
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

void Joiner::release_pin(const Vertex& leaf) {
    const Errc why = leaf.leaf->last_error().code;
    const bool kept_down = why == Errc::refused || why == Errc::fenced;
    LeafHold& held = held_[leaf.index];
    if (!kept_down || held.promised.none() || held.pin_released) return;
    held.pin_released = true;
    leaf.leaf->set_identity({starter_.storage_id(), Tree::place_of(leaf), {}, context_.head});
}

void Joiner::attempt(Child& child) {
    attempted_ = &child;
    auto ended = [this](JoinAttempt::End end, const std::string& why) {
        attempt_end_ = end;
        attempt_why_ = why;
        ended_task_.post();
    };
    attempt_ = std::make_unique<JoinAttempt>(JoinContext{context_, starter_.storage_id(), starter_.epoch(), held_},
                                             *child.vertex, std::move(ended));
    stuck_timer_.start(stuck_time);
    attempt_->begin();
}

void Joiner::attempt_ended() {
    stuck_timer_.stop();
    attempt_.reset();
    if (end_done_) return context_.loop.defer(std::exchange(end_done_, nullptr));
    if (ended_) return;
    Child& child = *attempted_;
    for (const Vertex* leaf : own_leaves(*child.vertex)) starter_.forget_refusal(leaf->index);
    child.due = context_.loop.now() + child.pause;
    switch (attempt_end_) {
        case JoinAttempt::End::admitted:
            child.pause = pause_min;
            child.told.clear();
            child.cleared = true;
            break;
        case JoinAttempt::End::later: break;
        case JoinAttempt::End::refused: refuse(child, false, attempt_why_); break;
        case JoinAttempt::End::split: refuse(child, true, attempt_why_); break;
        case JoinAttempt::End::fenced: context_.journal.on_fenced(child.vertex->spec->name); return;
    }
    look_task_.post();
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
    stuck_timer_.start(stuck_time);
}

}  // namespace dst
