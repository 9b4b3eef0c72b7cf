#include "ctl/inspection_status.h"

#include <algorithm>

namespace dst::ctl {
namespace {

/// Of an owed map it costs little when no copy counts; of the intent map everything is compared again.
bool well(const MapInspection& map) {
    if (map.stale) return true;
    return map.slots_with_bad_copy() == 0 && (map.kind == MapKind::owed || map.bad_slots() == 0);
}

bool well(const MirrorInspection& mirror) {
    if (mirror.bad_copies() != 0) return false;
    return !mirror.maps_written() ||
           std::all_of(mirror.maps.begin(), mirror.maps.end(), [](const auto& map) { return well(map); });
}

bool well(const MediumInspection& medium) {
    return medium.label_state == LabelState::valid && medium.label_fault.empty() && !medium.lost_record &&
           std::all_of(medium.mirrors.begin(), medium.mirrors.end(), [](const auto& mirror) { return well(mirror); }) &&
           // What is not in sync gets its data, and with them what storages above keep there, when it is.
           std::all_of(medium.above.begin(), medium.above.end(),
                       [](const auto& tree) { return tree.may_be_old || well(tree); });
}

bool well(const JournalInspection& journal) {
    return !journal.error && !journal.copied && std::none_of(journal.copies.begin(), journal.copies.end(), is_bad);
}

/// Of a storage that is served a flush may be under way just now, and has the mark set.
bool well(const IncarnationInspection& incarnation) {
    return incarnation.kept && (!incarnation.kept->mark || !incarnation.medium.empty());
}

}  // namespace

ExitStatus exit_status_of(const Inspection& found) {
    ExitStatus status = ExitStatus::well;
    for (const MediumInspection& medium : found.media) {
        if (medium.error) status = worst(status, ExitStatus::other);
        if (!well(medium)) status = worst(status, ExitStatus::attention);
    }
    for (const JournalInspection& journal : found.journals) {
        if (!well(journal)) status = worst(status, ExitStatus::attention);
    }
    for (const IncarnationInspection& incarnation : found.incarnations) {
        if (!well(incarnation)) status = worst(status, ExitStatus::attention);
    }
    return status;
}

}  // namespace dst::ctl
