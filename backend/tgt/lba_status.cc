#include "tgt/lba_status.h"

#include <algorithm>

namespace dst::tgt {
namespace {

constexpr std::uint64_t blocks_max = 0xffffffff;

}  // namespace

LbaStatusList::LbaStatusList(std::span<std::byte> buffer, std::uint64_t lba) noexcept
    : buffer_(buffer), run_lba_(lba) {}

bool LbaStatusList::add(std::uint64_t blocks, bool deallocated) noexcept {
    const bool joins = run_blocks_ == 0 || (deallocated == run_deallocated_ && run_blocks_ < blocks_max);
    if (!joins) {
        // Another descriptor must fit behind the one that is closed now; the first always counts as fitting.
        if (header_bytes + (descriptors_ + 2) * descriptor_bytes > buffer_.size()) return false;
        close_run();
    }
    run_deallocated_ = deallocated;
    run_blocks_ = std::min(run_blocks_ + blocks, blocks_max);
    return true;
}

std::size_t LbaStatusList::finish() noexcept {
    close_run();
    put(0, header_bytes - 4 + descriptors_ * descriptor_bytes, 4);
    put(4, 0, 4);
    return std::min(buffer_.size(), header_bytes + descriptors_ * descriptor_bytes);
}

void LbaStatusList::close_run() noexcept {
    const std::size_t at = header_bytes + descriptors_ * descriptor_bytes;
    put(at, run_lba_, 8);
    put(at + 8, run_blocks_, 4);
    put(at + 12, run_deallocated_ ? 0x01000000 : 0, 4);
    run_lba_ += run_blocks_;
    run_blocks_ = 0;
    ++descriptors_;
}

void LbaStatusList::put(std::size_t offset, std::uint64_t value, unsigned bytes) noexcept {
    for (unsigned i = 0; i < bytes && offset + i < buffer_.size(); ++i) {
        buffer_[offset + i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
    }
}

}  // namespace dst::tgt
