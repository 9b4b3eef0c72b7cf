#include "ctl/inspection_text.h"

#include <algorithm>

#include "ctl/units.h"

namespace dst::ctl {
namespace {

/// How it is told.
struct View {
    const Terminal& terminal;
    bool verbose;

    std::string id(const Id& id) const { return verbose ? to_string(id) : short_string(id); }
    std::string size(std::uint64_t bytes) const {
        return format_size(bytes) + (verbose ? " (" + std::to_string(bytes) + " bytes)" : "");
    }
    std::string epoch(const Epoch& epoch) const {
        if (epoch.none()) return verbose && !epoch.head.is_nil() ? "none of head " + id(epoch.head) : "none";
        return std::to_string(epoch.number) + " of head " + id(epoch.head);
    }
    std::string yellow(const std::string& text) const { return terminal.paint(Colour::yellow, text); }
};

std::string row(std::string_view title, const std::string& text) {
    return "  " + padded(std::string(title), 9) + text + "\n";
}

/// Below a row without a title.
std::string inner_row(const std::string& text) { return row("", "  " + text); }

std::string blocks_text(std::uint32_t logical, std::uint32_t physical) {
    if (logical == 0) return {};
    std::string text = "  blocks of " + std::to_string(logical);
    return physical == 0 || physical == logical ? text : text + " (physical " + std::to_string(physical) + ")";
}

bool is_bad(CopyState state) {
    switch (state) {
        case CopyState::good:
        case CopyState::empty:
        case CopyState::torn: return false;
        case CopyState::foreign:
        case CopyState::damaged:
        case CopyState::other_version:
        case CopyState::unreadable: break;
    }
    return true;
}

std::string copy_text(const CopyInspection& copy) {
    return copy.state == CopyState::good ? "sequence " + std::to_string(copy.sequence)
                                         : std::string(word_of(copy.state));
}

/// "both: sequence 9", "copy 0: sequence 9, copy 1: damaged".
std::string copies_text(const CopyInspections& copies, const View& view) {
    std::string text = "both: " + copy_text(copies[0]);
    if (copies[0] != copies[1]) text = "copy 0: " + copy_text(copies[0]) + ", copy 1: " + copy_text(copies[1]);
    return is_bad(copies[0].state) || is_bad(copies[1].state) ? view.yellow(text) : text;
}

/// Nothing to tell, unless it is wanted, when both are good and the same.
std::string copies_row(const CopyInspections& copies, const View& view) {
    bool same = copies[0] == copies[1] && copies[0].state == CopyState::good;
    return same && !view.verbose ? "" : row("copies", copies_text(copies, view));
}

std::string label_text(const MediumInspection& medium, const View& view) {
    std::string text;
    if (medium.label_state != LabelState::valid) {
        std::string why = medium.label_fault.empty() ? "" : ": " + medium.label_fault;
        text = row("label", view.terminal.paint(Colour::red, word_of(medium.label_state)) + why);
        bool wanted = view.verbose && medium.label_copies;
        return wanted ? text + row("copies", copies_text(*medium.label_copies, view)) : text;
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

std::string leaf_line(const RecordLeaf& leaf, const View& view) {
    return leaf.place + "  medium " + view.id(leaf.medium) + "  " + view.size(leaf.size_bytes) +
           blocks_text(leaf.logical_block_bytes, leaf.physical_block_bytes);
}

/// Names and states in columns.
struct MemberColumns {
    std::size_t name = 0;
    std::size_t state = 0;
};

MemberColumns columns_of(const Record& record) {
    MemberColumns columns;
    for (const RecordMember& member : record.members) {
        columns.name = std::max(columns.name, display_width(member.name));
        columns.state = std::max(columns.state, word_of(member.state).size());
    }
    return columns;
}

std::string member_text(const RecordMember& member, const MemberColumns& columns, const View& view) {
    std::string line = "member " + std::to_string(member.number) + "  " + padded(member.name, columns.name) + "  " +
                       padded(std::string(word_of(member.state)), columns.state) + "  revision " +
                       std::to_string(member.revision) + "  " + view.size(member.size_bytes);
    if (member.state != MemberState::in_sync) {
        line += "  last generation " + (member.last_generation.is_nil() ? "none" : view.id(member.last_generation));
    }
    std::string text = row("", line);
    if (!view.verbose) return text;
    text += inner_row("incarnation " + to_string(member.incarnation.id));
    for (const MayHave& one : member.may_have) {
        std::string known_to = one.known_to.none() ? "this epoch" : "epoch " + view.epoch(one.known_to);
        text += inner_row("may have generation " + view.id(one.generation) + (one.ordered ? " of an order" : "") +
                          ", known to " + known_to + " up to revision " + std::to_string(one.revision));
    }
    for (const RecordLeaf& leaf : member.leaves) text += inner_row("leaf " + leaf_line(leaf, view));
    return text;
}

/// Of what nobody but an expert looks at.
std::string record_ids_text(const Record& record) {
    std::string text =
        row("", "medium " + to_string(record.medium) + "  next member " + std::to_string(record.next_number));
    text += row("", "storage " + to_string(record.storage));
    for (const Id& generation : record.lineage) text += row("", "earlier generation " + to_string(generation));
    return text;
}

std::string record_text(const Record& record, const View& view) {
    if (record.mirror.is_nil()) return row("mirror", "one of which nothing is known here");
    std::string text = row("mirror", to_string(record.mirror) + "  " + view.size(record.size_bytes) + "  regions of " +
                                         format_size(record.region_bytes) + blocks_text(record.logical_block_bytes, 0));
    text += row("", "generation " + std::to_string(record.generation) + " " + view.id(record.generation_id) +
                        "  revision " + std::to_string(record.revision) + "  epoch " + view.epoch(record.epoch) +
                        (record.forced ? "  forced" : "") +
                        (record.ordered.is_nil() ? "" : "  ordered " + view.id(record.ordered)));
    if (view.verbose) text += record_ids_text(record);
    const MemberColumns columns = columns_of(record);
    for (const RecordMember& member : record.members) text += member_text(member, columns, view);
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
    return text + "  " + copies_text(slot.copies, view);
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

std::string map_text(const MapInspection& map, const Record& record, const View& view) {
    if (map.stale && !view.verbose) return {};
    std::string_view title = map.kind == MapKind::intent ? "intent" : "owed";
    std::string text = row(map.stale ? "stale" : title, map_line(map, record, view));
    if (!view.verbose) return text;
    for (std::size_t i = 0; i < map.slots.size(); ++i) text += inner_row(slot_line(map.slots[i], i, view));
    return text;
}

std::string mirror_text(const MirrorInspection& mirror, const View& view) {
    std::string text = record_text(mirror.record, view) + copies_row(mirror.copies, view);
    for (const MapInspection& map : mirror.maps) text += map_text(map, mirror.record, view);
    if (mirror.member == 0) {
        text += row("maps", view.yellow("not found: no member of the record has this medium"));
    } else if (!mirror.maps_here) {
        text += row("maps", "partly on another part of the same linear");
    }
    return text;
}

std::string medium_text(const MediumInspection& medium, const View& view) {
    if (medium.error) return {};  // told as an error
    std::string text = medium.name + "  " + view.size(medium.size_bytes) + "\n" + label_text(medium, view);
    if (medium.live) text += row("held by", to_string(*medium.live));
    for (const MirrorInspection& mirror : medium.mirrors) text += mirror_text(mirror, view);
    return text;
}

/// "gives up member 2 (/dev/sdb) of mirror 55555555".
std::string discard_line(const OrderedDiscard& discard, const Journal& journal, const View& view) {
    std::string name;
    for (const Record& record : journal.records) {
        const RecordMember* member = record.mirror == discard.mirror ? find_member(record, discard.member) : nullptr;
        if (member != nullptr) name = " (" + member->name + ")";
    }
    return "gives up member " + std::to_string(discard.member) + name + " of mirror " + view.id(discard.mirror);
}

std::string order_text(const JournalInspection& found, const View& view) {
    const Journal& journal = *found.journal;
    if (journal.order == StartOrder::none) return {};
    // As JournalKeeper does: what was ordered elsewhere is not meant for here.
    const std::string_view then =
        found.copied ? ", which is not followed: this journal is a copy" : ", which the next start carries out";
    std::string text = row("order", view.yellow(std::string(describe(journal.order)).append(then)));
    for (const OrderedDiscard& discard : journal.discards) {
        text += row("", view.yellow(discard_line(discard, journal, view)));
    }
    return text;
}

std::string journal_text(const JournalInspection& found, const View& view) {
    if (found.error) return {};  // told as an error
    std::string text = "journal " + found.path + "\n";
    const Journal& journal = *found.journal;
    text += row("storage", journal.storage_name + " " + to_string(journal.storage) + "  " +
                               view.size(journal.size_bytes) + blocks_text(journal.logical_block_bytes, 0));
    text += row("epoch", "established " + view.epoch(journal.established) + "  tried " +
                             std::to_string(journal.epoch_tried) + "  sequence " + std::to_string(journal.sequence));
    if (found.copied) {
        text += row("", view.yellow("a copy from another machine or file: it decides nothing"));
    }
    if (found.copied || view.verbose) {
        text += row("machine", to_string(journal.machine) + "  file " + format_hexadecimal(journal.file));
    }
    text += copies_row(found.copies, view);
    text += order_text(found, view);
    for (const ServedOrder& served : journal.served_orders) {
        text += row("served", "mirror " + to_string(served.mirror) + "  what an order made: generation " +
                                  view.id(served.generation));
    }
    for (const Record& record : journal.records) text += record_text(record, view);
    for (const RecordLeaf& leaf : journal.leaves) text += row("leaf", leaf_line(leaf, view));
    return text;
}

}  // namespace

std::string_view word_of(MemberState state) {
    switch (state) {
        case MemberState::in_sync: return "in sync";
        case MemberState::dirty: return "dirty";
        case MemberState::resyncing: return "resyncing";
        case MemberState::detached: return "detached";
    }
    return "unknown";
}

std::string_view word_of(LabelState state) {
    switch (state) {
        case LabelState::absent: return "none";
        case LabelState::valid: return "valid";
        case LabelState::damaged: return "damaged";
        case LabelState::unreadable: return "unreadable";
    }
    return "unknown";
}

std::string_view word_of(CopyState state) {
    switch (state) {
        case CopyState::good: return "good";
        case CopyState::empty: return "empty";
        case CopyState::foreign: return "not of DST";
        case CopyState::torn: return "torn";
        case CopyState::damaged: return "damaged";
        case CopyState::other_version: return "of another version of DST";
        case CopyState::unreadable: return "unreadable";
    }
    return "unknown";
}

std::string inspection_text(const Inspection& inspection, const Terminal& terminal, bool verbose) {
    const View view{terminal, verbose};
    std::string text;
    auto add = [&](const std::string& paragraph) {
        text += (text.empty() || paragraph.empty() ? "" : "\n") + paragraph;
    };
    for (const MediumInspection& medium : inspection.media) add(medium_text(medium, view));
    for (const JournalInspection& journal : inspection.journals) add(journal_text(journal, view));
    return text;
}

}  // namespace dst::ctl
