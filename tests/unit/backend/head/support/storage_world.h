#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "block/error.h"
#include "block/request.h"
#include "config/spec.h"
#include "head/options.h"
#include "head/storage.h"
#include "support/temp_folder.h"

namespace dst {

/// Real files, a run and a state directory of its own, and storages on them.
class StorageWorld {
public:
    StorageWorld();

    const TempFolder& folder() const noexcept { return folder_; }
    HeadOptions options() const;

    /// A sparse file as a medium; gives its path.
    std::string make_disk(const std::string& name, std::uint64_t size_bytes = disk_bytes) const;

    /// A storage that mirrors new disks "NAME-0", "NAME-1"...
    spec::Storage mirror_of_disks(const std::string& name, unsigned disks) const;
    /// A storage that is one disk.
    spec::Storage single_disk(const std::string& name) const;
    /// A storage that is one export of a netnode.
    spec::Storage single_netnode(const std::string& name, const std::string& address, std::uint16_t port) const;

    /// Labels a storage's media as `dstctl init` does; a test failure when that fails.
    void init(const spec::Storage& spec) const;

    /// Opens; a test failure and null when that fails.
    std::unique_ptr<Storage> open(const spec::Storage& spec) const;
    /// Opens what must fail, and gives the reason.
    Error fail_to_open(const spec::Storage& spec, std::chrono::milliseconds limit = open_limit) const;
    static void close(std::unique_ptr<Storage> storage) {
        if (storage != nullptr) Storage::close(std::move(storage), close_limit);
    }

    static constexpr std::uint64_t disk_bytes = 32u << 20;
    static constexpr std::chrono::milliseconds open_limit{2500};
    static constexpr std::chrono::milliseconds close_limit{5000};

private:
    TempFolder folder_;
};

/// One request, from any thread, waiting for its end; timed_out when that does not come in 20 s (then the request is
/// left to the storage).
Errc do_io(Storage& storage, Operation operation, const Extent& extent, Bytes& bytes);

/// A request that is not waited for.
class PendingIo {
public:
    PendingIo(Storage& storage, Operation operation, const Extent& extent, const Bytes& bytes);
    /// Nothing while it is under way.
    std::optional<Errc> result_within(std::chrono::milliseconds limit) const;

    /// Of a read that ended well.
    const Bytes& bytes() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

Bytes pattern_bytes(std::size_t size, unsigned seed);

unsigned open_descriptors();
unsigned threads();
/// There are no more than `count` threads soon: nobody waits for one that has done its work.
bool threads_become(unsigned count);

}  // namespace dst
