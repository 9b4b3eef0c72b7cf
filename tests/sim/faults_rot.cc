#include <array>

#include "faults.h"
#include "media/envelope.h"
#include "media/layout.h"
#include "media/record.h"

/// One copy of a label, a record, a map slot or the journal rots while nothing runs: the newest one too. It is never
/// put right. A copy that a crash has torn is no second fault that DST bears: where the other copy is not good, none
/// rots.
namespace dst::sim {
namespace {

struct Copies {
    std::string what;
    std::array<Extent, 2> places;
    Magic magic;
};

/// What lies at the end of a medium: its label, and, where it is a mirror's member, the record and the maps.
std::optional<Copies> any_copies(SimLoop& loop, SimPlatter& platter) {
    const std::uint64_t medium_bytes = platter.geometry().size_bytes;
    const std::uint64_t dice = loop.below(4);
    if (dice == 0) return Copies{"the label", {label_copy(medium_bytes, 0), label_copy(medium_bytes, 1)}, label_magic};
    const std::uint64_t leaf_bytes = leaf_size_bytes(medium_bytes);
    const MirrorLayout any = mirror_layout(leaf_bytes, 1u << 20);
    const std::array<Extent, 2> record{any.record_copy(0), any.record_copy(1)};
    if (dice == 1) return Copies{"the record", record, record_magic};
    const RecordChoice choice = choose_record(platter.read(record[0]), platter.read(record[1]));
    if (!choice.record) return std::nullopt;
    const MirrorLayout layout = mirror_layout(leaf_bytes, choice.record->region_bytes);
    if (layout.map_slots == 0) return std::nullopt;
    const auto map = static_cast<unsigned>(loop.below(choice.record->members.size()));
    const std::uint64_t slot = loop.below(layout.map_slots);
    return Copies{map == 0 ? "the intent map" : "an owed map",
                  {layout.map_slot(map, slot, 0), layout.map_slot(map, slot, 1)},
                  map_magic};
}

/// Bits that have changed, or a sector that is gone.
void rot(SimLoop& loop, Bytes& bytes, std::size_t below) {
    if (loop.chance(300)) {
        std::fill(bytes.begin(), bytes.end(), std::byte{0});
    } else {
        bytes[loop.below(std::min(below, bytes.size()))] ^= std::byte{1};
    }
}

}  // namespace

bool Faults::rot_slot() {
    if (loop_.chance(200)) return rot_journal(any_journal());
    const auto [name, platter] = any_leaf();
    if (platter->taken_out()) return false;
    std::optional<Copies> copies = any_copies(loop_, *platter);
    if (!copies || open_envelope(platter->read(copies->places[0]), copies->magic).state == EnvelopeState::empty) {
        return false;
    }
    note("a copy of " + copies->what + " rots: " + name);
    all_off();
    std::array<Envelope, 2> found;
    for (unsigned i = 0; i < 2; ++i) found[i] = open_envelope(platter->read(copies->places[i]), copies->magic);
    const bool map = copies->magic == map_magic;
    const bool both = found[0].state == EnvelopeState::good && found[1].state == EnvelopeState::good;
    // One that a disk which hangs has still to write may be torn as well.
    const bool good = map || (both && !platter->writes_linger());
    // A label whose second copy failed is the only one there is.
    if (!good || (copies->magic == label_magic && found[0].sequence != found[1].sequence)) return true;
    const auto copy = static_cast<unsigned>(loop_.below(2));
    const std::uint64_t length = map ? map_slot_bytes : found[copy].length;
    const std::uint64_t sector = loop_.below((length + SimPlatter::sector_bytes - 1) / SimPlatter::sector_bytes);
    const std::uint64_t at = copies->places[copy].offset + sector * SimPlatter::sector_bytes;
    if (loop_.chance(300)) {
        trace_.coverage().count("metadata that cannot be read");
        platter->spoil({at, SimPlatter::sector_bytes});
        return true;
    }
    Bytes bytes = platter->read({at, SimPlatter::sector_bytes});
    rot(loop_, bytes, length - sector * SimPlatter::sector_bytes);
    platter->write(at, bytes);
    return true;
}

}  // namespace dst::sim
