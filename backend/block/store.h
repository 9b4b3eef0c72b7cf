#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "block/buffer.h"
#include "block/error.h"
#include "block/id.h"

namespace dst {

/// What a Store found when it was opened.
struct StoreContents {
    std::array<Bytes, 2> slots;  ///< as they lie there; empty: never written
    Id machine;                  ///< this machine's id (/etc/machine-id)
    std::uint64_t file = 0;      ///< names the file (inode, birth time), to tell a copy from the original
    bool created = false;        ///< the file was not there
};

/// A small durable file with two slots (the head's journal). The lock is held for life.
class Store {
public:
    virtual ~Store() = default;

    /// Opens or creates, locks and reads. Errors: busy (another process has it), refused (a foreign file).
    virtual void open(Callback<StoreContents> done) = 0;
    /// Replaces one slot (0 or 1) by at most slot_bytes_max bytes; answers when durable. One at a time. `changed`:
    /// it is, in a file that nobody finds at its place any more; until open() makes another one there with success.
    virtual void write(unsigned slot, Bytes bytes, Callback<void> done) = 0;
    /// For messages: the path.
    virtual const std::string& name() const = 0;

    static constexpr std::size_t slot_bytes_max = 1u << 20;
};

}  // namespace dst
