#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "block/error.h"
#include "block/status.h"

namespace dst::ctl {

/// What is to be learned of one storage.
struct Answer {
    std::string storage;
    Result<StorageStatus> status;  ///< the head's, or made of a failed open; not_found: neither is there
};

/// The storages that left a socket or a failed open in the run directory, sorted.
std::vector<std::string> list_storages(const std::string& run_dir);

/// How long a head may take to answer.
constexpr std::chrono::milliseconds answer_limit{3000};

/// Asks the storage's head; where none answers, tells the last open that failed. Blocks, at most `limit`.
Answer ask_storage(const std::string& run_dir, const std::string& storage, std::chrono::milliseconds limit);

}  // namespace dst::ctl
