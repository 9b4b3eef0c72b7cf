#include "media/local_leaf.h"

#include <utility>

#include "block/assert.h"

namespace dst {

LocalLeaf::LocalLeaf(Loop& loop, EventSink& events, std::unique_ptr<RawMedium> raw)
    : loop_(loop), medium_(loop, events, std::move(raw)) {
    medium_.set_gate([this](const LabelChoice& label, const Geometry& found) { return check_pin(label, found); });
    medium_.attach(*this);
}

LocalLeaf::~LocalLeaf() {
    DST_ASSERT(passages_.in_use() == 0);
    medium_.detach(*this);
}

void LocalLeaf::open() { medium_.open(); }

void LocalLeaf::assume_geometry(const Geometry& geometry) { assumed_ = geometry; }

const Geometry& LocalLeaf::geometry() const {
    return medium_.geometry().size_bytes != 0 ? medium_.geometry() : assumed_;
}

void LocalLeaf::set_identity(const LeafIdentity& identity) {
    identity_ = identity;
    opener = identity.head;
}

void LocalLeaf::peek(Callback<Peek> done) { medium_.peek(*this, std::move(done)); }
void LocalLeaf::probe(Callback<Probe> done) { medium_.probe(*this, std::move(done)); }

void LocalLeaf::promise(const Peek& seen, const Epoch& wanted, Callback<LabelImage> done) {
    medium_.promise(*this, seen, wanted, [this, wanted, done = std::move(done)](Result<LabelImage> label) {
        if (label) {
            identity_.epoch = wanted;
            pin();
        }
        done(std::move(label));
    });
}

void LocalLeaf::mark_served(const Epoch& served, Callback<LabelImage> done) {
    medium_.mark_served(*this, served, std::move(done));
}

void LocalLeaf::write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done) {
    medium_.write_label(*this, seen, image, [this, done = std::move(done)](Result<LabelImage> label) {
        if (label && pin_.set() && medium_.label() != nullptr) pin();
        done(std::move(label));
    });
}

void LocalLeaf::submit(Request& request) {
    Errc allowed = medium_.may_submit(*this, request);
    if (allowed == Errc::ok) allowed = check_request(request, medium_.geometry());
    if (allowed != Errc::ok) {
        loop_.complete_later(request, allowed);
        return;
    }
    Passage& passage = passages_.take();
    passage = {this, request.done, request.owner};
    request.done = passed;
    request.owner = &passage;
    medium_.submit(request);
}

void LocalLeaf::passed(Request& request) {
    auto& passage = *static_cast<Passage*>(request.owner);
    LocalLeaf& leaf = *passage.leaf;
    request.done = passage.done;
    request.owner = passage.owner;
    leaf.passages_.give_back(passage);
    leaf.note_result(request, request.result);
    // Before the request goes back, whose end may be what somebody waits for to take this leaf down.
    leaf.tell_ended();
    request.done(request);
}

void LocalLeaf::fence(const Epoch&, std::function<void()> ended) {
    DST_ASSERT(!ended_);
    ended_ = std::move(ended);
    tell_ended();
}

void LocalLeaf::tell_ended() {
    if (ended_ && passages_.in_use() == 0) loop_.defer(std::exchange(ended_, nullptr));
}

void LocalLeaf::cut(const Error& why) { medium_.cut(why); }

void LocalLeaf::pin() { pin_.pin(medium_.label()->medium, medium_.geometry().size_bytes, medium_.incarnation()); }

Error LocalLeaf::check_pin(const LabelChoice& label, const Geometry& found) {
    FoundMedium there{label.state, {}, Errc::ok, found.size_bytes, medium_.incarnation()};
    if (label.label) {
        there.medium = label.label->medium;
        const Epoch& promised = label.label->promised;
        const bool newer = promised.number >= identity_.epoch.number;
        if (promised != identity_.epoch) there.epoch = newer ? Errc::fenced : Errc::refused;
    }
    Error why = pin_.check(identity_, there);
    found_another_ = MediumPin::is_another(why, there);
    return why;
}

void LocalLeaf::on_medium_up() {
    if (medium_.adopt_epoch(*this, identity_.epoch) == Errc::ok) {
        pin_.set() ? pin_.saw(medium_.incarnation()) : pin();
    } else {
        epoch = {};
    }
    notify_up();
}

void LocalLeaf::on_medium_down(const Error& why) { notify_down(why); }

void LocalLeaf::close(std::function<void()> closed) { medium_.close(std::move(closed)); }

}  // namespace dst
