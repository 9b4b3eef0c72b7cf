#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "block/extent.h"
#include "tgt/sense.h"

namespace dst::tgt {

using Cdb = std::array<std::uint8_t, 16>;

/// SBC-3 5.1 and SPC-4 6: the commands that reach the storage.
enum class Opcode : std::uint8_t {
    read_6 = 0x08,
    write_6 = 0x0a,
    read_10 = 0x28,
    write_10 = 0x2a,
    write_and_verify_10 = 0x2e,
    verify_10 = 0x2f,
    pre_fetch_10 = 0x34,
    synchronize_cache_10 = 0x35,
    write_same_10 = 0x41,
    unmap = 0x42,
    read_16 = 0x88,
    compare_and_write = 0x89,
    write_16 = 0x8a,
    orwrite_16 = 0x8b,
    write_and_verify_16 = 0x8e,
    verify_16 = 0x8f,
    pre_fetch_16 = 0x90,
    synchronize_cache_16 = 0x91,
    write_same_16 = 0x93,
    service_action_in_16 = 0x9e,
    read_12 = 0xa8,
    write_12 = 0xaa,
    write_and_verify_12 = 0xae,
    verify_12 = 0xaf,
};

/// What the logical unit is, as far as a CDB is judged by it.
struct LunShape {
    std::uint64_t blocks = 0;
    std::uint32_t block_bytes = 512;  ///< of the LUN; a multiple of the storage's logical block
    bool thin = false;                ///< the LUN announces thin provisioning: UNMAP and unmapping WRITE SAME
};

/// What is to be done.
enum class Kind : std::uint8_t {
    nothing,  ///< judged good, nothing to do
    read,
    write,
    write_and_verify,
    verify,
    or_write,
    compare_and_write,
    write_zeroes,   ///< WRITE SAME of zeroes
    unmap_range,    ///< WRITE SAME that unmaps
    write_pattern,  ///< WRITE SAME of anything else
    unmap_list,     ///< UNMAP: the descriptors are in the data-out buffer
    synchronize_cache,
    pre_fetch,
    lba_status,
    settle,  ///< no command of its own: all changes that came before are to end and to be durable
};

/// With what a verification compares.
enum class Compare : std::uint8_t { nothing, data_out, one_block };

/// A command that was found in order. Lengths are recomputed from the CDB in 64 bits.
struct Order {
    Kind kind = Kind::nothing;
    Extent extent;  ///< bytes touched; empty when none
    bool fua = false;
    Compare compare = Compare::nothing;
    std::uint64_t in_bytes = 0;   ///< data-in by the CDB; more or less than the initiator's buffer leaves a residual
    std::uint64_t out_bytes = 0;  ///< data-out likewise
};

/// An order, or `refusal` when that is not GOOD; then `order` carries the lengths by the CDB alone.
struct Judgement {
    Order order;
    Outcome refusal;
};

/// Judges a command by its CDB, the logical unit's shape and the data-out buffer that came with it.
Judgement judge(const Cdb& cdb, const LunShape& shape, std::span<const std::byte> data_out) noexcept;

/// Descriptor `index` of an UNMAP parameter list that was judged good.
Extent unmap_descriptor(std::span<const std::byte> parameters, std::size_t index, const LunShape& shape) noexcept;
std::size_t unmap_descriptors(std::span<const std::byte> parameters) noexcept;

/// True when every byte is zero.
bool all_zero(std::span<const std::byte> bytes) noexcept;

}  // namespace dst::tgt
