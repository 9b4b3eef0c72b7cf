#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "block/buffer.h"
#include "block/extent.h"

namespace dst::sim {

/// Names what a sector holds: the write that made it; 0: zeroes.
using Value = std::uint64_t;
inline constexpr Value garbage = ~Value{0};

/// Fills `bytes`, sectors from `offset` on, with what write `value` puts there.
void fill_sectors(std::span<std::byte> bytes, std::uint64_t offset, Value value);
/// What the sector at `offset` holds; garbage when no single write at that place made all of it.
Value sector_value(std::span<const std::byte> sector, std::uint64_t offset);

/// Knows for each sector of the storage which values a read may return.
///
/// Overlapping requests run first come, first served (M11), so what a read may see is decided by the requests that were
/// submitted before it: the newest acknowledged write, or any later one whose end is not known (an error, a crash of
/// the head). Between values that are possible the first read decides, with one copy as with several (M4).
///
/// Acknowledged but unflushed writes may fall back when every cache they were in was lost: forget_unflushed().
class Oracle {
public:
    static constexpr std::uint64_t sector_bytes = 512;

    explicit Oracle(std::uint64_t size_bytes);

    /// A request was submitted. `sequence` counts them all, upwards.
    void write_begun(std::uint64_t sequence, const Extent& extent, Value value);
    /// It succeeded; durable: FUA.
    void write_acknowledged(std::uint64_t sequence, const Extent& extent, bool durable);
    /// It failed, or its head died: it may have been carried out, in any part.
    void write_unknown(std::uint64_t sequence, const Extent& extent);

    std::uint64_t flush_begun() const noexcept { return acknowledgements_; }
    /// `begun` from flush_begun() when it was submitted, as request `sequence`.
    void flush_acknowledged(std::uint64_t begun, std::uint64_t sequence = 0);
    /// The newest flush that succeeded.
    std::uint64_t flushed() const noexcept { return flushed_; }
    /// Every copy's cache may be gone. What is submitted from now on is not; a write that was under way may have been
    /// carried out before, in part, and is acknowledged later by a head that has not heard of the loss yet. Reads that
    /// were under way may have read before, and decide nothing. `newest`: sequence of the last request submitted.
    void forget_unflushed(std::uint64_t newest);
    /// What the media in use hold of one sector.
    struct Held {
        std::vector<Value> now;    ///< each of them; more than one: the first read decides
        std::vector<Value> older;  ///< what may come back when their caches are lost
    };
    /// An administrator gave data up: from now on that counts which is there, asked per sector by its offset. Nothing
    /// is under way. `newest` as above.
    void begin_anew(std::uint64_t newest, const std::function<Held(std::uint64_t)>& held_at);

    /// A read that was submitted as `sequence` returned `bytes`. Empty: it may. Else what is wrong, for the report.
    std::string check_read(std::uint64_t sequence, const Extent& extent, std::span<const std::byte> bytes);
    /// As if read now; does not decide anything. For the copies on the media.
    std::string check_copy(std::uint64_t offset, std::span<const std::byte> bytes) const;

private:
    enum class Outcome : std::uint8_t { pending, acknowledged, unknown };
    struct Entry {
        std::uint64_t sequence = 0;
        Value value = 0;
        Outcome outcome = Outcome::acknowledged;
        bool doubtful = false;  ///< under way when caches were lost
    };
    struct Sector {
        std::vector<Entry> entries{Entry{}};  ///< by sequence; the first is acknowledged or a fall-back
        std::vector<Value> before;            ///< what may come back when caches are lost
        std::uint64_t acknowledged_at = 0;
    };
    static constexpr std::uint64_t page_sectors = 64;
    using Page = std::vector<Sector>;

    Sector& sector(std::uint64_t offset);
    const Sector& sector_seen(std::uint64_t offset) const;
    void for_each(const std::function<void(Sector&)>& run);
    static bool allowed(const Sector& sector, std::uint64_t sequence, Value value);
    std::string describe(const Sector& sector, std::uint64_t sequence, std::uint64_t offset, Value found) const;

    std::uint64_t size_bytes_;
    std::vector<Page> pages_;  ///< empty: zeroes that nobody ever wrote to
    std::uint64_t flushed_ = 0;
    std::uint64_t acknowledgements_ = 0;
    std::uint64_t under_way_ = 0;  ///< requests up to this one had been submitted when caches were lost last
};

}  // namespace dst::sim
