// What FileDisk asks of the medium beside its I/O: on the worker, since each call can block.
#include <utility>

#include "block/assert.h"
#include "disk/disk_engine.h"
#include "disk/file_disk.h"
#include "disk/medium_name.h"
#include "disk/probe.h"

namespace dst {
namespace {

/// Whoever looks at a disk waits for it: a path that hangs says nothing against the medium that is open.
constexpr Duration name_limit = std::chrono::seconds(3);

}  // namespace

void FileDisk::check_hang() {
    // The thread hangs in the kernel and ends when that lets go; nobody waits for it.
    ++call_;
    worker_.reset();
    const Error why{Errc::timed_out, path_ + ": no answer in time"};
    if (name_seen_) end_look(NameFinding::same);
    if (probed_) end_probe(why);
    if (state_ != State::opening) return;
    state_ = State::down;
    tell_down(why);
}

void FileDisk::probe(Callback<Probe> done) {
    DST_ASSERT(!probed_ && !name_seen_);
    probed_ = std::move(done);
    const std::uint64_t call = ++call_;
    if (state_ != State::up) {
        loop_.defer([this, call] {
            if (call == call_) end_probe(Error{Errc::disconnected, path_ + " is not open"});
        });
        return;
    }
    call_limit_.start(call_limit_max);
    if (!worker_) worker_ = std::make_unique<Worker>(loop_);
    auto result = std::make_shared<Result<Probe>>(Error{});
    worker_->run([result, fd = engine_->medium().fd, path = path_,
                  size = geometry_.size_bytes] { *result = probe_medium(fd->get(), path, size); },
                 [this, result, call](Errc code) {
                     if (call != call_) return;
                     if (code != Errc::ok) *result = Error{code, path_ + ": no thread to look at it with"};
                     end_probe(std::move(*result));
                 });
}

void FileDisk::end_probe(Result<Probe> result) {
    call_limit_.stop();
    const Callback<Probe> done = std::exchange(probed_, nullptr);
    done(std::move(result));
}

void FileDisk::look_at_name(std::function<void(NameFinding)> done) {
    DST_ASSERT(!probed_ && !name_seen_);
    name_seen_ = std::move(done);
    const std::uint64_t call = ++call_;
    // No second thread is sent after one that hangs.
    if (state_ != State::up || !name_look_.expired()) {
        loop_.defer([this, call] {
            if (call == call_) end_look(NameFinding::same);
        });
        return;
    }
    call_limit_.start(name_limit);
    if (!worker_) worker_ = std::make_unique<Worker>(loop_);
    auto found = std::make_shared<NameFinding>(NameFinding::same);
    name_look_ = found;
    const OpenedAs& opened = engine_->medium();
    worker_->run([found, opened, path = path_] { *found = look_at_path(path, opened); },
                 [this, found, call](Errc) {
                     name_look_.reset();
                     if (call == call_) end_look(*found);
                 });
}

void FileDisk::end_look(NameFinding found) {
    call_limit_.stop();
    // What was cut off is lost, even if the file has its size back when it is opened again.
    if (found == NameFinding::shrunk) engine_->medium().incarnation->drop();
    std::exchange(name_seen_, nullptr)(found);
}

/// Whoever waits for a look at the medium hears now that it has ended.
void FileDisk::give_up_looks(const Error& why) {
    ++call_;
    call_limit_.stop();
    if (probed_) loop_.defer([done = std::exchange(probed_, nullptr), why] { done(why); });
    if (name_seen_) loop_.defer([done = std::exchange(name_seen_, nullptr)] { done(NameFinding::same); });
}

}  // namespace dst
