#include "media/region_map.h"

#include <algorithm>
#include <bit>

#include "block/assert.h"

namespace dst {
namespace {

constexpr std::uint64_t word_bits = 64;
constexpr std::uint64_t slot_words = map_slot_regions / word_bits;
static_assert(slot_words * word_bits == map_slot_regions);

constexpr std::uint64_t words_for(std::uint64_t bits) noexcept { return bits / word_bits + (bits % word_bits != 0); }

/// Bits [first, end) of one word, end <= 64, first < end.
constexpr std::uint64_t bit_range(std::uint64_t first, std::uint64_t end) noexcept {
    const std::uint64_t below_end = end == word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << end) - 1;
    return below_end & (~std::uint64_t{0} << first);
}

/// The first bit at or after `from` that is `wanted`; `end` when there is none before.
std::uint64_t find_bit(const std::vector<std::uint64_t>& words, std::uint64_t end, std::uint64_t from,
                       bool wanted) noexcept {
    if (from >= end) return end;
    const std::uint64_t flip = wanted ? 0 : ~std::uint64_t{0};
    std::uint64_t word = from / word_bits;
    std::uint64_t left = (words[word] ^ flip) & (~std::uint64_t{0} << (from % word_bits));
    while (left == 0) {
        if (++word * word_bits >= end) return end;
        left = words[word] ^ flip;
    }
    return std::min(end, word * word_bits + static_cast<std::uint64_t>(std::countr_zero(left)));
}

}  // namespace

RegionMap::RegionMap(std::uint64_t regions, std::uint64_t region_bytes)
    : regions_(regions),
      region_bytes_(region_bytes),
      slots_(regions / map_slot_regions + (regions % map_slot_regions != 0)),
      words_(words_for(regions)),
      dirty_(words_for(slots_)) {
    DST_ASSERT(std::has_single_bit(region_bytes));
}

RegionRun RegionMap::regions_of(const Extent& extent) const noexcept {
    if (extent.empty() || regions_ == 0) return {};
    const int shift = std::countr_zero(region_bytes_);
    const std::uint64_t first = extent.offset >> shift;
    if (first >= regions_) return {};
    const std::uint64_t last = std::min(regions_ - 1, (extent.offset + extent.length - 1) >> shift);
    DST_ASSERT(last >= first);
    return {first, last - first + 1};
}

Extent RegionMap::extent_of(const RegionRun& run) const noexcept {
    return {run.first * region_bytes_, run.count * region_bytes_};
}

bool RegionMap::test(std::uint64_t region) const noexcept {
    DST_ASSERT(region < regions_);
    return (words_[region / word_bits] >> (region % word_bits) & 1) != 0;
}

bool RegionMap::test_all(const RegionRun& run) const noexcept {
    DST_ASSERT(run.end() <= regions_);
    return run.count == 0 || find_bit(words_, run.end(), run.first, false) == run.end();
}

bool RegionMap::test_any(const RegionRun& run) const noexcept {
    DST_ASSERT(run.end() <= regions_);
    return run.count != 0 && find_bit(words_, run.end(), run.first, true) != run.end();
}

bool RegionMap::change_word(std::uint64_t word, std::uint64_t mask, bool to) noexcept {
    const std::uint64_t changed = to ? mask & ~words_[word] : mask & words_[word];
    if (changed == 0) return false;
    words_[word] ^= changed;
    const auto bits = static_cast<std::uint64_t>(std::popcount(changed));
    count_ = to ? count_ + bits : count_ - bits;
    mark_slot_dirty(word / slot_words);
    return true;
}

bool RegionMap::change(const RegionRun& run, bool to) noexcept {
    DST_ASSERT(run.end() >= run.first && run.end() <= regions_);
    bool changed = false;
    for (std::uint64_t at = run.first; at < run.end();) {
        const std::uint64_t word = at / word_bits;
        const std::uint64_t end = std::min(run.end(), (word + 1) * word_bits);
        changed |= change_word(word, bit_range(at - word * word_bits, end - word * word_bits), to);
        at = end;
    }
    return changed;
}

bool RegionMap::set(std::uint64_t region) noexcept { return change({region, 1}, true); }
bool RegionMap::clear(std::uint64_t region) noexcept { return change({region, 1}, false); }
bool RegionMap::set(const RegionRun& run) noexcept { return change(run, true); }
bool RegionMap::clear(const RegionRun& run) noexcept { return change(run, false); }
void RegionMap::set_all() noexcept { change({0, regions_}, true); }
void RegionMap::clear_all() noexcept { change({0, regions_}, false); }

void RegionMap::unite(const RegionMap& other) noexcept {
    DST_ASSERT(other.regions_ == regions_ && other.region_bytes_ == region_bytes_);
    for (std::uint64_t word = 0; word < words_.size(); ++word) change_word(word, other.words_[word], true);
}

std::optional<RegionRun> RegionMap::next_run(std::uint64_t from) const noexcept {
    const std::uint64_t first = find_bit(words_, regions_, from, true);
    if (first == regions_) return std::nullopt;
    return RegionRun{first, find_bit(words_, regions_, first, false) - first};
}

std::optional<std::uint64_t> RegionMap::next_in_neither(std::uint64_t from, const RegionMap& one,
                                                        const RegionMap& other) const noexcept {
    DST_ASSERT(one.regions_ == regions_ && other.regions_ == regions_);
    std::uint64_t mask = ~std::uint64_t{0} << (from % word_bits);
    for (std::uint64_t word = from / word_bits; word < words_.size(); ++word) {
        const std::uint64_t left = words_[word] & ~one.words_[word] & ~other.words_[word] & mask;
        if (left != 0) return word * word_bits + static_cast<std::uint64_t>(std::countr_zero(left));
        mask = ~std::uint64_t{0};
    }
    return std::nullopt;
}

bool RegionMap::slot_dirty(std::uint64_t slot) const noexcept {
    DST_ASSERT(slot < slots_);
    return (dirty_[slot / word_bits] >> (slot % word_bits) & 1) != 0;
}

std::optional<std::uint64_t> RegionMap::next_dirty_slot(std::uint64_t from) const noexcept {
    const std::uint64_t slot = find_bit(dirty_, slots_, from, true);
    if (slot == slots_) return std::nullopt;
    return slot;
}

void RegionMap::mark_slot_dirty(std::uint64_t slot) noexcept {
    DST_ASSERT(slot < slots_);
    dirty_[slot / word_bits] |= std::uint64_t{1} << (slot % word_bits);
}

void RegionMap::mark_slot_clean(std::uint64_t slot) noexcept {
    DST_ASSERT(slot < slots_);
    dirty_[slot / word_bits] &= ~(std::uint64_t{1} << (slot % word_bits));
}

void RegionMap::mark_all_slots_dirty() noexcept {
    for (std::uint64_t slot = 0; slot < slots_; ++slot) mark_slot_dirty(slot);
}

bool RegionMap::same_bits(const RegionMap& other) const noexcept {
    return regions_ == other.regions_ && region_bytes_ == other.region_bytes_ && words_ == other.words_;
}

std::span<const std::uint64_t> RegionMap::slot_words_of(std::uint64_t slot) const noexcept {
    DST_ASSERT(slot < slots_);
    const std::uint64_t first = slot * slot_words;
    return std::span(words_).subspan(first, std::min(slot_words, words_.size() - first));
}

void RegionMap::replace_slot_word(std::uint64_t slot, std::uint64_t index, std::uint64_t bits) noexcept {
    const std::uint64_t word = slot * slot_words + index;
    DST_ASSERT(word < words_.size());
    const std::uint64_t valid =
        word + 1 == words_.size() ? bit_range(0, regions_ - word * word_bits) : ~std::uint64_t{0};
    change_word(word, bits & valid, true);
    change_word(word, ~bits & valid, false);
}

}  // namespace dst
