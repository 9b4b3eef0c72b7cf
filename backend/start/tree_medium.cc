#include "start/tree_medium.h"

#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

/// How long an opening is left unanswered while the tree waits for its nodes; the reason is told then.
constexpr Duration patience = std::chrono::seconds(3);

}  // namespace

TreeMedium::TreeMedium(TreeEnvironment environment)
    : environment_(std::move(environment)),
      loop_(environment_.loop),
      name_("tree " + environment_.storage),
      down_notice_(loop_, [this] { notify_down(why_down_); }),
      up_notice_(loop_, [this] { come_up(); }),
      patience_(loop_, [this] { waited(); }) {}

TreeMedium::~TreeMedium() { DST_ASSERT(!storage_); }

std::optional<StorageStatus> TreeMedium::status() const {
    return storage_ ? std::optional(storage_->status()) : std::nullopt;
}

void TreeMedium::open() {
    DST_ASSERT(!up_ && !closed_);
    if (fenced_) {
        tell_down({Errc::fenced, name_ + " was taken over by another head; restart this netnode to take it back"});
        return;
    }
    wanted_ = true;
    patience_.start(patience);
    if (stage_ == Stage::serving && storage_->root().up()) {
        up_notice_.post();
    } else if (stage_ == Stage::none) {
        start();
    }
}

void TreeMedium::start() {
    stage_ = Stage::starting;
    storage_ = environment_.make(*this);
    storage_->open();
}

void TreeMedium::waited() {
    wanted_ = false;
    std::string reason = storage_ ? storage_->status().reason : std::string();
    if (reason.empty()) reason = "its storage is being started";
    tell_down({Errc::not_ready, name_ + " does not serve yet: " + reason});
}

void TreeMedium::on_serving() {
    stage_ = Stage::serving;
    storage_->root().set_observer(this);
    up_notice_.post();
}

/// By itself as well: a tree that is back should not wait for the next time that somebody tries to open it.
void TreeMedium::come_up() {
    if (up_ || stage_ != Stage::serving || !storage_->root().up()) return;
    wanted_ = false;
    patience_.stop();
    up_ = true;
    geometry_ = storage_->geometry();
    incarnation_ = storage_->root().incarnation();
    notify_up();
}

// Posted, so that the notice of having gone down comes first.
void TreeMedium::on_up(BlockDevice&) { up_notice_.post(); }

void TreeMedium::on_down(BlockDevice&, const Error& why) {
    if (up_) tell_down(why);
}

void TreeMedium::on_failed(const Error& why) {
    if (why.code == Errc::fenced) fenced_ = true;
    wanted_ = false;
    tell_down({why.code, name_ + ": " + why.text});
    end_storage();
}

void TreeMedium::tell_down(const Error& why) {
    up_ = false;
    patience_.stop();
    why_down_ = why;
    down_notice_.post();
}

void TreeMedium::end_storage() {
    stage_ = Stage::ending;
    storage_->close([this] { storage_ended(); });
}

void TreeMedium::storage_ended() {
    // Called by the storage, so it is destroyed a little later.
    loop_.defer([this] {
        storage_.reset();
        stage_ = Stage::none;
        if (closed_) {
            std::exchange(closed_, nullptr)();
        } else if (wanted_) {
            start();
        }
    });
}

void TreeMedium::submit(Request& request) {
    if (!up_) {
        loop_.complete_later(request, Errc::disconnected);
        return;
    }
    storage_->root().submit(request);
}

void TreeMedium::cut(const Error& why) {
    if (up_) storage_->root().cut(why);
}

void TreeMedium::probe(Callback<Probe> done) {
    if (!up_) {
        loop_.defer([done = std::move(done), name = name_] { done(Error{Errc::disconnected, name + " is not up"}); });
        return;
    }
    DST_ASSERT(!probed_);
    probed_ = std::move(done);
    environment_.probe(storage_->root(), name_, [this, life = std::weak_ptr<int>(life_)](Result<Probe> result) {
        if (!life.expired() && probed_) std::exchange(probed_, nullptr)(std::move(result));
    });
}

void TreeMedium::look_at_name(std::function<void(NameFinding)> done) {
    loop_.defer([done = std::move(done)] { done(NameFinding::same); });
}

void TreeMedium::close(std::function<void()> closed) {
    DST_ASSERT(!closed_);
    closed_ = std::move(closed);
    up_ = false;
    wanted_ = false;
    patience_.stop();
    down_notice_.cancel();
    up_notice_.cancel();
    if (probed_) {
        loop_.defer([done = std::exchange(probed_, nullptr), name = name_] {
            done(Error{Errc::cancelled, name + " is being closed"});
        });
    }
    if (stage_ == Stage::none) {
        loop_.defer(std::exchange(closed_, nullptr));
    } else if (stage_ != Stage::ending) {
        storage_->root().set_observer(nullptr);
        end_storage();
    }
}

}  // namespace dst
