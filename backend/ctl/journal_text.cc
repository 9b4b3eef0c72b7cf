#include "ctl/inspection_rows.h"
#include "ctl/units.h"

namespace dst::ctl {
namespace {

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

}  // namespace

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

}  // namespace dst::ctl
