#include "ctl/inspection_text.h"

#include <algorithm>

#include "ctl/inspection_rows.h"
#include "ctl/units.h"

namespace dst::ctl {
namespace {

std::string label_text(const MediumInspection& medium, const View& view) {
    std::string text;
    if (medium.label_state != LabelState::valid) {
        std::string why = medium.label_fault.empty() ? "" : ": " + medium.label_fault;
        text = row("label", view.red(std::string(word_of(medium.label_state))) + why);
        bool wanted = view.verbose && medium.label_copies;
        return wanted ? text + row("copies", painted_copies(*medium.label_copies, view)) : text;
    }
    const Label& label = *medium.label;
    text = row("label", "storage " + label.storage_name + " " + to_string(label.storage));
    std::string member = label.member == 0 ? "" : " (member " + std::to_string(label.member) + ")";
    text += row("", "place " + label.place + member + "  " + view.size(label.size_bytes) +
                        blocks_text(label.logical_block_bytes, 0));
    text += row("", "medium " + to_string(label.medium) + "  sequence " + std::to_string(label.sequence));
    text += row("", "promised epoch " + view.epoch(label.promised) + "  served epoch " + view.epoch(label.served));
    if (!medium.label_fault.empty()) text += row("", view.yellow(medium.label_fault));
    if (medium.label_copies) text += copies_row(*medium.label_copies, view);
    return text;
}

std::string slot_line(const SlotInspection& slot, std::size_t index, const View& view) {
    std::string text = "slot " + std::to_string(index) + "  " + std::to_string(slot.set_regions) + " set";
    if (slot.good) text += "  revision " + std::to_string(slot.header->stamp.revision);
    if (!slot.good && slot.header) {
        const MapIdentity& of = slot.header->identity;
        text += "  of another map: " + std::string(of.kind == MapKind::intent ? "intent" : "owed") + " of mirror " +
                to_string(of.mirror) + (of.member == 0 ? "" : " member " + std::to_string(of.member)) + " slot " +
                std::to_string(slot.header->slot) + " of " + std::to_string(slot.header->regions) + " regions of " +
                format_size(slot.header->region_bytes) + " revision " + std::to_string(slot.header->stamp.revision);
    }
    return text + "  " + painted_copies(slot.copies, view);
}

/// So many runs are told; JSON has all.
constexpr std::size_t runs_told_max = 64;

/// "regions 3, 17..20  1.0 MiB each", counted from 0.
std::string runs_line(const MapInspection& map) {
    std::string text = "regions ";
    for (std::size_t i = 0; i < map.set.size() && i < runs_told_max; ++i) {
        const RegionRun& run = map.set[i];
        text += (i == 0 ? "" : ", ") + std::to_string(run.first);
        if (run.count > 1) text += ".." + std::to_string(run.end() - 1);
    }
    if (map.set.size() > runs_told_max) {
        text += " and " + std::to_string(map.set.size() - runs_told_max) + " more runs (--json has all)";
    }
    return text + "  " + format_size(map.region_bytes) + " each";
}

std::string set_regions_text(const MapInspection& map, const View& view) {
    const std::string owed = (map.stale ? "once owed to member " : "owed to member ") + std::to_string(map.member);
    std::string text = std::to_string(map.set_regions()) + " of " + std::to_string(map.regions) + " regions " +
                       (map.kind == MapKind::intent ? "may differ" : owed);
    const std::uint64_t bad = map.bad_slots();
    if (bad == 0) return text;
    return text + "  " +
           view.yellow("(" + std::to_string(bad) + " of " + std::to_string(map.slots.size()) +
                       " map slots without a copy that counts, all of which counts as set)");
}

std::string map_line(const MapInspection& map, const Record& record, const View& view) {
    const std::string member = "member " + std::to_string(map.member);
    switch (meaning_of(map, record)) {
        case MapMeaning::set_regions: break;
        case MapMeaning::no_copy: {
            const std::string what = map.kind == MapKind::intent ? " may differ" : " to " + member;
            return view.yellow("everything" + what + " (no copy of the map that counts)");
        }
        case MapMeaning::lack_unknown: return view.yellow("everything to " + member + " (nobody knows what it lacks)");
        case MapMeaning::unread:
            if (!map.stale) return "nothing to " + member + ", which is in sync";
            break;
    }
    return set_regions_text(map, view);
}

std::string bad_map_copies(const MapInspection& map, const View& view) {
    const std::uint64_t bad = map.slots_with_bad_copy();
    if (map.stale || bad == 0) return {};
    return row("", view.yellow("a bad copy in " + std::to_string(bad) + " of " + std::to_string(map.slots.size()) +
                               " map slots, which the next start writes anew; watch the disk"));
}

std::string map_text(const MapInspection& map, const MirrorInspection& mirror, const View& view) {
    if (map.stale && !view.verbose) return {};
    std::string_view title = map.kind == MapKind::intent ? "intent" : "owed";
    std::string text = row(map.stale ? "stale" : title, map_line(map, mirror.record, view));
    if (mirror.maps_written()) text += bad_map_copies(map, view);
    if (!view.verbose) return text;
    for (std::size_t i = 0; i < map.slots.size(); ++i) text += inner_row(slot_line(map.slots[i], i, view));
    if (!map.set.empty() && !is_everything(meaning_of(map, mirror.record))) text += inner_row(runs_line(map));
    return text;
}

std::string record_copies_text(const MirrorInspection& mirror, const View& view) {
    const std::string text = copies_row(mirror.copies, view);
    if (mirror.bad_copies() == 0) return text;
    return text +
           row("", view.yellow("the good one counts, and the next write of the record writes both; watch the disk"));
}

/// Why maps are not shown that may be there.
std::string maps_left_out(const MirrorInspection& mirror, bool labelled, const View& view) {
    if (!mirror.maps_here) return row("maps", "partly on another part of the same linear");
    if (mirror.member != 0) return {};
    if (labelled) return row("maps", view.yellow("not found: no member of the record has this medium"));
    if (mirror.maps.empty())
        return row("maps", view.yellow("not found: no member of the record has a leaf of this size"));
    return row("owed", view.yellow("not shown: only the label told which member this is"));
}

std::string mirror_text(const MirrorInspection& mirror, bool labelled, const View& view) {
    std::string text = record_text(mirror.record, view) + record_copies_text(mirror, view);
    if (!labelled && !view.verbose) text += row("", "storage " + to_string(mirror.record.storage));
    for (const MapInspection& map : mirror.maps) text += map_text(map, mirror, view);
    return text + maps_left_out(mirror, labelled, view);
}

bool all_unreadable(const CopyInspections& copies) {
    return copies[0].state == CopyState::unreadable && copies[1].state == CopyState::unreadable;
}

/// A mirror in the tree answers with what another member has.
constexpr const char* of_a_tree =
    "so it lies on this medium; what counts is what the tree reads, which 'dstctl inspect' of its export shows";

/// What DST does about it, and the user can.
std::string lost_record_advice(const LostRecord& lost, MediumKind kind) {
    if (kind == MediumKind::tree && lost.why.code != Errc::not_supported) return of_a_tree;
    if (lost.storage) return "the medium is not used as this member; put the right one there, or a blank one";
    if (lost.why.code == Errc::not_supported) return lost.why.text;
    if (all_unreadable(lost.copies)) return "the member is not used; look at the disk";
    return "the member counts as one that lacks everything, and is filled anew from one in sync; look at the disk";
}

std::string lost_record_text(const MediumInspection& medium, const View& view) {
    const LostRecord& lost = *medium.lost_record;
    const std::string copies = ": " + copies_text(lost.copies);
    std::string what = view.red("no record that counts, though one belongs here") + copies;
    if (lost.storage) what = view.red("the record is of another storage, " + to_string(*lost.storage)) + copies;
    std::string text = row("mirror", what);
    return medium.label ? text + row("", view.yellow(lost_record_advice(lost, medium.kind))) : text;
}

/// Of a part of a linear that is a member of a mirror.
std::string no_record_text(const MediumInspection& medium) {
    if (!medium.label || medium.lost_record) return {};
    const std::string& place = medium.label->place;
    const auto mirrors_above = static_cast<std::size_t>(std::count(place.begin(), place.end(), '/'));
    if (medium.mirrors.size() >= mirrors_above) return {};
    if (medium.ends_elsewhere) return row("mirror", "the record of the one above is on another part of the linear");
    return row("mirror", "no record here: the last part of the linear has it; if this is the last one, it is gone");
}

/// Of a medium that was a member's beyond doubt.
std::string label_gone_text(const MediumInspection& medium, const View& view) {
    if (!medium.label && medium.kind == MediumKind::tree) {
        const std::string text = row("", view.yellow(of_a_tree));
        return medium.mirrors.empty() ? text : text + row("", "what follows was found without the label");
    }
    if (medium.label || (medium.mirrors.empty() && !medium.lost_record)) return {};
    return row("", view.yellow("the medium is not used without its label; put the right one there, or wipe it to have "
                               "it filled anew")) +
           row("", "what follows was found without it");
}

/// What one storage keeps there.
std::string kept_text(const MediumInspection& medium, const View& view) {
    std::string text = label_text(medium, view) + label_gone_text(medium, view);
    if (medium.live) text += row("held by", to_string(*medium.live));
    const bool labelled = medium.label.has_value();
    for (const MirrorInspection& mirror : medium.mirrors) text += mirror_text(mirror, labelled, view);
    if (medium.lost_record) text += lost_record_text(medium, view);
    return text + no_record_text(medium);
}

/// What of it lies on the medium that is called `found_on`.
std::string text_above(const MediumInspection& tree, const std::string& found_on, const View& view) {
    const std::string storage = tree.label ? "storage " + tree.label->storage_name : "the storage above";
    std::string text = tree.name + ", a medium of " + storage + ", on " + found_on;
    text += (tree.size_bytes == 0 ? "" : "  " + view.size(tree.size_bytes)) + "\n";
    if (tree.may_be_old) {
        text += row("old?", view.yellow("a mirror below has " + found_on + " as a member that is not in sync"));
    }
    return text + kept_text(tree, view);
}

}  // namespace

std::string_view word_of(LabelState state) {
    switch (state) {
        case LabelState::absent: return "none";
        case LabelState::valid: return "valid";
        case LabelState::damaged: return "damaged";
        case LabelState::unreadable: return "unreadable";
    }
    return "unknown";
}

std::string inspection_text(const Inspection& inspection, const Terminal& terminal, bool verbose) {
    const View view{terminal, verbose};
    std::string text;
    auto add = [&](const std::string& paragraph) {
        text += (text.empty() || paragraph.empty() ? "" : "\n") + paragraph;
    };
    for (const MediumInspection& medium : inspection.media) {
        if (medium.error) continue;  // told as an error
        add(medium.name + "  " + view.size(medium.size_bytes) + "\n" + kept_text(medium, view));
        for (const MediumInspection& tree : medium.above) add(text_above(tree, medium.name, view));
    }
    for (const JournalInspection& journal : inspection.journals) add(journal_text(journal, view));
    for (const IncarnationInspection& incarnation : inspection.incarnations) add(incarnation_text(incarnation, view));
    return text;
}

}  // namespace dst::ctl
