#include "ctl/inspection_text.h"

#include <algorithm>

#include "ctl/units.h"

namespace dst::ctl {
namespace {

std::string row(std::string_view title, const std::string& text) {
    return "  " + padded(std::string(title), 9) + text + "\n";
}

std::string epoch_text(const Epoch& epoch) {
    if (epoch.none()) return "none";
    return std::to_string(epoch.number) + " of head " + short_string(epoch.head);
}

std::string label_text(const MediumInspection& medium, const Terminal& terminal) {
    if (medium.label_state != LabelState::valid) {
        std::string why = medium.label_fault.empty() ? "" : ": " + medium.label_fault;
        return row("label", terminal.paint(Colour::red, word_of(medium.label_state)) + why);
    }
    const Label& label = *medium.label;
    std::string text = row("label", "storage " + label.storage_name + " " + to_string(label.storage));
    std::string member = label.member == 0 ? "" : " (member " + std::to_string(label.member) + ")";
    text += row("", "place " + label.place + member + "  " + format_size(label.size_bytes) + "  blocks of " +
                        std::to_string(label.logical_block_bytes));
    text += row("", "medium " + to_string(label.medium) + "  sequence " + std::to_string(label.sequence));
    text += row("", "promised epoch " + epoch_text(label.promised) + "  served epoch " + epoch_text(label.served));
    if (!medium.label_fault.empty()) text += row("", terminal.paint(Colour::yellow, medium.label_fault));
    return text;
}

std::string member_line(const RecordMember& member) {
    std::string text = "member " + std::to_string(member.number) + "  " + member.name + "  " +
                       std::string(word_of(member.state)) + "  revision " + std::to_string(member.revision);
    if (!member.last_generation.is_nil()) text += "  last generation " + short_string(member.last_generation);
    return text;
}

std::string record_text(const Record& record) {
    std::string text = row("mirror", to_string(record.mirror) + "  " + format_size(record.size_bytes) +
                                         "  regions of " + format_size(record.region_bytes));
    text += row("", "generation " + std::to_string(record.generation) + " " + short_string(record.generation_id) +
                        "  revision " + std::to_string(record.revision) + "  epoch " + epoch_text(record.epoch) +
                        (record.forced ? "  forced" : "") +
                        (record.ordered.is_nil() ? "" : "  ordered " + short_string(record.ordered)));
    for (const RecordMember& member : record.members) text += row("", member_line(member));
    return text;
}

std::string map_text(const MapInspection& map) {
    std::string what = map.kind == MapKind::intent ? "may differ" : "owed to member " + std::to_string(map.member);
    std::string text = std::to_string(map.set_regions()) + " of " + std::to_string(map.regions) + " regions " + what;
    if (map.bad_slots() != 0) {
        text += "  (" + std::to_string(map.bad_slots()) + " map slots have no good copy and count as set)";
    }
    return row(map.kind == MapKind::intent ? "intent" : "owed", text);
}

std::string medium_text(const MediumInspection& medium, const Terminal& terminal) {
    if (medium.error) return {};  // told as an error
    std::string text = medium.name + "  " + format_size(medium.size_bytes) + "\n" + label_text(medium, terminal);
    if (medium.live) text += row("held by", to_string(*medium.live));
    for (const MirrorInspection& mirror : medium.mirrors) {
        text += record_text(mirror.record);
        if (mirror.bad_copies() != 0) {
            text += row("", terminal.paint(Colour::yellow, "one of the two copies of the record is bad"));
        }
        for (const MapInspection& map : mirror.maps) text += map_text(map);
        if (!mirror.maps_here) text += row("maps", "partly on another part of the same linear");
    }
    return text;
}

std::string journal_text(const JournalInspection& found, const Terminal& terminal) {
    if (found.error) return {};  // told as an error
    std::string text = "journal " + found.path + "\n";
    const Journal& journal = *found.journal;
    text += row("storage", journal.storage_name + " " + to_string(journal.storage) + "  " +
                               format_size(journal.size_bytes) + "  blocks of " +
                               std::to_string(journal.logical_block_bytes));
    text += row("epoch", "established " + epoch_text(journal.established) + "  tried " +
                             std::to_string(journal.epoch_tried) + "  sequence " + std::to_string(journal.sequence));
    if (found.copied) {
        text += row("", terminal.paint(Colour::yellow, "a copy from another machine or file: it decides nothing"));
    }
    if (journal.order != StartOrder::none) {
        const std::string order(describe(journal.order));
        text += row("order", terminal.paint(Colour::yellow, order + ", which the next start carries out"));
    }
    for (const ServedOrder& served : journal.served_orders) {
        text += row("served", "mirror " + to_string(served.mirror) + "  what an order made: generation " +
                                  short_string(served.generation));
    }
    for (const Record& record : journal.records) text += record_text(record);
    for (const RecordLeaf& leaf : journal.leaves) {
        text += row("leaf", leaf.place + "  medium " + short_string(leaf.medium) + "  " + format_size(leaf.size_bytes));
    }
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

std::string inspection_text(const Inspection& inspection, const Terminal& terminal) {
    std::string text;
    auto add = [&](const std::string& paragraph) { text += (text.empty() ? "" : "\n") + paragraph; };
    for (const MediumInspection& medium : inspection.media) add(medium_text(medium, terminal));
    for (const JournalInspection& journal : inspection.journals) add(journal_text(journal, terminal));
    return text;
}

}  // namespace dst::ctl
