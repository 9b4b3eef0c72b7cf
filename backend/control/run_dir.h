#pragma once

#include <string>
#include <string_view>

#include "block/error.h"

namespace dst::control {

/// `$DST_RUN_DIR`, or /run/dst.
std::string default_run_dir();
/// `$DST_STATE_DIR`, or /var/lib/dst.
std::string default_state_dir();

/// What a storage leaves in the run directory (docs/operations.md).
std::string socket_path(std::string_view run_dir, std::string_view storage);
std::string failed_path(std::string_view run_dir, std::string_view storage);
std::string lock_path(std::string_view run_dir, std::string_view storage);

/// An open that failed, as `STORAGE.failed` keeps it: one JSON object in one line.
struct FailedOpen {
    std::string storage;
    std::string time;    ///< RFC 3339, UTC
    std::string reason;  ///< a sentence
    std::string head;    ///< "tgtd[1234]"
    std::string file;    ///< the storage file's path; empty when that is not known

    bool operator==(const FailedOpen&) const = default;
};

/// A reason of more than 16 KiB is cut, and ends with "… and more".
std::string encode_failed_open(const FailedOpen& failed);
/// corrupt: not what encode_failed_open() makes.
Result<FailedOpen> decode_failed_open(std::string_view text);

/// Reads `STORAGE.failed`. not_found when there is none.
Result<FailedOpen> read_failed_open(std::string_view run_dir, std::string_view storage);

}  // namespace dst::control
