#pragma once

#include "media/bytes.h"
#include "media/record.h"

namespace dst {

/// The fields of a record and of a leaf as records and journals contain them, without an envelope
/// (docs/disk_format.md). A reader that meets what no writer writes has failed: ok() is false.
void write_record(ByteWriter& writer, const Record& record);
Record read_record(ByteReader& reader);
void write_leaf(ByteWriter& writer, const RecordLeaf& leaf);
RecordLeaf read_leaf(ByteReader& reader);

/// A power of two, 512..65536.
bool block_size_valid(std::uint32_t bytes) noexcept;

}  // namespace dst
