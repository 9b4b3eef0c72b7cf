// The label operations of Medium: queued, one at a time.
#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "media/label_operation.h"
#include "media/medium.h"

namespace dst {
namespace {

const Error none{Errc::ok, {}};

std::string epoch_text(const Epoch& epoch) { return std::to_string(epoch.number) + "/" + short_string(epoch.head); }

}  // namespace

void Medium::peek(Session& asker, Callback<Peek> done) {
    auto operation = std::make_unique<LabelOperation>();
    operation->kind = LabelOperation::Kind::peek;
    operation->asker = &asker;
    operation->peek_done = std::move(done);
    start(std::move(operation));
}

void Medium::probe(Session& asker, Callback<Probe> done) {
    auto operation = std::make_unique<LabelOperation>();
    operation->kind = LabelOperation::Kind::probe;
    operation->asker = &asker;
    operation->probe_done = std::move(done);
    start(std::move(operation));
}

void Medium::promise(Session& session, const Peek& seen, const Epoch& epoch, Callback<LabelImage> done) {
    auto operation = std::make_unique<LabelOperation>();
    operation->kind = LabelOperation::Kind::promise;
    operation->asker = &session;
    operation->seen = seen;
    operation->epoch = epoch;
    operation->label_done = std::move(done);
    start(std::move(operation));
}

void Medium::mark_served(Session& session, const Epoch& epoch, Callback<LabelImage> done) {
    auto operation = std::make_unique<LabelOperation>();
    operation->kind = LabelOperation::Kind::served;
    operation->asker = &session;
    operation->epoch = epoch;
    operation->label_done = std::move(done);
    start(std::move(operation));
}

void Medium::write_label(Session& session, const Peek& seen, const LabelImage& image, Callback<LabelImage> done) {
    auto operation = std::make_unique<LabelOperation>();
    operation->kind = LabelOperation::Kind::write_label;
    operation->asker = &session;
    operation->seen = seen;
    operation->image = image;
    operation->label_done = std::move(done);
    start(std::move(operation));
}

void Medium::start(std::unique_ptr<LabelOperation> operation) {
    DST_ASSERT(attached(operation->asker));
    operations_.push_back(std::move(operation));
    if (!running_) next_task_.post();
}

void Medium::run_next() {
    if (running_ || operations_.empty()) return;
    LabelOperation& operation = *operations_.front();
    running_ = true;
    DST_ASSERT(operation.asker != nullptr);
    if (state_ != State::up) {
        finish(not_up());
        return;
    }
    switch (operation.kind) {
        case LabelOperation::Kind::peek: run_peek(); return;
        case LabelOperation::Kind::probe: run_probe(); return;
        case LabelOperation::Kind::promise: run_promise(operation); return;
        case LabelOperation::Kind::served: run_served(operation); return;
        case LabelOperation::Kind::write_label: run_write_label(operation); return;
    }
}

void Medium::run_peek() {
    // The raw medium looks from a thread of its own and may answer after a close.
    raw_->look_at_name([this, alive = std::weak_ptr<int>(alive_)](NameFinding found) {
        if (!alive.expired() && !operations_.empty()) name_seen(found);
    });
}

void Medium::name_seen(NameFinding found) {
    if (state_ != State::up || !area_.idle()) {
        finish(not_up());
    } else if (gives_way(found, operations_.front()->asker)) {
        open_anew(found);
        finish(not_up());
    } else {
        read_for_peek();
    }
}

/// Whether what is open is let go for what its name stands for now.
bool Medium::gives_way(NameFinding found, const Session* asker) const {
    // A label lies at the end: where the end has moved it could not be found again.
    const bool differs =
        found != NameFinding::same && (found != NameFinding::grown || label_state() != LabelState::valid);
    return differs && std::none_of(sessions_.begin(), sessions_.end(), [&](const Session* session) {
               if (session == asker || session->closing) return false;
               if (session->epoch.none()) return session->wrote_without_epoch_;
               return session->epoch == promised_ && (asker == nullptr || session->epoch.head != asker->epoch.head);
           });
}

void Medium::read_for_peek() {
    area_.read([this](Errc code) {
        if (state_ != State::up) {
            finish(not_up());
        } else if (code != Errc::ok) {
            finish({code, "the label on " + name() + " could not be read"});
        } else {
            // The disk did not read it when the medium was opened.
            if (label() != nullptr && promised_.none()) promised_ = label()->promised;
            finish(none);
        }
    });
}

void Medium::run_probe() {
    // The raw medium looks from a thread of its own and may answer after a close.
    raw_->probe([this, alive = std::weak_ptr<int>(alive_)](Result<Probe> found) {
        if (alive.expired() || operations_.empty()) return;
        if (!found) {
            finish(found.error());
        } else if (state_ != State::up || !area_.idle()) {
            finish(not_up());
        } else {
            operations_.front()->probe = *found;
            read_for_peek();
        }
    });
}

void Medium::run_promise(LabelOperation& operation) {
    const Error error = check_promise(operation);
    if (error.code != Errc::ok) {
        finish(error);
    } else if (label()->promised == operation.epoch && area_.durable()) {
        await_end(operation);
    } else {
        Label next = *label();
        next.promised = operation.epoch;
        write(next);
    }
}

void Medium::run_served(LabelOperation& operation) {
    if (label() == nullptr) {
        finish({Errc::refused, name() + " carries no valid label"});
    } else if (operation.epoch != promised_ || operation.asker->epoch != promised_) {
        finish({Errc::fenced, name() + " is promised to epoch " + epoch_text(promised_)});
    } else if (label()->served == operation.epoch && area_.durable()) {
        finish(none);
    } else {
        Label next = *label();
        next.served = operation.epoch;
        // Another one may have been written that nobody was told of.
        next.promised = promised_;
        write(next);
    }
}

void Medium::run_write_label(LabelOperation& operation) {
    const Error error = check_write_label(operation);
    if (error.code != Errc::ok) {
        finish(error);
    } else if (operation.image == LabelImage{}) {
        area_.erase([this](Errc code) { label_written(code); });
    } else {
        write(*decode_label(operation.image));
    }
}

void Medium::write(Label label) {
    label.sequence = area_.choice().next_sequence;
    area_.write(encode_label(label), [this](Errc code) { label_written(code); });
}

void Medium::label_written(Errc code) {
    // Also after an error: what lies there was read again. Nobody was told of a promise that could not be written, and
    // the one before stands, whether the new one can be read there or nothing can: sessions go by it.
    const LabelOperation::Kind kind = operations_.front()->kind;
    const bool untold = code != Errc::ok && kind != LabelOperation::Kind::write_label;
    if (state_ == State::up) {
        if (label() != nullptr && !untold) promised_ = label()->promised;
        if (label_state() == LabelState::absent) promised_ = Epoch{};
    }
    if (code != Errc::ok) {
        finish({code, "the label on " + name() + " could not be written"});
        return;
    }
    if (area_.choice().one_copy_bad) tell_copy_bad();
    if (state_ != State::up) {
        finish(not_up());
        return;
    }
    LabelOperation& operation = *operations_.front();
    switch (operation.kind) {
        case LabelOperation::Kind::promise:
            events_.event(Severity::notice, "medium-promised",
                          "the medium is promised to a new head; lower epochs are refused from now on",
                          {{"medium", name()},
                           {"epoch", epoch_text(operation.epoch)},
                           {"by", operation.asker != nullptr ? operation.asker->opener : std::string()}});
            await_end(operation);
            return;
        case LabelOperation::Kind::write_label:
            events_.event(Severity::notice, "label-written",
                          label() != nullptr ? "the medium was labelled" : "the label of the medium was erased",
                          {{"medium", name()}, {"label", label_text()}});
            finish(none);
            return;
        case LabelOperation::Kind::served:
        case LabelOperation::Kind::peek:
        case LabelOperation::Kind::probe: finish(none); return;
    }
}

/// M6: the promise is durable; it is answered when everything of lower epochs has ended, or busy.
void Medium::await_end(LabelOperation& operation) {
    Session* session = std::exchange(operation.asker, nullptr);
    // It may have been written by an attempt that could not see it.
    promised_ = operation.epoch;
    if (session != nullptr) {
        fence_lower(session, operation.epoch);
        Waiter waiter{session, loop_.now() + fence_limit, operation.epoch, {}, {}};
        for (const Fence& fence : fences_) {
            if (fence.session != session) waiter.fences.push_back(fence.id);
        }
        waiter.done = [this, session, epoch = operation.epoch, done = std::move(operation.label_done)](Errc code) {
            if (code == Errc::ok) {
                session->epoch = epoch;
                done(label_image());
            } else {
                done(promise_error(code));
            }
        };
        waiters_.push_back(std::move(waiter));
        waiters_task_.post();
    }
    finish(none);
}

Error Medium::promise_error(Errc code) const {
    if (code == Errc::busy) return {code, "earlier heads' requests to " + name() + " have not ended yet"};
    if (code == Errc::fenced) return {code, name() + " was promised to epoch " + epoch_text(promised_) + " meanwhile"};
    return not_up();
}

/// Ends the running operation: takes it off the queue and answers.
void Medium::finish(const Error& error) {
    DST_ASSERT(!operations_.empty());
    const std::unique_ptr<LabelOperation> operation = std::move(operations_.front());
    operations_.pop_front();
    running_ = false;
    if (!operations_.empty()) next_task_.post();
    if (reread_ && area_.idle()) read_label();
    if (operation->asker == nullptr) return;
    const bool ok = error.code == Errc::ok;
    switch (operation->kind) {
        case LabelOperation::Kind::peek:
            operation->peek_done(ok ? Result<Peek>(current_peek(*operation->asker)) : Result<Peek>(error));
            return;
        case LabelOperation::Kind::probe:
            operation->probe.label_state = label_state();
            operation->probe_done(ok ? Result<Probe>(operation->probe) : Result<Probe>(error));
            return;
        case LabelOperation::Kind::promise:
        case LabelOperation::Kind::served:
        case LabelOperation::Kind::write_label:
            operation->label_done(ok ? Result<LabelImage>(label_image()) : Result<LabelImage>(error));
            return;
    }
}

Error Medium::check_promise(const LabelOperation& operation) const {
    if (operation.epoch.none()) return {Errc::invalid_argument, "a promise needs an epoch"};
    if (label() == nullptr) {
        const std::string why = area_.choice().why.text;
        return {Errc::refused, name() + " carries no valid label" + (why.empty() ? "" : " (" + why + ")") +
                                   ": it is a new disk, or one that was cut or grown since it was labelled; then give "
                                   "it its old size back. dstctl inspect tells more. dstctl init is for new disks "
                                   "only, and destroys what is on them"};
    }
    if (!still_as_seen(operation.seen) && !broken(Rule::m6_compare_and_set)) {
        return {Errc::changed, "the label or the medium " + name() + " changed since it was looked at"};
    }
    const bool taken = operation.epoch.number < promised_.number ||
                       (operation.epoch.number == promised_.number && operation.epoch != promised_);
    if (taken) return {Errc::fenced, name() + " is promised to epoch " + epoch_text(promised_)};
    return none;
}

Error Medium::check_write_label(const LabelOperation& operation) const {
    if (!still_as_seen(operation.seen)) {
        return {Errc::changed, "the label or the medium " + name() + " changed since it was looked at"};
    }
    const std::optional<LiveHead> live = current_peek(*operation.asker).live;
    if (live) return {Errc::busy, "another head serves from " + name() + ": " + to_string(*live)};
    if (operation.image == LabelImage{}) return none;
    const Result<Label> label = decode_label(operation.image);
    if (!label) return {Errc::invalid_argument, "what should be written to " + name() + " is no label"};
    if (label->size_bytes > geometry_.size_bytes) {
        return {Errc::invalid_argument, name() + " has room for " + std::to_string(geometry_.size_bytes) +
                                            " bytes of data, its label would claim " +
                                            std::to_string(label->size_bytes)};
    }
    return none;
}

bool Medium::still_as_seen(const Peek& seen) const {
    return seen.incarnation == incarnation() && seen.label_state == label_state() && seen.label == label_image();
}

Peek Medium::current_peek(const Session& asker) const {
    Peek peek{label_state(), label_image(), incarnation(), std::nullopt};
    for (const Session* session : sessions_) {
        const bool serves = !session->closing && !session->epoch.none() && session->epoch == promised_;
        if (session != &asker && serves && session->epoch.head != asker.epoch.head) {
            peek.live = LiveHead{session->epoch, session->opener};
        }
    }
    return peek;
}

std::string Medium::label_text() const {
    return label() != nullptr ? label()->storage_name + " " + label()->place : area_.choice().why.text;
}

void Medium::tell_copy_bad() {
    events_.event(
        Severity::warning, "label-copy-bad",
        "one of the two copies of the label is bad; the other one counts, and the next start writes both again",
        {{"medium", name()}});
}

}  // namespace dst
