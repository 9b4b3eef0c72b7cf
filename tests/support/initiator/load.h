#pragma once

#include "args.h"

namespace initiator {

/// Random reads and writes over a range for a time, every read checked against what was acknowledged, then the whole
/// range read once more. A write that failed may have happened or not; data that nobody wrote is never right.
/// Prints one line of JSON: reads, writes, send_again, errors, mistakes, latency_ms_max.
int run_load(const Args& args);

}  // namespace initiator
