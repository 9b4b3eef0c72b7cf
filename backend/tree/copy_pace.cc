#include "tree/copy_pace.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace dst {
namespace {

/// What is copied in the longest time that a piece may take.
std::uint64_t fitting(std::uint64_t length, Duration took) {
    const double times = std::chrono::duration<double>(CopyPace::time_max) / std::chrono::duration<double>(took);
    const auto bytes = static_cast<std::uint64_t>(static_cast<double>(length) * times);
    return std::max(std::bit_floor(bytes), CopyPace::bytes_least);
}

}  // namespace

void CopyPace::copied(std::uint64_t length, Duration took, std::uint64_t change, std::size_t wanted) {
    // The rest of a region says little.
    if (length < bytes_) return;
    if (smaller_took_ != Duration::zero()) {
        if (change == change_) tried(took);
        return;
    }
    if (took > time_max) {
        if (change == change_) slower(length, took);
        return;
    }
    larger_took_ = {};
    if (2 * took <= time_max) return faster(wanted);
    if (left_alone_ == 0) left_alone_ = tried_again_after;
    if (--left_alone_ == 0) try_larger(took);
}

/// Twice as much that takes less than half as long again is worth its time, also when that is long.
void CopyPace::tried(Duration took) noexcept {
    if (2 * took < 3 * std::exchange(smaller_took_, {})) {
        left_alone_ = tried_again_after;
        return;
    }
    bytes_ /= 2;
    ++change_;
}

void CopyPace::try_larger(Duration took) noexcept {
    if (bytes_ >= most_) return;
    smaller_took_ = took;
    bytes_ = std::min(2 * bytes_, most_);
    ++change_;
}

void CopyPace::slower(std::uint64_t length, Duration took) {
    if (parallel_ > 1) {
        parallel_ /= 2;
        ++change_;
        return;
    }
    if (left_alone_ > 0) {
        if (--left_alone_ == 0) try_larger(took);
        return;
    }
    const Duration before = std::exchange(larger_took_, took);
    if (before != Duration::zero() && 4 * took > 3 * before) {
        bytes_ = std::min(larger_, most_);
        larger_took_ = {};
        left_alone_ = tried_again_after;
    } else {
        larger_ = bytes_;
        bytes_ = std::min(bytes_, fitting(length, took));
    }
    ++change_;
}

void CopyPace::faster(std::size_t wanted) noexcept {
    left_alone_ = 0;
    if (bytes_ < most_) {
        bytes_ = std::min(2 * bytes_, most_);
    } else if (parallel_ < wanted) {
        ++parallel_;
    }
}

void CopyPace::lost(std::uint64_t length, Duration took) {
    if (took > time_max) less(fitting(length, took));
}

void CopyPace::ask_for_less() noexcept {
    most_ = std::max(most_ / 4, bytes_least);
    compared_ = std::min(compared_, most_);
    less(std::max(bytes_ / 4, bytes_least));
}

void CopyPace::less(std::uint64_t bytes) noexcept {
    bytes_ = std::min({bytes_, bytes, most_});
    parallel_ = 1;
    larger_took_ = smaller_took_ = {};
    left_alone_ = 0;
    ++change_;
}

void CopyPace::compared(Duration took) noexcept {
    if (2 * took <= time_max) compared_ = std::min(2 * compared_, most_);
}

void CopyPace::comparison_lost(Duration took) noexcept {
    if (took > time_max) compared_ = std::max(compared_ / 4, bytes_least);
}

}  // namespace dst
