#pragma once

#include <string>

#include "block/time.h"

namespace dst {

struct DiskOptions {
    /// Where the incarnations are kept; empty: $DST_RUN_DIR, else /run/dst.
    std::string run_dir;
    /// M12. True: payload is copied through buffers of the disk's own, so that a request can be ended while the kernel
    /// still holds it; needed where the caller's memory must come back in bounded time (a head). False: the kernel
    /// works on the caller's memory, and a request ends only when the kernel is done with it (a netnode, whose
    /// sessions keep their buffers until then).
    bool own_buffers = true;
    /// own_buffers only: a request that the kernel holds longer ends with timed_out, and the disk goes down.
    Duration answer_limit = std::chrono::seconds(30);
    /// O_DIRECT where the medium can.
    bool direct = true;
    /// Reads of a file that is written with O_DIRECT go through the page cache where its filesystem keeps the two in
    /// agreement: small ones, and large ones of what was read before.
    bool cached_reads = true;
};

}  // namespace dst
