#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "block/id.h"

namespace dst {

enum class StorageState { healthy, degraded, waiting, held, failed, fenced, split };
enum class VertexKind { disk, netnode, linear, mirror };
/// A mirror's child is any but `up` and `down`; other vertices are `up` or `down`.
enum class VertexState { up, down, in_sync, dirty, resyncing, unreachable, detached, refused };

struct ResyncProgress {
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
    std::uint64_t bytes_per_second = 0;
};

/// One vertex of the tree as `dstctl status` shows it.
struct VertexStatus {
    VertexKind kind = VertexKind::disk;
    std::string name;
    VertexState state = VertexState::down;
    std::string reason;      ///< why it is not in sync or not up; else empty
    std::string last_error;  ///< of a leaf: what its medium last failed at since the storage was opened; else empty
    std::uint64_t size_bytes = 0;
    std::optional<ResyncProgress> resync;
    std::vector<VertexStatus> children;
};

/// One storage at one moment.
struct StorageStatus {
    std::string storage;
    StorageState state = StorageState::waiting;
    std::string reason;  ///< why it is not healthy; else empty
    std::uint64_t size_bytes = 0;
    std::uint32_t logical_block_bytes = 0;
    Id id;                         ///< the storage's
    std::uint64_t generation = 0;  ///< of the root mirror, or the highest in the tree
    std::uint64_t epoch = 0;
    std::string head;  ///< "tgtd[1234]"
    std::optional<VertexStatus> tree;
};

}  // namespace dst
