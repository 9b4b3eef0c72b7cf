#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dst::tgt {

/// Builds the parameter data of GET LBA STATUS (SBC-3 5.6.2) straight into the initiator's buffer: runs of blocks, one
/// descriptor each, as many as fit.
class LbaStatusList {
public:
    LbaStatusList() = default;
    /// `buffer`: what of the data-in buffer may be used. `lba`: where the first descriptor begins.
    LbaStatusList(std::span<std::byte> buffer, std::uint64_t lba) noexcept;

    /// Appends `blocks` blocks to the run, or begins a new one. False when nothing more fits.
    bool add(std::uint64_t blocks, bool deallocated) noexcept;

    /// Writes the header; returns the bytes of the buffer that are valid. At least one block was added.
    std::size_t finish() noexcept;

    static constexpr std::size_t header_bytes = 8;
    static constexpr std::size_t descriptor_bytes = 16;

private:
    void close_run() noexcept;
    void put(std::size_t offset, std::uint64_t value, unsigned bytes) noexcept;

    std::span<std::byte> buffer_;
    std::uint64_t run_lba_ = 0;
    std::uint64_t run_blocks_ = 0;
    bool run_deallocated_ = false;
    std::size_t descriptors_ = 0;  ///< closed ones
};

}  // namespace dst::tgt
