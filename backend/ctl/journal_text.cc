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

/// Of a journal that counts nowhere: what it is, what comes of it, what helps.
std::string no_journal_text(const Error& why, const CopyInspections& copies, const View& view) {
    const std::string_view starts = ": the storage starts when all members in sync are there, and the start writes it";
    if (why.code == Errc::not_supported) return row("state", view.red(why.text)) + copies_row(copies, view);
    if (why.code == Errc::not_found) return row("state", view.yellow("made and never written").append(starts));
    return row("state", view.red("no copy counts").append(starts) + " anew; look at the disk that it is on") +
           copies_row(copies, view);
}

std::string contents_text(const JournalInspection& found, const View& view) {
    const Journal& journal = *found.journal;
    std::string text = row("storage", journal.storage_name + " " + to_string(journal.storage) + "  " +
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
    if (is_bad(found.copies[0]) || is_bad(found.copies[1])) {
        text += row("", view.yellow("the good one counts, and the next write of the journal writes both; that is usual "
                                    "after a power failure, else look at the disk that it is on"));
    }
    text += order_text(found, view);
    for (const ServedOrder& served : journal.served_orders) {
        text += row("served", "mirror " + to_string(served.mirror) + "  what an order made: generation " +
                                  view.id(served.generation));
    }
    for (const Record& record : journal.records) text += record_text(record, view);
    for (const RecordLeaf& leaf : journal.leaves) text += row("leaf", leaf_line(leaf, view));
    return text;
}

std::string headless_text(const JournalInspection& found, const View& view) {
    const std::string text =
        row("state", view.red("both slot headers are gone: a head takes the file for somebody else's, and does not "
                              "start")) +
        row("",
            "move it away: then the storage starts when all members in sync are there, and the start makes a new "
            "one");
    return text + (found.journal ? contents_text(found, view) : copies_row(found.copies, view));
}

}  // namespace

std::string journal_text(const JournalInspection& found, const View& view) {
    if (!found.file) return {};  // told as an error
    const std::string title = "journal " + found.path + "\n";
    switch (*found.file) {
        case JournalFile::made:
            return title +
                   (found.journal ? contents_text(found, view) : no_journal_text(*found.error, found.copies, view));
        case JournalFile::headless: return title + headless_text(found, view);
        case JournalFile::unmade:
            return title + row("state", view.yellow("empty, since its making was interrupted: the next start makes it "
                                                    "again"));
        case JournalFile::foreign: break;
    }
    return title + row("state", view.red("not a journal: it is left as it is, and a storage that names it does not "
                                         "start; name another file, or move this one away"));
}

}  // namespace dst::ctl
