#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <string_view>

#include "block/buffer.h"
#include "block/error.h"
#include "block/extent.h"

namespace dst {

/// What a device is asked to do. The numbers travel on the wire: never renumber.
enum class Operation : std::uint8_t {
    read = 1,          ///< fill the pieces from the extent
    write = 2,         ///< the extent becomes the pieces' bytes
    write_zeroes = 3,  ///< the extent reads as zero afterwards; space need not be freed
    unmap = 4,         ///< the extent reads as zero afterwards (M13); space is freed where the medium can
    flush = 5,         ///< all writes that were answered before this was submitted become durable; extent is empty
    checksum = 6,      ///< XXH3-128 of each `checksum_piece_bytes` of the extent, 16 bytes each, into the pieces
};

std::string_view to_string(Operation operation) noexcept;

/// True for operations that change data: write, write_zeroes, unmap.
constexpr bool changes_data(Operation operation) noexcept {
    return operation == Operation::write || operation == Operation::write_zeroes || operation == Operation::unmap;
}

/// One order to a BlockDevice. Made and owned by the submitter, who keeps it and the memory of its pieces alive and
/// unchanged until `done` is called: exactly once, on the loop's thread, never from inside submit(). From then on no
/// device, socket or ring touches the memory any more (M12). The fast path allocates nothing: the list hook inside
/// belongs to whichever device holds the request.
struct Request : boost::intrusive::list_base_hook<> {
    Operation operation = Operation::read;
    bool fua = false;  ///< changes_data only: answered when durable
    Extent extent;     ///< bytes; multiples of the device's logical block
    Pieces pieces;     ///< read, write: total_size == extent.length; checksum: see above; else empty
    std::uint32_t checksum_piece_bytes = 0;

    Errc result = Errc::ok;  ///< valid in and after `done`
    void (*done)(Request&) = nullptr;
    void* owner = nullptr;          ///< the submitter's own
    std::uint64_t device_data = 0;  ///< the holding device's own, meaningless outside

    Request() = default;
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    /// Sets the result and calls `done`, which may destroy or reuse the request. For devices, outside submit() only.
    void complete(Errc code) {
        result = code;
        done(*this);
    }
};

using RequestList = boost::intrusive::list<Request, boost::intrusive::constant_time_size<false>>;

}  // namespace dst
