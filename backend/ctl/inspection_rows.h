#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ctl/inspection.h"
#include "ctl/terminal.h"

/// The lines of which `dstctl inspect` makes its text.
namespace dst::ctl {

/// How it is told.
struct View {
    const Terminal& terminal;
    bool verbose;

    std::string id(const Id& id) const;
    std::string size(std::uint64_t bytes) const;
    std::string epoch(const Epoch& epoch) const;
    std::string yellow(const std::string& text) const { return terminal.paint(Colour::yellow, text); }
    std::string red(const std::string& text) const { return terminal.paint(Colour::red, text); }
};

/// "  title    text"; without a title it goes on with the one above.
std::string row(std::string_view title, const std::string& text);
/// Below a row without a title.
std::string inner_row(const std::string& text);

/// "  blocks of 512 (physical 4096)"; empty for `logical` 0.
std::string blocks_text(std::uint32_t logical, std::uint32_t physical);

/// "both: sequence 9", "copy 0: sequence 9, copy 1: damaged".
std::string copies_text(const CopyInspections& copies);
/// In yellow when one of them is bad.
std::string painted_copies(const CopyInspections& copies, const View& view);
/// Nothing to tell, unless it is wanted, when both are good and the same.
std::string copies_row(const CopyInspections& copies, const View& view);

/// A mirror's record, as it lies on a medium or in a journal.
std::string record_text(const Record& record, const View& view);
/// A leaf as a record or a journal has it.
std::string leaf_line(const RecordLeaf& leaf, const View& view);

/// The paragraph of a journal; empty: it could not be looked at.
std::string journal_text(const JournalInspection& found, const View& view);
/// The paragraph of an incarnation file.
std::string incarnation_text(const IncarnationInspection& found, const View& view);

}  // namespace dst::ctl
