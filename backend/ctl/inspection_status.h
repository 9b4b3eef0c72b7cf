#pragma once

#include "ctl/exit_status.h"
#include "ctl/inspection.h"

namespace dst::ctl {

/// `other` when a medium could not be looked at; `attention` when a label, record, journal or map is not as DST keeps
/// it: missing where it belongs, or with a copy that is bad; and when an incarnation ends. What was never written yet,
/// and what a crash leaves of a write, is well.
ExitStatus exit_status_of(const Inspection& found);

}  // namespace dst::ctl
