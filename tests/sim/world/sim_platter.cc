#include <algorithm>
#include <cstring>
#include <utility>

#include "block/assert.h"
#include "simworld/sim_disk.h"

namespace dst::sim {

SimPlatter::SimPlatter(SimLoop& loop, const SimPlatterOptions& options)
    : loop_(loop), latency_min_(options.latency_min), latency_max_(options.latency_max) {
    geometry_.size_bytes = options.size_bytes;
    geometry_.logical_block_bytes = options.logical_block_bytes;
    geometry_.physical_block_bytes = options.physical_block_bytes;
    geometry_.can_unmap = options.can_unmap;
    geometry_.fast_zeroes = options.fast_zeroes;
    is_file_ = options.size_bytes / 4096 % 4 == 0;
    name_file();
    change_incarnation();
}

void SimPlatter::name_file() {
    if (!is_file_) return;
    Id name;
    std::memcpy(name.bytes.data(), &file_, sizeof file_);
    incarnation_ = with_other_time(of_file(name), incarnation_.id);
}

SimPlatter::~SimPlatter() { DST_ASSERT(opener_ == nullptr); }

void SimPlatter::store(std::uint64_t index, const Sector& bytes, bool durable) {
    static constexpr Sector zero{};
    if (durable) {
        volatile_.erase(index);
    } else if (sectors_.is_zero(index) && std::memcmp(bytes.data(), zero.data(), sector_bytes) == 0 &&
               !volatile_.contains(index)) {
        // Large discards: it stays what it is, durable or not.
        return;
    } else {
        std::vector<Version>& versions = volatile_[index];
        if (versions.empty()) {
            versions.reserve(2);
            versions.push_back({0, std::make_unique<Sector>(sectors_.read(index))});
        }
        versions.push_back({++sequence_, std::make_unique<Sector>(bytes)});
    }
    sectors_.write(index, bytes);
}

void SimPlatter::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    DST_ASSERT(offset % sector_bytes == 0 && bytes.size() % sector_bytes == 0);
    touched_ = true;
    for (std::size_t at = 0; at < bytes.size(); at += sector_bytes) {
        Sector to;
        std::memcpy(to.data(), bytes.data() + at, sector_bytes);
        store((offset + at) / sector_bytes, to, true);
    }
}

std::vector<SimPlatter::Sector> SimPlatter::may_hold(std::uint64_t index) const {
    std::vector<Sector> all{sectors_.read(index)};
    if (const auto found = volatile_.find(index); found != volatile_.end()) {
        for (const Version& version : found->second) all.push_back(*version.bytes);
    }
    for (const std::optional<Content>& elsewhere : {std::cref(taken_out_), std::cref(renamed_)}) {
        if (elsewhere) all.push_back(elsewhere->sectors.read(index));
    }
    if (exchanged_ != nullptr) all.push_back(exchanged_->sectors_.read(index));
    return all;
}

void SimPlatter::crash() {
    touched_ = true;
    opener_ = nullptr;
    for (SimDisk* const dead : disks_) dead->sever();
    if (!hung()) land_orphans();
}

void SimPlatter::power_loss() {
    crash();
    orphans_.clear();
    lock_lingers_ = false;
    lose_unflushed();
    change_incarnation();
    if (on_cache_lost) on_cache_lost();
}

void SimPlatter::lose_unflushed() {
    // In the order of the sectors, so that a seed replays.
    const std::map<std::uint64_t, std::vector<Version>> in_doubt = std::move(volatile_);
    volatile_.clear();
    for (const auto& [index, versions] : in_doubt) {
        store(index, *versions[loop_.below(versions.size())].bytes, true);
    }
}

// The kernel calls the pages clean, written or not, and drops them when it likes.
void SimPlatter::flush_failed() {
    if (loop_.chance(500)) lose_unflushed();
    volatile_.clear();
    change_incarnation();
    if (on_cache_lost) on_cache_lost();
}

void SimPlatter::replace_blank(std::uint64_t size_bytes) { put_in({{}, size_bytes}); }

void SimPlatter::put_in(Content content) {
    touched_ = true;
    sectors_ = std::move(content.sectors);
    geometry_.size_bytes = content.size_bytes;
    file_ = content.file != 0 ? content.file : files_ + 1;
    files_ = std::max(files_, file_);
    name_file();
    volatile_.clear();
    orphans_.clear();
    lock_lingers_ = false;
    found_ = std::move(content.found);
    spoilt_.clear();
    change_incarnation();
    if (opener_ != nullptr) opener_->go_down({Errc::incarnation_changed, opener_->name() + ": the medium was changed"});
}

SimPlatter::Content SimPlatter::durable() const {
    Content content{sectors_, geometry_.size_bytes, file_, found_};
    for (const auto& [index, versions] : volatile_) content.sectors.write(index, *versions.front().bytes);
    return content;
}

void SimPlatter::take_out(Content in_place) {
    DST_ASSERT(!taken_out());
    comes_back_ = nullptr;
    Content kept = durable();
    put_in(std::move(in_place));
    label_in_place_ = label_area();
    taken_out_ = std::move(kept);
    by_rename_ = false;
    if (on_cache_lost) on_cache_lost();
}

void SimPlatter::rename_over(Content in_place) {
    touched_ = true;
    DST_ASSERT(!taken_out());
    renamed_ = std::move(in_place);
    if (!is_held()) open_named();
}

/// A medium that was taken in stays, whatever is put back.
bool SimPlatter::stays_in_place() const { return comes_back_ ? !comes_back_() : label_area() != label_in_place_; }

bool SimPlatter::names_another() const { return renamed_.has_value() && (!returning_ || !stays_in_place()); }

void SimPlatter::open_named() {
    if (!renamed_) return;
    const bool other = names_another();
    Content content = std::move(*renamed_);
    renamed_.reset();
    if (std::exchange(returning_, false)) {
        if (other) put_in(std::move(content));
    } else {
        const std::function<bool()> asked = std::move(comes_back_);
        take_out(std::move(content));
        by_rename_ = true;
        comes_back_ = asked;
    }
}

bool SimPlatter::put_back() {
    if (renamed_) {
        if (!returning_) renamed_.reset();
        return true;
    }
    if (exchanged_ != nullptr) {
        SimPlatter& other = *exchanged_;
        exchanged_ = other.exchanged_ = nullptr;
        change_places(other);
        return true;
    }
    if (!taken_out_) return false;
    if (stays_in_place()) {
        taken_out_.reset();
        return true;
    }
    Content content = std::move(*taken_out_);
    taken_out_.reset();
    if (by_rename_) {
        renamed_ = std::move(content);
        returning_ = true;
        if (!is_held()) open_named();
    } else {
        put_in(std::move(content));
    }
    return true;
}

void SimPlatter::exchange_with(SimPlatter& other) {
    DST_ASSERT(this != &other && !taken_out() && !other.taken_out());
    change_places(other);
    exchanged_ = &other;
    other.exchanged_ = this;
}

void SimPlatter::change_places(SimPlatter& other) {
    Content mine = durable();
    put_in(other.durable());
    other.put_in(std::move(mine));
    for (const SimPlatter* const platter : {this, &other}) {
        if (platter->on_cache_lost) platter->on_cache_lost();
    }
}

Bytes SimPlatter::label_area() const { return read({geometry_.size_bytes - label_bytes, label_bytes}); }

void SimPlatter::Content::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += sector_bytes) {
        Sector to;
        std::memcpy(to.data(), bytes.data() + at, sector_bytes);
        sectors.write((offset + at) / sector_bytes, to);
    }
}

void SimPlatter::Content::resize(std::uint64_t bytes) {
    size_bytes = bytes;
    sectors.cut_at((bytes + sector_bytes - 1) / sector_bytes);
}

void SimPlatter::resize(std::uint64_t size_bytes) {
    touched_ = true;
    const auto beyond = [size_bytes](const auto& entry) { return entry.first * sector_bytes >= size_bytes; };
    sectors_.cut_at((size_bytes + sector_bytes - 1) / sector_bytes);
    std::erase_if(volatile_, beyond);
    geometry_.size_bytes = size_bytes;
    if (opener_ != nullptr) opener_->go_down({Errc::io_error, opener_->name() + ": the size of the medium changed"});
}

void SimPlatter::fail(std::optional<Operation> operation, const Extent& range, Errc code, unsigned times,
                      Landing landing) {
    touched_ = true;
    failures_.push_back({operation, range, code, times, landing});
}

void SimPlatter::set_hung(Hang hang) {
    hang_ = hang;
    touched_ = touched_ || hung();
    if (hung()) return;
    land_orphans();
    if (opener_ != nullptr) opener_->finish_due();
}

void SimPlatter::set_latency(Duration min, Duration max) {
    // No healthy disk takes so long.
    touched_ = touched_ || max > std::chrono::milliseconds(10);
    latency_min_ = min;
    latency_max_ = max;
}

void SimPlatter::set_missing(bool missing) {
    missing_ = missing;
    touched_ = touched_ || missing;
    if (missing_ && opener_ != nullptr) opener_->go_down({Errc::not_found, opener_->name() + " is gone"});
}

void SimPlatter::spoil(const Extent& range) {
    touched_ = true;
    for (std::uint64_t at = range.offset; at < range.end(); at += sector_bytes) spoilt_[at / sector_bytes] = false;
}

std::vector<std::uint64_t> SimPlatter::missed() const {
    std::vector<std::uint64_t> sectors;
    for (const auto& [index, tried] : spoilt_) {
        if (tried) sectors.push_back(index);
    }
    return sectors;
}

bool SimPlatter::hangs(Operation operation) const noexcept {
    switch (hang_) {
        case Hang::none: return false;
        case Hang::all: return true;
        case Hang::flushes: return operation == Operation::flush;
        case Hang::changes: return operation == Operation::flush || changes_data(operation);
    }
    return false;
}

bool SimPlatter::meets_spoilt(const Extent& extent) const {
    const auto spoilt = spoilt_.lower_bound(extent.offset / sector_bytes);
    return spoilt != spoilt_.end() && spoilt->first * sector_bytes < extent.end();
}

// A disk reads the rest of a physical block that is written in part.
bool SimPlatter::covers_spoilt_in_part(const Extent& extent) const {
    const std::uint64_t block = geometry_.physical_block_bytes;
    const std::uint64_t first = extent.offset / block * block;
    const std::uint64_t end = (extent.end() + block - 1) / block * block;
    return meets_spoilt({first, extent.offset - first}) || meets_spoilt({extent.end(), end - extent.end()});
}

SimPlatter::Failed SimPlatter::take_failure(const Request& request) {
    if (changes_data(request.operation) && covers_spoilt_in_part(request.extent)) return {Errc::medium_error};
    if (request.operation == Operation::read || request.operation == Operation::checksum) {
        auto spoilt = spoilt_.lower_bound(request.extent.offset / sector_bytes);
        if (spoilt != spoilt_.end() && spoilt->first * sector_bytes < request.extent.end()) {
            for (; spoilt != spoilt_.end() && spoilt->first * sector_bytes < request.extent.end(); ++spoilt) {
                spoilt->second = spoilt->second || request.operation == Operation::read;
            }
            return {Errc::medium_error};
        }
    }
    for (auto failure = failures_.begin(); failure != failures_.end(); ++failure) {
        if (failure->operation && *failure->operation != request.operation) continue;
        if (request.operation != Operation::flush && !failure->range.overlaps(request.extent)) continue;
        const Failed failed{failure->code, failure->landing};
        if (failure->times != ~0u && --failure->times == 0) failures_.erase(failure);
        return failed;
    }
    return {};
}

void SimPlatter::change_incarnation() { incarnation_ = with_other_time(incarnation_, loop_.random_id()); }

void SimPlatter::lose_data() {
    touched_ = true;
    incarnation_.id = loop_.random_id();
    incarnation_.id.bytes.back() |= 1;
}

void SimPlatter::make_durable(std::uint64_t upto) {
    for (auto entry = volatile_.begin(); entry != volatile_.end();) {
        std::vector<Version>& versions = entry->second;
        std::size_t newest = 0;
        while (newest + 1 < versions.size() && versions[newest + 1].written <= upto) ++newest;
        versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(newest));
        entry = versions.size() == 1 ? volatile_.erase(entry) : std::next(entry);
    }
}

void SimPlatter::write_sectors(const Extent& extent, std::span<const std::byte> bytes, bool fua, bool torn) {
    for (std::uint64_t at = 0; at < extent.length; at += sector_bytes) {
        if (torn && loop_.chance(500)) continue;
        Sector to{};
        if (!bytes.empty()) std::memcpy(to.data(), bytes.data() + at, sector_bytes);
        const std::uint64_t index = (extent.offset + at) / sector_bytes;
        spoilt_.erase(index);
        if (index * sector_bytes < geometry_.size_bytes) store(index, to, fua);
    }
}

void SimPlatter::land_orphans() {
    for (const Orphan& orphan : orphans_) write_sectors(orphan.extent, orphan.bytes, false, orphan.torn);
    orphans_.clear();
    lock_lingers_ = false;
}

}  // namespace dst::sim
