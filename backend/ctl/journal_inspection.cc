#include <algorithm>
#include <span>

#include "asio/file_store.h"
#include "ctl/inspection.h"
#include "media/envelope.h"

namespace dst::ctl {
namespace {

CopyInspection inspect_slot(const Bytes& slot) {
    auto journal = decode_journal(slot);
    if (journal) return {CopyState::good, journal->sequence};
    CopyInspection found = bad_copy(slot, journal.error());
    // As choose_journal() has it: nobody else writes there.
    if (found.state == CopyState::foreign) found.state = CopyState::damaged;
    return found;
}

bool begins_as_journal(const Bytes& copy) {
    const auto magic = std::as_bytes(std::span(journal_magic));
    return copy.size() >= magic.size() && std::equal(magic.begin(), magic.end(), copy.begin());
}

JournalFile file_of(const LookedAtStore& looked) {
    if (looked.has_header) return JournalFile::made;
    if (looked.unmade) return JournalFile::unmade;
    const auto& slots = looked.contents.slots;
    const bool copy_there = std::any_of(slots.begin(), slots.end(), begins_as_journal);
    return copy_there || looked.store_sized ? JournalFile::headless : JournalFile::foreign;
}

void read_copies(const StoreContents& contents, JournalInspection& found) {
    JournalChoice choice = choose_journal(contents);
    found.copies = {inspect_slot(contents.slots[0]), inspect_slot(contents.slots[1])};
    if (!choice.journal) {
        found.error = choice.why;
        return;
    }
    found.copied = choice.journal->machine != contents.machine || choice.journal->file != contents.file;
    found.journal = std::move(choice.journal);
}

}  // namespace

bool is_journal_file(const std::string& path) {
    const auto looked = look_at_store_file(path);
    if (!looked) return false;
    const JournalFile file = file_of(*looked);
    if (file == JournalFile::made) return true;
    if (inspect_local_medium(path).label_state != LabelState::absent) return false;
    return file == JournalFile::headless || looked->store_sized || path.ends_with(".journal");
}

JournalInspection inspect_journal(const std::string& path) {
    JournalInspection found;
    found.path = path;
    const auto looked = look_at_store_file(path);
    if (!looked) {
        found.error = looked.error();
        return found;
    }
    found.file = file_of(*looked);
    switch (*found.file) {
        case JournalFile::made: read_copies(looked->contents, found); break;
        case JournalFile::unmade: found.error = Error{Errc::not_found, "the journal was never made whole"}; break;
        case JournalFile::headless:
            read_copies(looked->contents, found);
            found.error = Error{Errc::refused, "both slot headers of the journal are gone"};
            break;
        case JournalFile::foreign: found.error = Error{Errc::refused, path + " is not a journal"}; break;
    }
    return found;
}

}  // namespace dst::ctl
