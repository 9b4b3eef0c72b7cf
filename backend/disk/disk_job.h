#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "block/request.h"
#include "block/time.h"

namespace dst {

/// One request on its way through the ring. It outlives a request that is ended early: then `request` is null, and
/// only what the kernel still holds (own buffers, descriptor) is kept until the kernel lets go.
struct DiskJob : boost::intrusive::list_base_hook<> {
    enum class Stage {
        transfer,   ///< read or write
        allocate,   ///< fallocate: punch a hole or zero a range
        zero_fill,  ///< writing zeroes, where the medium cannot do better
        hash,       ///< reading for a checksum
        sync,       ///< fdatasync: a flush, or what makes an FUA durable
    };
    Stage stage = Stage::transfer;
    Request* request = nullptr;
    Operation operation = Operation::read;
    Extent extent;
    bool fua = false;
    bool copied = false;      ///< through own buffers
    bool page_cache = false;  ///< read through it
    bool zeroing = false;     ///< fallocate was asked for it
    int failed_through = 0;   ///< errno: it could not be written durably, and is tried without a flush
    int allocate_mode = 0;
    std::uint64_t done_bytes = 0;   ///< of the extent
    std::uint64_t round_bytes = 0;  ///< that the kernel is asked for now
    TimePoint started;
    std::vector<Piece> buffers;  ///< own ones
    std::vector<Piece> gather;   ///< what the kernel is given, when it is not the request's own array
    std::uint32_t hash_piece_bytes = 0;
    std::uint64_t hash_results = 0;  ///< pieces already answered
    std::uint64_t hash_piece_done_bytes = 0;
    XXH3_state_t hash;
};

using DiskJobList = boost::intrusive::list<DiskJob, boost::intrusive::constant_time_size<false>>;

}  // namespace dst
