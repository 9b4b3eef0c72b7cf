#pragma once

#include "args.h"

namespace initiator {

/// Random commands over a range for a time or until SIGTERM, every read checked against what was acknowledged, then the
/// whole range read once more. No two commands under way overlap. A command without an answer, or a write that failed,
/// may have happened or not; data that nobody wrote is never right. A lost session is opened again. Prints one line of
/// JSON: see tally.h. Returns the exit status: 1 for wrong data, and for errors unless they are allowed.
int run_load(const Args& args);

/// Only reads the whole range and compares it with the record of an earlier load.
int run_check(const Args& args);

}  // namespace initiator
