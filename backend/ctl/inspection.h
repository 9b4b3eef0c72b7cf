#pragma once

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
#include "media/journal.h"
#include "media/label.h"
#include "media/record.h"
#include "media/region_map.h"

/// What `dstctl inspect` finds, as plain values. Reading changes and fences nothing.
namespace dst::ctl {

/// One map as one member keeps it.
struct MapInspection {
    MapKind kind = MapKind::intent;
    std::uint32_t member = 0;  ///< owed: whose
    std::uint64_t regions = 0;
    std::uint64_t set_regions = 0;  ///< regions of slots without a good copy count as set
    std::uint64_t region_bytes = 0;
    std::uint64_t slots_without_copy = 0;  ///< neither copy is good
    bool operator==(const MapInspection&) const = default;
};

/// What one mirror keeps on the medium.
struct MirrorInspection {
    Record record;
    unsigned bad_copies = 0;  ///< of the record: unreadable or damaged; one that was never written is not
    bool maps_here = true;    ///< false: part of the maps lies on another part of the same member
    std::vector<MapInspection> maps;
};

struct MediumInspection {
    std::string name;  ///< as it was named: a path, or host:port/export
    bool netnode = false;
    std::optional<Error> error;    ///< it could not be looked at; then nothing below counts
    std::uint64_t size_bytes = 0;  ///< of the medium; of a netnode's the part before the label area
    LabelState label_state = LabelState::absent;
    std::string label_fault;  ///< damaged, unreadable: why; valid: what is wrong with one of the copies
    std::optional<Label> label;
    std::optional<LiveHead> live;           ///< netnode: a head has it open
    std::vector<MirrorInspection> mirrors;  ///< innermost first
};

struct JournalInspection {
    std::string path;
    std::optional<Error> error;  ///< not there, damaged or unreadable
    std::optional<Journal> journal;
    bool copied = false;  ///< made on another machine or file: it decides nothing
};

struct Inspection {
    std::vector<MediumInspection> media;
    std::vector<JournalInspection> journals;
};

/// Reads bytes of a leaf: [0, size without label area).
class LeafReader {
public:
    virtual ~LeafReader() = default;
    virtual Result<Bytes> read(const Extent& extent) = 0;
};

/// The mirrors' records and maps at the end of a leaf of `leaf_bytes` that carries `label`. A linear's parts but the
/// last hold none.
std::vector<MirrorInspection> inspect_mirrors(LeafReader& reader, std::uint64_t leaf_bytes, const Label& label);

/// All leaves of a storage's tree, local and remote, and its journal.
Inspection inspect_storage(const spec::Storage& storage, EventSink& events);

/// The file's or block device's label and mirrors.
MediumInspection inspect_local_medium(const std::string& path);
/// True when the file begins as a journal does.
bool is_journal_file(const std::string& path);
JournalInspection inspect_journal(const std::string& path);

}  // namespace dst::ctl
