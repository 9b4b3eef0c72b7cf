#pragma once

#include <cstddef>
#include <cstdint>

#include "block/time.h"

namespace dst {

/// How much a resync copies at once (M8), and how many such pieces at a time. Whoever wants something on the same way
/// waits behind them, and what a source does not answer in time at all is cut off, so that a piece may take a second,
/// whether the source, the target, or a way to one of them is slow. Where smaller pieces take as long, as on a disk
/// that has much else to do, they become as large as they may. What is only compared has a size of its own. Pure: times
/// come from the caller.
class CopyPace {
public:
    static constexpr std::uint64_t bytes_most = 1u << 20;
    static constexpr std::uint64_t bytes_least = 32u << 10;
    /// Until it is known how long one takes.
    static constexpr std::uint64_t bytes_at_first = 128u << 10;
    static constexpr Duration time_max = std::chrono::seconds(1);
    /// So many pieces are left as they are, until it is tried whether larger ones take longer.
    static constexpr unsigned tried_again_after = 16;

    /// Of one piece.
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// The most that it may come to.
    std::uint64_t most() const noexcept { return most_; }
    /// Pieces that may be copied at a time.
    std::size_t parallel() const noexcept { return parallel_; }
    /// Tells pieces that were begun before their size or number changed from later ones.
    std::uint64_t change() const noexcept { return change_; }

    /// One of `length` was read, and written, in `took`, the longer of the two; it was begun at `change`. No more than
    /// `wanted` at a time.
    void copied(std::uint64_t length, Duration took, std::uint64_t change, std::size_t wanted);
    /// The source has had one of `length` for `took`, and did not answer: it was too much, or the source hung, or was
    /// away. Not for long: that says nothing.
    void lost(std::uint64_t length, Duration took);

    /// Of what is compared at once.
    std::uint64_t compared_bytes() const noexcept { return compared_; }
    /// So much was compared, or that was not answered, in `took`.
    void compared(Duration took) noexcept;
    void comparison_lost(Duration took) noexcept;

    /// Something of a target's was late: it gets a quarter, at most, until reset().
    void ask_for_less() noexcept;
    void reset() noexcept { *this = CopyPace(); }

private:
    void tried(Duration took) noexcept;
    void try_larger(Duration took) noexcept;
    void slower(std::uint64_t length, Duration took);
    void faster(std::size_t wanted) noexcept;
    void less(std::uint64_t bytes) noexcept;

    std::uint64_t bytes_ = bytes_at_first;
    std::uint64_t most_ = bytes_most;
    std::size_t parallel_ = 1;
    std::uint64_t compared_ = bytes_most;
    std::uint64_t change_ = 0;
    std::uint64_t larger_ = 0;  ///< what pieces had before they became smaller
    Duration larger_took_{};    ///< what one took then; zero: nothing to compare with
    Duration smaller_took_{};   ///< what one took before twice as much was tried; zero: that is not so
    unsigned left_alone_ = 0;   ///< pieces that change nothing, until larger ones are tried
};

}  // namespace dst
