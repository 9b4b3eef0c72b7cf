#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "block/buffer.h"
#include "block/error.h"
#include "block/events.h"
#include "block/extent.h"
#include "block/leaf.h"
#include "config/spec.h"
#include "disk/incarnation.h"
#include "media/journal.h"
#include "media/label.h"
#include "media/record.h"
#include "media/region_map.h"

/// What `dstctl inspect` finds, as plain values. Reading changes and fences nothing.
namespace dst::ctl {

enum class CopyState {
    good,
    empty,    ///< zeroes: never written
    foreign,  ///< something that is not of DST
    torn,     ///< of a map slot: a write of it was interrupted, which costs nothing
    damaged,
    other_version,  ///< intact, written by another version of DST
    unreadable,
};

/// One of the two copies of what is kept twice.
struct CopyInspection {
    CopyState state = CopyState::empty;
    std::uint64_t sequence = 0;  ///< good and other_version only
    std::uint32_t version = 0;   ///< other_version only: of the format
    bool operator==(const CopyInspection&) const = default;
};
using CopyInspections = std::array<CopyInspection, 2>;

/// Of a copy that was read and is not good; `why` says its decoder.
CopyInspection bad_copy(const Bytes& copy, const Error& why);
/// What a crash does not leave behind: it has rotted, was overwritten, or is another version's.
bool is_bad(const CopyInspection& copy);

struct SlotInspection {
    bool good = false;              ///< a copy counts, and is of this map
    std::uint64_t set_regions = 0;  ///< not good: all of the slot
    CopyInspections copies;
    std::optional<MapSlotHeader> header;  ///< of the copy that counts, whatever map it is of
};

/// One map as one member keeps it.
struct MapInspection {
    MapKind kind = MapKind::intent;
    std::uint32_t member = 0;  ///< owed: whose
    bool stale = false;        ///< left where the record has no map: it counts for nothing
    std::uint64_t regions = 0;
    std::uint64_t region_bytes = 0;
    std::vector<SlotInspection> slots;
    std::vector<RegionRun> set;  ///< which regions are set, in order; all of a slot that is not good

    std::uint64_t set_regions() const;  ///< regions of slots that are not good count as set
    std::uint64_t bad_slots() const;    ///< those that are not good
    std::uint64_t slots_with_bad_copy() const;
    /// False: nothing is known of any region. A member that is not in sync is owed everything then.
    bool good() const { return slots.empty() || bad_slots() < slots.size(); }
};

/// What a map means.
enum class MapMeaning {
    set_regions,   ///< its set regions may differ, or are owed
    no_copy,       ///< everything: it is not good
    lack_unknown,  ///< everything is owed, whatever is set: nobody knows what the member lacked when it left
    unread,        ///< nothing: it is stale, or of a member that is in sync
};

/// All regions may differ, or are owed, whatever is set.
constexpr bool is_everything(MapMeaning meaning) {
    return meaning == MapMeaning::no_copy || meaning == MapMeaning::lack_unknown;
}

/// By the record beside it.
MapMeaning meaning_of(const MapInspection& map, const Record& record);

/// What one mirror keeps on the medium.
struct MirrorInspection {
    Record record;
    CopyInspections copies;  ///< of the record
    /// Which one the medium belongs to. 0: the record knows it not, nor where the maps lie; or the label is gone, and
    /// the intent map is all that can be found.
    std::uint32_t member = 0;
    bool maps_here = true;  ///< false: part of the maps lies on another part of the same member
    std::vector<MapInspection> maps;

    unsigned bad_copies() const;  ///< of the record; one that was never written is not
    /// By its own record the member was given all maps, each slot in both copies. One that is not in sync gets them
    /// when it is.
    bool maps_written() const;
};

/// A record that belongs on the medium and does not count.
struct LostRecord {
    CopyInspections copies;
    Error why;                    ///< as choose_record() has it
    std::optional<Id> storage{};  ///< one counts, which is of this other storage
};

/// What the mirrors above a leaf keep on it.
struct MirrorsInspection {
    std::vector<MirrorInspection> mirrors;  ///< innermost first
    std::optional<LostRecord> lost;         ///< of the mirror above them; where those above it lie, only it could tell
    /// Where the data of the whole tree end on the leaf, if it is the last part of each linear that is not below a
    /// mirror. None: not on the leaf, or what tells it is not here.
    std::optional<std::uint64_t> data_end{};
    bool ends_elsewhere = false;  ///< the data of the last of `mirrors` end on another part of the same linear
};

enum class MediumKind {
    disk,
    netnode,
    tree,  ///< a whole tree that is a medium of a storage above: exported, or a LUN, or opened as a disk
};

struct MediumInspection {
    std::string name;  ///< as it was named: a path, or host:port/export; "tree STORAGE", as a netnode calls it
    MediumKind kind = MediumKind::disk;
    std::optional<Error> error;  ///< it could not be looked at; then nothing below counts
    /// Of the medium; of a netnode's the part before the label area; of a tree by its label, 0 without one.
    std::uint64_t size_bytes = 0;
    LabelState label_state = LabelState::absent;
    std::string label_fault;  ///< damaged, unreadable: why; valid: what is wrong with one of the copies
    std::optional<Label> label;
    std::optional<CopyInspections> label_copies;  ///< a netnode shows one label only
    std::optional<LiveHead> live;                 ///< netnode: a head has it open
    std::vector<MirrorInspection> mirrors;        ///< innermost first
    std::optional<LostRecord> lost_record;        ///< of the mirror above `mirrors`
    bool ends_elsewhere = false;                  ///< as MirrorsInspection has it
    /// The tree that it is part of as the medium of a storage above, that storage's tree as one, and so on: what of
    /// them lies on this medium.
    std::vector<MediumInspection> above;
    /// A tree's: a mirror below has the medium that it was found on as a member that is not in sync.
    bool may_be_old = false;

    /// inspect_mirrors() found them.
    void take(MirrorsInspection found);
};

/// What the file of a journal is.
enum class JournalFile {
    made,      ///< a journal's, written to or not
    unmade,    ///< its making was interrupted, the next start makes it again
    headless,  ///< a journal's of which both slot headers are gone: a head takes it for somebody else's
    foreign,   ///< somebody else's, which a head leaves as it is
};

struct JournalInspection {
    std::string path;
    std::optional<JournalFile> file{};  ///< none: it could not be looked at, and `error` says why
    std::optional<Error> error;         ///< a head finds no journal there
    std::optional<Journal> journal;     ///< that counts; of a headless file: that would
    CopyInspections copies;             ///< of a file that is made or headless
    bool copied = false;                ///< made on another machine or file: it decides nothing
};

/// A file of the run directory, which keeps what is known of the incarnation of a local medium.
struct IncarnationInspection {
    std::string path;
    std::string medium{};          ///< whose it is; empty: only the file was looked at
    std::optional<Error> error{};  ///< the next opening of the medium finds nothing there: it was emptied, cut short...
    std::optional<KeptIncarnation> kept{};
};

struct Inspection {
    std::vector<MediumInspection> media;
    std::vector<JournalInspection> journals;
    std::vector<IncarnationInspection> incarnations;
};

/// Reads bytes of a leaf: [0, size without label area).
class LeafReader {
public:
    virtual ~LeafReader() = default;
    virtual Result<Bytes> read(const Extent& extent) = 0;
};

/// The mirrors' records and maps at the end of a leaf of `leaf_bytes` that carries `label`. A linear's parts but the
/// last hold none. Without a label: those that are found, of whatever storage, and which member the leaf is as far as
/// sizes and maps tell.
MirrorsInspection inspect_mirrors(LeafReader& reader, std::uint64_t leaf_bytes, const std::optional<Label>& label);

/// Both copies of the label of a medium, and what they say together: into `found`. The medium has room for a label.
void inspect_label(LeafReader& reader, std::uint64_t medium_bytes, MediumInspection& found);
/// All that lies on the leaf of `found`, whose label is there if it has one: into `found`.
void inspect_leaf(LeafReader& reader, std::uint64_t leaf_bytes, MediumInspection& found);

/// All leaves of a storage's tree, local and remote, its journal, and what is kept of the incarnations of its disks.
Inspection inspect_storage(const spec::Storage& storage, EventSink& events);

/// The file's or block device's label and mirrors.
MediumInspection inspect_local_medium(const std::string& path);
/// True when the file is a journal, or was meant to be one: by its slots, or without a label by its name or size.
bool is_journal_file(const std::string& path);
JournalInspection inspect_journal(const std::string& path);
/// True when the file keeps an incarnation, or lies where one is kept.
bool is_incarnation_file(const std::string& path);
IncarnationInspection inspect_incarnation(const std::string& path);
/// Of the file or block device at `medium`. None: nothing is kept of it, or what lies there is of another medium or
/// boot, and counts for nothing.
std::optional<IncarnationInspection> inspect_incarnation_of(const std::string& medium, const std::string& run_dir);

}  // namespace dst::ctl
