#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "block/store.h"
#include "media/record.h"

namespace dst {

/// What the administrator ordered while no head ran; the next open carries it out and takes it away (docs/mirror.md).
enum class StartOrder : std::uint8_t {
    none = 0,
    takeover = 1,          ///< start although another head seems alive
    accept_data_loss = 2,  ///< start from what is reachable, under a new generation marked as forced
    resolve = 3,           ///< of each split mirror that `discards` names: give up what that member holds
};

/// Completes "it is ordered": "to start with loss of data"; empty for none.
std::string_view describe(StartOrder order);

/// A side of a split that is given up: that of this member.
struct OrderedDiscard {
    Id mirror;
    std::uint32_t member = 0;

    bool operator==(const OrderedDiscard&) const = default;
};

/// What an order made of a mirror, and this head has served: Record::ordered of what it was established on last. Who
/// does not know of it is what was given up there, whoever has gone on with that since.
struct ServedOrder {
    Id mirror;
    Id generation;

    bool operator==(const ServedOrder&) const = default;
};

/// What a head remembers of a storage between its lives (docs/mirror.md). All mirrors of the storage in one atomic
/// write. A journal whose machine or file is not the one it lies in is a copy and decides nothing (M5).
struct Journal {
    Id storage;
    std::string storage_name;
    Id machine;
    std::uint64_t file = 0;         ///< StoreContents::file
    Epoch established;              ///< M5 step 8; none: the journal has given up its claim (M5 step 5)
    std::uint64_t epoch_tried = 0;  ///< the highest number this head ever tried
    std::uint64_t size_bytes = 0;   ///< of the storage
    std::uint32_t logical_block_bytes = 0;
    std::vector<Record> records;     ///< one per mirror, in reading order of the tree
    std::vector<RecordLeaf> leaves;  ///< of the whole tree, so that sizes are known while nodes are away
    StartOrder order = StartOrder::none;
    std::vector<OrderedDiscard> discards;    ///< resolve only, one per mirror
    std::vector<ServedOrder> served_orders;  ///< of mirrors that have any, one each
    std::uint64_t sequence = 0;              ///< the higher good slot counts

    bool operator==(const Journal&) const = default;
};

/// At most Store::slot_bytes_max bytes. Error too_large: what does not fit.
Result<Bytes> encode_journal(const Journal& journal);
/// Survives any bytes. Errors: not_found (nothing there), corrupt, not_supported (a newer version of DST).
Result<Journal> decode_journal(std::span<const std::byte> slot);

/// The newest good one of the two slots, and the slot and sequence of the next write. Both bad or empty: no journal.
struct JournalChoice {
    std::optional<Journal> journal;
    unsigned next_slot = 0;
    std::uint64_t next_sequence = 1;
    bool damaged = false;                               ///< something was there and neither copy is good
    bool copy_damaged = false;                          ///< at least one copy is damaged
    Error why{Errc::not_found, "no journal is there"};  ///< without a journal; ok with one
};
JournalChoice choose_journal(const StoreContents& contents);

}  // namespace dst
