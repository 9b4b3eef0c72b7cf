#pragma once

#include <string>

#include "ctl/inspection.h"
#include "ctl/terminal.h"

namespace dst::ctl {

/// What `dstctl inspect` shows, a paragraph for each medium and journal.
std::string inspection_text(const Inspection& inspection, const Terminal& terminal);

/// The words of labels and members: "in sync", "damaged".
std::string_view word_of(MemberState state);
std::string_view word_of(LabelState state);

}  // namespace dst::ctl
