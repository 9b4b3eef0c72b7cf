#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "block/buffer.h"
#include "block/error.h"
#include "block/id.h"
#include "media/layout.h"

namespace dst {

/// What a record says of a member. On a mirror of one's own: in_sync members hold all that was acknowledged.
enum class MemberState : std::uint8_t {
    in_sync = 1,
    dirty = 2,      ///< lacks what its owed map says
    resyncing = 3,  ///< being brought up to date; never chosen silently by a forced start
    detached = 4,   ///< out by the administrator's wish
};

/// A leaf below a member, as last seen.
struct RecordLeaf {
    std::string place;  ///< media/label.h
    Id medium;
    std::uint64_t size_bytes = 0;
    std::uint32_t logical_block_bytes = 0;
    std::uint32_t physical_block_bytes = 0;
    bool operator==(const RecordLeaf&) const = default;
};

/// A generation that a member's own record may name. `revision`: up to which that record was known to the head of the
/// epoch `known_to` (none: the one that writes the record that says so). What that head had not written itself, and is
/// later, is another one's, which has gone on: went_on(). `ordered`: by an order, so that the member may be the only
/// one in sync by it.
struct MayHave {
    Id generation;
    std::uint64_t revision = 0;
    Epoch known_to;
    bool ordered = false;
    bool operator==(const MayHave&) const = default;
};

struct RecordMember {
    std::uint32_t number = 0;  ///< from 1; never used again in this mirror
    std::string name;          ///< as the file named it last, for messages
    MemberState state = MemberState::in_sync;
    Incarnation incarnation;     ///< when it was last in sync or in touch
    std::uint64_t revision = 0;  ///< of the record, last acknowledged by it
    Id last_generation;          ///< not in sync: the last generation id it knew; else nil
    /// Other generations that its own record may name: what it had, and what it was given since and has not
    /// acknowledged. In sync: beside the record's own. What was learnt last comes first, at most may_have_max.
    std::vector<MayHave> may_have;
    std::uint64_t size_bytes = 0;    ///< of the member's device
    std::vector<RecordLeaf> leaves;  ///< in reading order
    bool operator==(const RecordMember&) const = default;
};

/// The age of one mirror (docs/disk_format.md, docs/mirror.md "What is kept"). One per mirror and member, and all of a
/// storage in its journal.
struct Record {
    Id storage;
    Id mirror;                     ///< names the mirror for life
    Id medium;                     ///< the mirror as one medium for what is above it: its incarnation (block/id.h),
                                   ///< drawn anew as a whole by forced changes
    std::uint64_t generation = 1;  ///< counts changes of the set in sync
    Id generation_id;
    std::vector<Id> lineage;       ///< generation ids before this one, newest first, abandoned and coming ones included
    std::uint64_t revision = 1;    ///< counts every write of the record
    Epoch epoch;                   ///< that wrote it
    bool forced = false;           ///< started with --accept-data-loss
    bool write_through = false;    ///< whatever has its intent bit set was written with FUA (policy: write_cache off)
    Id ordered;                    ///< the last generation of its line that an order made; nil: none did
    std::uint64_t size_bytes = 0;  ///< that the mirror offers
    std::uint32_t logical_block_bytes = 0;
    std::uint64_t region_bytes = 0;
    std::uint32_t next_number = 1;  ///< the next new member's
    std::vector<RecordMember> members;

    bool operator==(const Record&) const = default;
};

/// How two records of one mirror stand to each other, by lineage (M5 step 2). When each has the other's generation id
/// in its lineage (a promotion was noted before it was made, M8), the higher generation is the newer. A generation that
/// was given up is no ancestor any more when another head has gone on in it: went_on().
enum class Descent {
    same,   ///< same generation id
    newer,  ///< the first descends from the second
    older,  ///< the second descends from the first
    split,  ///< neither is an ancestor of the other
};
Descent compare_descent(const Record& first, const Record& second) noexcept;

/// The generation of `found` was given up in `record`'s line, by an order (docs/mirror.md), or was about to be made by
/// one, and somebody has written the record since, and perhaps data: to overwrite those is not what was ordered.
bool went_on(const Record& record, const Record& found) noexcept;

/// True when `generation` is the record's own or in its lineage.
bool on_lineage(const Record& record, const Id& generation) noexcept;
/// How far back on the record's line, 0 for its own generation; the largest value when it is not there.
std::size_t age_on(const Record& record, const Id& generation) noexcept;

/// The newer of two of one line: by descent, then by revision. Must not be called for a split.
const Record& newer_of(const Record& first, const Record& second) noexcept;

const RecordMember* find_member(const Record& record, std::uint32_t number) noexcept;
RecordMember* find_member(Record& record, std::uint32_t number) noexcept;

/// For a member that may have just this record.
MayHave may_have_of(const Record& record) noexcept;

/// By so much a start raises the revision: by more than a head raises it within one generation from a record that
/// stands, so that whoever goes on with a member that has that one is seen to have (went_on()).
constexpr std::uint64_t revision_step = 16;
/// To the front of RecordMember::may_have; of one that is there already the higher revision counts. A nil generation is
/// left out.
void remember_generation(std::vector<MayHave>& may_have, const MayHave& generation);
void drop_generation(std::vector<MayHave>& may_have, const Id& generation);
/// Null: it is not there.
const MayHave* find_generation(const std::vector<MayHave>& may_have, const Id& generation) noexcept;

/// How much of a lineage is kept: the newest lineage_kept ids, and behind them, in order, those older ones that a
/// member's own record may name (last_generation of one that is not in sync, may_have), so that such a member is never
/// taken for a split (M5, M7).
inline constexpr std::size_t lineage_kept = 64;
inline constexpr std::size_t may_have_max = 8;
inline constexpr std::size_t member_name_bytes_max = 255;
inline constexpr std::size_t lineage_max = lineage_kept + mirror_members_max * (1 + may_have_max);
/// Drops the rest. encode_record() encodes a record as if this had been called.
void bound_lineage(Record& record);

/// One copy as it lies on a member: checksummed, padded to 4 KiB, at most record_copy_bytes. `sequence` orders the two
/// copies. Error too_large: more members, leaves or names than fit (mirror_members_max, 255 bytes a name).
inline constexpr std::uint64_t record_copy_bytes = 32 * 1024;
Result<Bytes> encode_record(const Record& record, std::uint64_t sequence);

struct DecodedRecord {
    Record record;
    std::uint64_t sequence = 0;
};
/// Survives any bytes; `copy` may be longer than what counts. What it answers keeps the invariants that the rest of
/// the program asserts: powers of two, bounded counts, known states, unique member numbers. Errors: not_found (no
/// record there), corrupt, not_supported (a newer version of DST).
Result<DecodedRecord> decode_record(std::span<const std::byte> copy);

/// The newest good one of the two copies on a member and the copy that the next write goes to. A copy that could not
/// be read is an empty span.
struct RecordChoice {
    std::optional<Record> record;
    unsigned next_copy = 0;
    std::uint64_t next_sequence = 1;
    Error why{Errc::not_found, "no record is there"};  ///< without a record; ok with one
};
RecordChoice choose_record(std::span<const std::byte> first, std::span<const std::byte> second);

}  // namespace dst
