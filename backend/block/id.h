#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dst {

/// 128 random bits that name a storage, medium, mirror, generation, head, connection or incarnation.
struct Id {
    std::array<std::uint8_t, 16> bytes{};

    bool is_nil() const noexcept;
    auto operator<=>(const Id&) const = default;
};

/// 32 lower-case hexadecimal digits.
std::string to_string(const Id& id);
/// The first eight of them, for messages and status.
std::string short_string(const Id& id);
/// Takes exactly 32 hexadecimal digits.
std::optional<Id> parse_id(std::string_view text) noexcept;

/// Counts heads of a storage (M6): higher numbers fence lower ones; the id tells two heads with one number apart.
struct Epoch {
    std::uint64_t number = 0;  ///< 0: no head was ever there
    Id head;

    bool none() const noexcept { return number == 0; }
    bool operator==(const Epoch&) const = default;
};

/// Names the time during which nothing acknowledged can have been lost below a node. Compared for equality only. The
/// first 8 bytes name the time. The next 4 name the data (M7): they change only when a mirror below was started from
/// older data (`--accept-data-loss`, `resolve`), so that what was flushed may be lost as well; for disks they are zero.
/// The last 4 name the file, where a disk is one: another file at the same place may be an older copy of it. Those of a
/// mirror change also when all that it goes on with are other files.
struct Incarnation {
    Id id;

    bool operator==(const Incarnation&) const = default;
};

/// What may have been lost between the two was not flushed. A disk is always the same, whatever was recorded of it.
bool same_data(const Incarnation& recorded, const Incarnation& now) noexcept;
/// False: of a disk that is a file, another one is in its place than was recorded; or a mirror has gone on with members
/// of which all are such. True where nothing is known of that.
bool same_file(const Incarnation& recorded, const Incarnation& now) noexcept;
/// Of disks only: whatever `id` names, never zero; a default-constructed one: nothing is known.
Incarnation of_file(const Id& id) noexcept;
/// The same otherwise; of `id` only some bytes count.
Incarnation with_other_file(const Incarnation& of, const Id& id) noexcept;
/// The part that says whether it is the same data, and the one that names the file; else zero.
Incarnation data_of(const Incarnation& incarnation) noexcept;
Incarnation file_of(const Incarnation& incarnation) noexcept;
/// Whether it is of disks only.
bool is_of_disks(const Incarnation& incarnation) noexcept;
/// Another time, the same data; `random` is all of it that is new.
Incarnation with_other_time(const Incarnation& of, const Id& random) noexcept;

}  // namespace dst
