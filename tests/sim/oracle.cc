#include "oracle.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace dst::sim {
namespace {

using Words = std::array<std::uint64_t, Oracle::sector_bytes / 8>;

Words words_of(std::uint64_t offset, Value value) {
    Words words{};
    if (value == 0) return words;
    words[0] = value;
    words[1] = offset;
    std::uint64_t bits = value * 0x9e3779b97f4a7c15u ^ offset;
    for (std::size_t i = 2; i < words.size(); ++i) words[i] = bits += 0xd1342543de82ef95u;
    return words;
}

}  // namespace

void fill_sectors(std::span<std::byte> bytes, std::uint64_t offset, Value value) {
    for (std::size_t at = 0; at < bytes.size(); at += Oracle::sector_bytes) {
        const Words words = words_of(offset + at, value);
        std::memcpy(bytes.data() + at, words.data(), sizeof words);
    }
}

Value sector_value(std::span<const std::byte> sector, std::uint64_t offset) {
    Words words;
    std::memcpy(words.data(), sector.data(), sizeof words);
    return words == words_of(offset, words[0]) ? words[0] : garbage;
}

Oracle::Oracle(std::uint64_t size_bytes)
    : size_bytes_(size_bytes), pages_(size_bytes / sector_bytes / page_sectors + 1) {}

Oracle::Sector& Oracle::sector(std::uint64_t offset) {
    const std::uint64_t index = offset / sector_bytes;
    Page& page = pages_[index / page_sectors];
    if (page.empty()) page.resize(page_sectors);
    return page[index % page_sectors];
}

const Oracle::Sector& Oracle::sector_seen(std::uint64_t offset) const {
    static const Sector untouched;
    const std::uint64_t index = offset / sector_bytes;
    const Page& page = pages_[index / page_sectors];
    return page.empty() ? untouched : page[index % page_sectors];
}

void Oracle::for_each(const std::function<void(Sector&)>& run) {
    for (Page& page : pages_) {
        for (Sector& each : page) run(each);
    }
}

void Oracle::write_begun(std::uint64_t sequence, const Extent& extent, Value value) {
    for (std::uint64_t at = extent.offset; at < extent.end(); at += sector_bytes) {
        Sector& here = sector(at);
        here.entries.push_back({sequence, value, Outcome::pending});
    }
}

void Oracle::write_acknowledged(std::uint64_t sequence, const Extent& extent, bool durable) {
    ++acknowledgements_;
    for (std::uint64_t at = extent.offset; at < extent.end(); at += sector_bytes) {
        Sector& here = sector(at);
        const auto mine = std::find_if(here.entries.begin(), here.entries.end(),
                                       [sequence](const Entry& entry) { return entry.sequence == sequence; });
        // A later one was acknowledged before: the client has reported it (M11).
        if (mine == here.entries.end()) continue;
        if (mine->doubtful && !durable) {
            mine->outcome = Outcome::unknown;
            continue;
        }
        mine->outcome = Outcome::acknowledged;
        for (auto entry = here.entries.begin(); entry != mine; ++entry) here.before.push_back(entry->value);
        here.entries.erase(here.entries.begin(), mine);
        here.acknowledged_at = acknowledgements_;
        if (durable) here.before.clear();
    }
}

void Oracle::write_unknown(std::uint64_t sequence, const Extent& extent) {
    for (std::uint64_t at = extent.offset; at < extent.end(); at += sector_bytes) {
        for (Entry& entry : sector(at).entries) {
            if (entry.sequence == sequence) entry.outcome = Outcome::unknown;
        }
    }
}

void Oracle::flush_acknowledged(std::uint64_t begun, std::uint64_t sequence) {
    flushed_ = std::max(flushed_, sequence);
    for_each([begun](Sector& here) {
        if (here.acknowledged_at <= begun) here.before.clear();
    });
}

void Oracle::forget_unflushed(std::uint64_t newest) {
    under_way_ = newest;
    for_each([](Sector& here) {
        for (Entry& entry : here.entries) entry.doubtful = entry.outcome == Outcome::pending;
        if (here.before.empty()) return;
        std::vector<Entry> fall_back;
        for (const Value value : here.before) fall_back.push_back({0, value, Outcome::unknown});
        // The one that was acknowledged last is no longer sure either; the first entry ends every search.
        here.entries.front().outcome = Outcome::unknown;
        here.entries.insert(here.entries.begin(), fall_back.begin(), fall_back.end());
        here.entries.front().outcome = Outcome::acknowledged;
        here.before.clear();
    });
}

void Oracle::begin_anew(std::uint64_t newest, const std::function<Held(std::uint64_t)>& held_at) {
    under_way_ = newest;
    ++acknowledgements_;
    for (std::uint64_t at = 0; at < size_bytes_; at += sector_bytes) {
        const Held held = held_at(at);
        const auto is_zero = [](Value value) { return value == 0; };
        const bool nothing = std::all_of(held.now.begin(), held.now.end(), is_zero) &&
                             std::all_of(held.older.begin(), held.older.end(), is_zero);
        if (nothing && pages_[at / sector_bytes / page_sectors].empty()) continue;
        Sector& here = sector(at);
        here = {};
        here.entries.clear();
        for (const Value value : held.now) here.entries.push_back({0, value, Outcome::unknown});
        here.entries.front().outcome = Outcome::acknowledged;
        here.before = held.older;
        here.acknowledged_at = acknowledgements_;
    }
}

bool Oracle::allowed(const Sector& sector, std::uint64_t sequence, Value value) {
    for (auto entry = sector.entries.rbegin(); entry != sector.entries.rend(); ++entry) {
        if (entry->sequence >= sequence && entry->sequence != 0) continue;
        if (entry->value == value) return true;
        if (entry->outcome == Outcome::acknowledged) return false;
    }
    return false;
}

std::string Oracle::describe(const Sector& sector, std::uint64_t sequence, std::uint64_t offset, Value found) const {
    const auto name = [](Value value) { return value == garbage ? "garbage" : std::to_string(value); };
    std::string text = "sector at " + std::to_string(offset) + " holds " + name(found) + ", allowed:";
    for (const Entry& entry : sector.entries) {
        if (entry.sequence >= sequence && entry.sequence != 0) continue;
        text += ' ' + name(entry.value);
        text += entry.outcome == Outcome::acknowledged ? "" : entry.outcome == Outcome::unknown ? "?" : "(pending)";
    }
    return text;
}

std::string Oracle::check_read(std::uint64_t sequence, const Extent& extent, std::span<const std::byte> bytes) {
    for (std::uint64_t at = 0; at < extent.length; at += sector_bytes) {
        const Sector& seen = sector_seen(extent.offset + at);
        const Value found = sector_value(bytes.subspan(at, sector_bytes), extent.offset + at);
        if (!allowed(seen, sequence, found)) return describe(seen, sequence, extent.offset + at, found);
        if (sequence <= under_way_) continue;
        // Nobody ever wrote to it.
        if (seen.entries.size() == 1 && seen.entries.front().sequence == 0) continue;
        Sector& here = sector(extent.offset + at);
        // Decided, but perhaps in a cache only: what it might have been may come back when that is lost.
        for (const Entry& entry : here.entries) {
            if (entry.sequence >= sequence || entry.outcome == Outcome::pending || entry.value == found) continue;
            here.before.push_back(entry.value);
            here.acknowledged_at = acknowledgements_ + 1;
        }
        if (here.acknowledged_at > acknowledgements_) ++acknowledgements_;
        std::erase_if(here.entries, [sequence](const Entry& entry) {
            return entry.sequence < sequence && entry.outcome != Outcome::pending;
        });
        here.entries.insert(here.entries.begin(), Entry{0, found, Outcome::acknowledged});
    }
    return {};
}

std::string Oracle::check_copy(std::uint64_t offset, std::span<const std::byte> bytes) const {
    constexpr std::uint64_t newest = ~std::uint64_t{0};
    for (std::uint64_t at = 0; at < bytes.size(); at += sector_bytes) {
        const Sector& here = sector_seen(offset + at);
        const Value found = sector_value(bytes.subspan(at, sector_bytes), offset + at);
        if (!allowed(here, newest, found)) return describe(here, newest, offset + at, found);
    }
    return {};
}

}  // namespace dst::sim
