#pragma once

#include <string>

#include "block/error.h"
#include "head/options.h"

namespace dst {

/// Leaves the reason of a failed open as `$DST_RUN_DIR/STORAGE.failed` for `dstctl status`; makes the run directory if
/// it is missing. For a storage file that could not be read, `storage` is the file's name without folder and ending.
/// False when that is not possible; the log is then the only place of the reason.
bool leave_failed_file(const HeadOptions& options, const std::string& storage, const std::string& reason);

/// Takes it away, if there is one.
void remove_failed_file(const HeadOptions& options, const std::string& storage);

/// Creates the run directory and its parents where they are missing.
Result<void> make_run_dir(const std::string& run_dir);

}  // namespace dst
