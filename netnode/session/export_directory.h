#pragma once

#include <cstdint>
#include <string>

#include "block/error.h"
#include "session/buffer_pool.h"

namespace dst {

class Medium;

/// What a netnode exports, and the memory that its sessions share. Lives longer than its sessions.
class ExportDirectory {
public:
    /// Payload memory of the sessions whose epoch was accepted, all together.
    static constexpr std::uint64_t buffer_bytes_max_default = std::uint64_t{1} << 30;
    /// The same of all others: they can take nothing of what storages that serve need.
    static constexpr std::uint64_t guest_bytes_max_default = 128u << 20;

    explicit ExportDirectory(std::uint64_t buffer_bytes_max = buffer_bytes_max_default,
                             std::uint64_t guest_bytes_max = guest_bytes_max_default)
        : buffers_(buffer_bytes_max), guest_buffers_(guest_bytes_max) {}
    virtual ~ExportDirectory() = default;
    ExportDirectory(const ExportDirectory&) = delete;
    ExportDirectory& operator=(const ExportDirectory&) = delete;

    /// The medium of an export for the peer ("192.0.2.7:40112"). Errors: not_found; refused by its allow-list. The
    /// medium must stay until every session over it has ended.
    virtual Result<Medium*> find(const std::string& export_name, const std::string& peer) = 0;

    BufferPool& buffers() noexcept { return buffers_; }
    BufferPool& guest_buffers() noexcept { return guest_buffers_; }

private:
    BufferPool buffers_;
    BufferPool guest_buffers_;
};

}  // namespace dst
