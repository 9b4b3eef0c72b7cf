#include "block/block_device.h"

namespace dst {

std::uint64_t checksum_result_bytes(const Extent& extent, std::uint32_t piece_bytes) noexcept {
    if (piece_bytes == 0) return 0;
    const std::uint64_t pieces = extent.length / piece_bytes + (extent.length % piece_bytes != 0 ? 1 : 0);
    return pieces * 16;
}

Errc check_request(const Request& request, const Geometry& geometry) noexcept {
    if (request.operation == Operation::flush) {
        return request.extent.empty() && request.pieces.empty() ? Errc::ok : Errc::invalid_argument;
    }
    const Extent& extent = request.extent;
    if (extent.empty() || !extent.fits(geometry.size_bytes)) return Errc::invalid_argument;
    const std::uint64_t mask = geometry.logical_block_bytes - 1;
    if (((extent.offset | extent.length) & mask) != 0) return Errc::invalid_argument;
    if (request.fua && !changes_data(request.operation)) return Errc::invalid_argument;
    switch (request.operation) {
        case Operation::read:
        case Operation::write: return total_size(request.pieces) == extent.length ? Errc::ok : Errc::invalid_argument;
        case Operation::write_zeroes:
        case Operation::unmap: return request.pieces.empty() ? Errc::ok : Errc::invalid_argument;
        case Operation::checksum:
            if (request.checksum_piece_bytes == 0 || (request.checksum_piece_bytes & mask) != 0) {
                return Errc::invalid_argument;
            }
            return total_size(request.pieces) == checksum_result_bytes(extent, request.checksum_piece_bytes)
                       ? Errc::ok
                       : Errc::invalid_argument;
        case Operation::flush: break;
    }
    return Errc::invalid_argument;
}

}  // namespace dst
