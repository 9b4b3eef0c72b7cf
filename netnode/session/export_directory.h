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
    explicit ExportDirectory(std::uint64_t buffer_bytes_max = std::uint64_t{1} << 30) : buffers_(buffer_bytes_max) {}
    virtual ~ExportDirectory() = default;
    ExportDirectory(const ExportDirectory&) = delete;
    ExportDirectory& operator=(const ExportDirectory&) = delete;

    /// The medium of an export for the peer ("192.0.2.7:40112"). Errors: not_found; refused by its allow-list. The
    /// medium must stay until every session over it has ended.
    virtual Result<Medium*> find(const std::string& export_name, const std::string& peer) = 0;

    /// Payload memory of all sessions together.
    BufferPool& buffers() noexcept { return buffers_; }

private:
    BufferPool buffers_;
};

}  // namespace dst
