#include "simworld/sim_store.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"

namespace dst::sim {
namespace {

/// What a write that was cut short leaves behind: the old bytes, the new ones, or sectors of both.
Bytes torn(SimLoop& loop, const Bytes& before, const Bytes& after) {
    if (loop.chance(300)) return before;
    if (loop.chance(300)) return after;
    Bytes mixed = after;
    mixed.resize(std::max(before.size(), after.size()));
    for (std::size_t at = 0; at < mixed.size(); at += 512) {
        if (loop.chance(500)) continue;
        for (std::size_t i = at; i < std::min(at + 512, mixed.size()); ++i) {
            mixed[i] = i < before.size() ? before[i] : std::byte{0};
        }
    }
    return mixed;
}

}  // namespace

SimStoreFile::SimStoreFile(SimLoop& loop, std::string name, const Id& in_machine)
    : machine(in_machine), loop_(loop), name_(std::move(name)) {}

void SimStoreFile::crash() {
    opener_ = nullptr;
    for (SimStore* const dead : stores_) dead->sever();
}

void SimStoreFile::copy_from(const SimStoreFile& other, const Id& on_machine) {
    slots = other.slots;
    machine = on_machine;
    inode = loop_.random() | 1;
}

void SimStoreFile::set_latency(Duration min, Duration max) {
    latency_min = min;
    latency_max = max;
}

void SimStoreFile::set_hung(bool hung) {
    hung_ = hung;
    if (hung_) return;
    for (SimStore* const store : stores_) store->finish_due();
}

void SimStoreFile::remove() {
    slots = {};
    inode = 0;
}

void SimStoreFile::swap_aside() {
    std::swap(slots, slots_aside_);
    std::swap(inode, inode_aside_);
}

SimStore::SimStore(SimLoop& loop, SimStoreFile& file) : loop_(loop), file_(file) { file_.stores_.push_back(this); }

SimStore::~SimStore() {
    std::erase(file_.stores_, this);
    if (file_.opener_ == this) file_.opener_ = nullptr;
}

void SimStore::open(Callback<StoreContents> done) {
    loop_.after(loop_.between(file_.latency_min, file_.latency_max),
                [this, guard = std::weak_ptr<int>(alive_), done = std::move(done)] {
                    if (guard.expired()) return;
                    when_it_answers([this, done] { finish_open(done); });
                });
}

void SimStore::when_it_answers(std::function<void()> run) {
    if (file_.hung_ && !severed_) {
        due_.push_back(std::move(run));
    } else {
        run();
    }
}

void SimStore::finish_due() {
    for (auto& run : std::exchange(due_, {})) {
        loop_.defer([run = std::move(run), guard = std::weak_ptr<int>(alive_)] {
            if (!guard.expired()) run();
        });
    }
}

void SimStore::finish_open(const Callback<StoreContents>& done) {
    if (severed_) return done(Error{Errc::cancelled, name() + ": the process died"});
    if (file_.fail_open != Errc::ok) return done(Error{file_.fail_open, name() + ": cannot be opened"});
    if (file_.opener_ != nullptr && file_.opener_ != this) {
        return done(Error{Errc::busy, name() + " is locked by another process"});
    }
    file_.opener_ = this;
    StoreContents contents;
    contents.created = file_.inode == 0;
    if (contents.created) file_.inode = loop_.random() | 1;
    opened_ = file_.inode;
    contents.slots = file_.slots;
    contents.machine = file_.machine;
    contents.file = file_.inode;
    done(std::move(contents));
}

void SimStore::write(unsigned slot, Bytes bytes, Callback<void> done) {
    DST_ASSERT(slot < 2 && bytes.size() <= slot_bytes_max && writing_ == nullptr);
    writing_ = std::make_unique<Write>(Write{slot, std::move(bytes), std::move(done)});
    loop_.after(loop_.between(file_.latency_min, file_.latency_max), [this, guard = std::weak_ptr<int>(alive_)] {
        if (!guard.expired()) when_it_answers([this] { finish_write(); });
    });
}

void SimStore::finish_write() {
    const std::unique_ptr<Write> write = std::move(writing_);
    if (severed_) return write->done(Error{Errc::cancelled, name() + ": the process died"});
    if (file_.opener_ != this) return write->done(Error{Errc::io_error, name() + " is not open"});
    if (file_.fail_write != Errc::ok) {
        Bytes& slot = slot_of(*write);
        if (file_.fails_in_part) slot = torn(loop_, slot, write->bytes);
        return write->done(Error{file_.fail_write, name() + ": cannot be written"});
    }
    const bool moved = aside();
    if (file_.inode == 0 && !moved) return write->done(Error{Errc::changed, name() + " was removed"});
    slot_of(*write) = write->bytes;
    ++file_.writes_;
    if (file_.on_written) file_.on_written(write->bytes);
    if (moved) return write->done(Error{Errc::changed, name() + " was moved away"});
    write->done({});
}

Bytes& SimStore::slot_of(const Write& write) {
    return aside() ? file_.slots_aside_[write.slot] : file_.slots[write.slot];
}

void SimStore::sever() {
    if (severed_) return;
    severed_ = true;
    finish_due();
    if (writing_ == nullptr) return;
    Bytes& slot = slot_of(*writing_);
    slot = torn(loop_, slot, writing_->bytes);
}

}  // namespace dst::sim
