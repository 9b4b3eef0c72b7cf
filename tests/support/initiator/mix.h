#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "args.h"
#include "ledger.h"

namespace initiator {

enum class Kind { read, write, fua, flush, unmap, zeroes, same };
inline constexpr unsigned kinds = 7;
inline constexpr std::array<const char*, kinds> kind_names{"read", "write", "fua", "flush", "unmap", "zeroes", "same"};

/// Draws commands: what, where, how long.
class Mix {
public:
    /// Draws from `range` in blocks of the LUN. Throws std::runtime_error when the arguments make no sense.
    Mix(const Args& args, SectorRange range, std::uint64_t block_sectors);

    Kind kind();
    /// In hot areas three of four places lie in a sixteenth of the range. One of four places is no multiple of its
    /// size.
    SectorRange place();
    std::uint64_t number() { return random_(); }

private:
    SectorRange range_;
    std::uint64_t block_sectors_;
    std::vector<std::uint64_t> sizes_;  ///< sectors
    std::array<unsigned, kinds> weights_{};
    unsigned weight_sum_ = 0;
    bool hot_;
    std::mt19937_64 random_;
};

}  // namespace initiator
