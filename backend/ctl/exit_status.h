#pragma once

#include <algorithm>

#include "block/status.h"

namespace dst::ctl {

/// What dstctl ends with (dstctl(8), EXIT STATUS). Of several storages the worst, which is the highest number.
enum class ExitStatus {
    well = 0,
    attention = 1,    ///< it works, but not all is well: degraded, resyncing, mistakes in the file
    not_serving = 2,  ///< waiting, held, failed, fenced, split
    no_head = 3,      ///< nobody answers for the storage
    usage = 64,
    other = 70,
};

constexpr ExitStatus worst(ExitStatus a, ExitStatus b) { return std::max(a, b); }

constexpr ExitStatus exit_status_of(StorageState state) {
    switch (state) {
        case StorageState::healthy: return ExitStatus::well;
        case StorageState::degraded: return ExitStatus::attention;
        case StorageState::waiting:
        case StorageState::held:
        case StorageState::failed:
        case StorageState::fenced:
        case StorageState::split: return ExitStatus::not_serving;
    }
    return ExitStatus::other;
}

}  // namespace dst::ctl
