#pragma once

#include <cstdint>

#include "media/journal.h"
#include "media/label.h"
#include "media/record.h"
#include "media/region_map.h"

/// The values of the test vectors in docs/disk_format.md, and pieces to make others of.
namespace dst {

constexpr std::uint64_t mib = 1u << 20;

}  // namespace dst

namespace dst::test {

/// Sixteen bytes of `value`.
Id id_of(std::uint8_t value);

Label sample_label();
Record sample_record();
Journal sample_journal();
/// 100 regions of 1 MiB; 0, 1, 63, 64 and 99 are set.
RegionMap sample_map();
MapIdentity sample_map_identity();

std::span<const std::byte> bytes_of(const LabelImage& image);

}  // namespace dst::test
