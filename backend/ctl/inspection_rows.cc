#include "ctl/inspection_rows.h"

#include "ctl/inspection_text.h"
#include "ctl/units.h"

namespace dst::ctl {
namespace {

std::string copy_text(const CopyInspection& copy) {
    const std::string sequence = "sequence " + std::to_string(copy.sequence);
    switch (copy.state) {
        case CopyState::good: return sequence;
        case CopyState::other_version: return "format version " + std::to_string(copy.version) + " " + sequence;
        case CopyState::empty:
        case CopyState::foreign:
        case CopyState::torn:
        case CopyState::damaged:
        case CopyState::unreadable: break;
    }
    return std::string(word_of(copy.state));
}

}  // namespace

std::string View::id(const Id& id) const { return verbose ? to_string(id) : short_string(id); }

std::string View::size(std::uint64_t bytes) const {
    return format_size(bytes) + (verbose ? " (" + std::to_string(bytes) + " bytes)" : "");
}

std::string View::epoch(const Epoch& epoch) const {
    if (epoch.none()) return verbose && !epoch.head.is_nil() ? "none of head " + id(epoch.head) : "none";
    return std::to_string(epoch.number) + " of head " + id(epoch.head);
}

std::string row(std::string_view title, const std::string& text) {
    return "  " + padded(std::string(title), 9) + text + "\n";
}

std::string inner_row(const std::string& text) { return row("", "  " + text); }

std::string blocks_text(std::uint32_t logical, std::uint32_t physical) {
    if (logical == 0) return {};
    std::string text = "  blocks of " + std::to_string(logical);
    return physical == 0 || physical == logical ? text : text + " (physical " + std::to_string(physical) + ")";
}

std::string copies_text(const CopyInspections& copies) {
    if (copies[0] == copies[1]) return "both: " + copy_text(copies[0]);
    return "copy 0: " + copy_text(copies[0]) + ", copy 1: " + copy_text(copies[1]);
}

std::string painted_copies(const CopyInspections& copies, const View& view) {
    const std::string text = copies_text(copies);
    return is_bad(copies[0]) || is_bad(copies[1]) ? view.yellow(text) : text;
}

std::string copies_row(const CopyInspections& copies, const View& view) {
    bool same = copies[0] == copies[1] && copies[0].state == CopyState::good;
    return same && !view.verbose ? "" : row("copies", painted_copies(copies, view));
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

}  // namespace dst::ctl
