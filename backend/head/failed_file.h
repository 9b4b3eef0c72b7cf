#pragma once

#include <chrono>
#include <string>

#include "block/error.h"
#include "head/options.h"

namespace dst {

/// Leaves the reason of a failed open as `$DST_RUN_DIR/STORAGE.failed` for `dstctl status`; makes the run directory if
/// it is missing. For a storage file that could not be read, `storage` is the file's name without folder and ending.
/// `file`: the storage file's path. False when that is not possible; the log is then the only place of the reason.
bool leave_failed_file(const HeadOptions& options, const std::string& storage, const std::string& file,
                       const std::string& reason);

/// Takes it away, if there is one; and those that the same `file` left under another name, which was mended.
void remove_failed_files(const HeadOptions& options, const std::string& storage, const std::string& file);

/// Takes those away that are older than `age` and of which nobody will make an open that succeeds: their storage file
/// does not exist (a mistyped name), the head that tried has ended, or nobody can read them. Looks at the storage
/// files, wherever they lie, so it can block.
void remove_stale_failed_files(const HeadOptions& options, std::chrono::seconds age = std::chrono::hours(1));

/// Creates the run directory and its parents where they are missing.
Result<void> make_run_dir(const std::string& run_dir);

}  // namespace dst
