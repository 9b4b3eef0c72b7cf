#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "tgt/doorbell.h"
#include "tgt/ring.h"
#include "tgt/scsi_command.h"

namespace dst::tgt {

/// The way between tgtd's thread and a storage's thread. Commands go over as pointers and come back the same way.
/// tgtd's side hands over at most `capacity` that are not back yet, so neither ring is ever full. Both threads keep it
/// alive with a shared pointer, so that the last ring() of one never meets a closed descriptor.
struct Port {
    static constexpr std::size_t capacity = 1024;

    /// Error: no descriptors left.
    static Result<std::shared_ptr<Port>> make();

    SpscRing<ScsiCommand*, capacity> to_storage;
    Doorbell storage_bell;
    SpscRing<ScsiCommand*, capacity> to_tgtd;
    Doorbell tgtd_bell;
    /// How often what was not flushed may have been lost (M10). Counted by the storage's thread, which rings then: the
    /// initiators must hear of it.
    std::atomic<std::uint32_t> losses{0};
};

}  // namespace dst::tgt
