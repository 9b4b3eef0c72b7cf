#pragma once

#include <cstdint>
#include <functional>

#include "trace.h"

namespace dst::sim {

/// The exit status of a process that has said itself which seed it died at, and of what.
constexpr int process_told = 3;

/// Runs seeds first..last in `jobs` processes. `run` is called there for each seed, prints what it has to say to stdout
/// and stderr, and is true when nothing was found; a process that dies has found something, and the seed is named. All
/// of it is printed here in the order of the seeds. Stops at the first finding unless `keep_going`. Returns the number
/// of findings; `coverage` is of everything that was run.
std::uint64_t run_in_processes(std::uint64_t first, std::uint64_t last, unsigned jobs, bool keep_going,
                               const std::function<bool(std::uint64_t seed, Coverage& coverage)>& run,
                               Coverage& coverage);

}  // namespace dst::sim
