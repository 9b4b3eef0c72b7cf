#pragma once

#include <string>

#include "ctl/inspection.h"
#include "ctl/terminal.h"

namespace dst::ctl {

/// What `dstctl inspect` shows, a paragraph for each medium, journal and incarnation. `verbose`: all there is, ids and
/// sizes in full.
std::string inspection_text(const Inspection& inspection, const Terminal& terminal, bool verbose = false);

/// The words of labels, members and copies: "in sync", "damaged".
std::string_view word_of(MemberState state);
std::string_view word_of(LabelState state);
std::string_view word_of(CopyState state);

}  // namespace dst::ctl
