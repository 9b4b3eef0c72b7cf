#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "block/block_device.h"
#include "block/buffer.h"
#include "block/error.h"
#include "block/id.h"
#include "block/leaf.h"

/// Payloads of the frames beside the data path (docs/wire_protocol.md). Every decode_* takes the whole payload,
/// survives any bytes, and answers protocol_error for a structure that is too short, too long or out of range.
namespace dst::wire {

/// Bits of Hello::features.
inline constexpr std::uint64_t feature_payload_checksum = 1;  ///< payloads carry CRC-32C
inline constexpr std::uint64_t known_features = feature_payload_checksum;

inline constexpr std::size_t name_bytes_max = 255;

/// The asker's first frame, and its answer: what the netnode chose of it.
struct Hello {
    std::uint8_t version_min = 1;  ///< the answer: both are the version chosen
    std::uint8_t version_max = 1;
    std::uint64_t features = 0;
    std::string program;  ///< for messages: "dst-netnode 0.1.0"

    bool operator==(const Hello&) const = default;
};
Bytes encode(const Hello& hello);
Result<Hello> decode_hello(std::span<const std::byte> in);

/// Names what is opened and who opens it (LeafIdentity on the wire).
struct Open {
    std::string export_name;
    Id storage;  ///< nil: not known yet
    std::string place;
    Epoch epoch;       ///< none: may peek, probe, label and read
    std::string head;  ///< program, host and pid for messages
    Id connection;     ///< the asker's group of connections: all with this id stand and fall together
    Id replaces;       ///< the group before; answered when nothing of it is queued or running. Nil: none

    bool operator==(const Open&) const = default;
};
Bytes encode(const Open& open);
Result<Open> decode_open(std::span<const std::byte> in);

struct OpenAnswer {
    Geometry geometry;
    LabelState label_state = LabelState::absent;
    bool epoch_accepted = false;  ///< the label knows the epoch that was named; else this session writes nothing
    Id medium;                    ///< by the label; nil: not labelled
    Incarnation incarnation;
    std::uint32_t requests_max = 1;       ///< unanswered at once on this connection
    std::uint32_t request_bytes_max = 0;  ///< payload of one request
    std::uint32_t range_bytes_max = 0;    ///< extent of one unmap, write_zeroes or hash
    std::uint64_t buffer_bytes_max = 0;   ///< payloads of all unanswered requests of this connection

    bool operator==(const OpenAnswer&) const = default;
};
Bytes encode(const OpenAnswer& answer);
Result<OpenAnswer> decode_open_answer(std::span<const std::byte> in);

/// The answer to peek.
Bytes encode(const Peek& peek);
Result<Peek> decode_peek(std::span<const std::byte> in);

/// The answer to probe.
Bytes encode(const Probe& probe);
Result<Probe> decode_probe(std::span<const std::byte> in);

/// Order of promise: compare-and-set against what was peeked.
struct PromiseOrder {
    Peek seen;
    Epoch epoch;
};
Bytes encode(const PromiseOrder& order);
Result<PromiseOrder> decode_promise(std::span<const std::byte> in);

/// Order of served.
Bytes encode(const Epoch& epoch);
Result<Epoch> decode_epoch(std::span<const std::byte> in);

/// Order of label.
struct LabelOrder {
    Peek seen;
    LabelImage image{};
};
Bytes encode(const LabelOrder& order);
Result<LabelOrder> decode_label_order(std::span<const std::byte> in);

/// Answer of promise, served and label.
Bytes encode(const LabelImage& image);
Result<LabelImage> decode_label_image(std::span<const std::byte> in);

/// Cut to reason_bytes_max at a character's boundary.
std::string_view bounded_reason(std::string_view text) noexcept;
/// What a peer sent as reason, made fit for a log line: control characters and malformed UTF-8 become '?'.
std::string printable_reason(std::span<const std::byte> in);

}  // namespace dst::wire
