#pragma once

#include <cstddef>
#include <cstdint>

#include "block/time.h"

namespace dst {

/// How much a resync copies at once (M8), and how many such pieces at a time. Whoever wants something on the same way
/// waits behind them, and what a source does not answer in time at all is cut off, so that a piece may take a second,
/// whether the source, the target, or a way to one of them is slow. Where smaller pieces take as long, as on a disk
/// that has much else to do, they are left as large as they were. Pure: times come from the caller.
class CopyPace {
public:
    static constexpr std::uint64_t bytes_most = 1u << 20;
    static constexpr std::uint64_t bytes_least = 32u << 10;
    /// Until it is known how long one takes.
    static constexpr std::uint64_t bytes_at_first = 128u << 10;
    static constexpr Duration time_max = std::chrono::seconds(1);
    /// So many pieces that smaller ones would not make faster, until that is tried again.
    static constexpr unsigned tried_again_after = 16;

    /// Of one piece.
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// The most that it may come to.
    std::uint64_t most() const noexcept { return most_; }
    /// Pieces that may be copied at a time.
    std::size_t parallel() const noexcept { return parallel_; }
    /// Tells pieces that were begun before they became smaller, or fewer, from later ones.
    std::uint64_t change() const noexcept { return change_; }

    /// One of `length` was read, and written, in `took`, the longer of the two; it was begun at `change`. No more than
    /// `wanted` at a time.
    void copied(std::uint64_t length, Duration took, std::uint64_t change, std::size_t wanted);
    /// The source has had one of `length` for `took`, and did not answer: it was too much, or the source hung, or was
    /// away. Not for long: that says nothing.
    void lost(std::uint64_t length, Duration took);
    /// Something of a target's was late: it gets a quarter, at most, until reset().
    void ask_for_less() noexcept;
    void reset() noexcept { *this = CopyPace(); }

private:
    void slower(std::uint64_t length, Duration took);
    void faster(std::size_t wanted) noexcept;

    std::uint64_t bytes_ = bytes_at_first;
    std::uint64_t most_ = bytes_most;
    std::size_t parallel_ = 1;
    std::uint64_t change_ = 0;  ///< times that pieces have become smaller, or fewer
    std::uint64_t larger_ = 0;  ///< what pieces had before they became smaller
    Duration larger_took_{};    ///< what one took then; zero: nothing to compare with
    unsigned left_alone_ = 0;   ///< slow pieces that change nothing
};

}  // namespace dst
