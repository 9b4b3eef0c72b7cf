#include <algorithm>

#include "ctl/inspection_rows.h"
#include "ctl/inspection_text.h"
#include "ctl/units.h"

namespace dst::ctl {
namespace {

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

}  // namespace

std::string leaf_line(const RecordLeaf& leaf, const View& view) {
    return leaf.place + "  medium " + view.id(leaf.medium) + "  " + view.size(leaf.size_bytes) +
           blocks_text(leaf.logical_block_bytes, leaf.physical_block_bytes);
}

std::string record_text(const Record& record, const View& view) {
    if (record.mirror.is_nil()) return row("mirror", "one of which nothing is known here");
    std::string text = row("mirror", to_string(record.mirror) + "  " + view.size(record.size_bytes) + "  regions of " +
                                         format_size(record.region_bytes) + blocks_text(record.logical_block_bytes, 0));
    text += row("", "generation " + std::to_string(record.generation) + " " + view.id(record.generation_id) +
                        "  revision " + std::to_string(record.revision) + "  epoch " + view.epoch(record.epoch) +
                        (record.forced ? "  forced" : "") + (record.write_through ? "  written through" : "") +
                        (record.ordered.is_nil() ? "" : "  ordered " + view.id(record.ordered)));
    if (view.verbose) text += record_ids_text(record);
    const MemberColumns columns = columns_of(record);
    for (const RecordMember& member : record.members) text += member_text(member, columns, view);
    return text;
}

std::string_view word_of(MemberState state) {
    switch (state) {
        case MemberState::in_sync: return "in sync";
        case MemberState::dirty: return "dirty";
        case MemberState::resyncing: return "resyncing";
        case MemberState::detached: return "detached";
    }
    return "unknown";
}

}  // namespace dst::ctl
