// Every decoder takes any bytes: noise, cuts, and intact envelopes around nonsense.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "media/envelope.h"
#include "support/samples.h"

namespace dst {
namespace {

/// What every decoder is asked; crashes and sanitizer reports are the failure.
void decode_everything(const Bytes& bytes) {
    LabelImage image{};
    std::copy_n(bytes.begin(), std::min(bytes.size(), image.size()), image.begin());
    static_cast<void>(decode_label(image));
    static_cast<void>(choose_label({{image, image}, {true, false}}));
    static_cast<void>(decode_record(bytes));
    static_cast<void>(choose_record(bytes, bytes));
    static_cast<void>(decode_journal(bytes));
    StoreContents contents;
    contents.slots[1] = bytes;
    static_cast<void>(choose_journal(contents));
    static_cast<void>(decode_map_slot_header(bytes));
    RegionMap map(40000, 1u << 20);
    static_cast<void>(choose_map_slot(bytes, bytes, test::sample_map_identity(), 1, map));
}

std::vector<std::pair<Magic, Bytes>> samples() {
    const LabelImage label = encode_label(test::sample_label());
    Bytes slot(map_slot_bytes);
    encode_map_slot(slot_of_map(test::sample_map(), test::sample_map_identity(), 0), {1, 1}, slot);
    return {{label_magic, Bytes(label.begin(), label.end())},
            {record_magic, *encode_record(test::sample_record(), 1)},
            {journal_magic, *encode_journal(test::sample_journal())},
            {map_magic, slot}};
}

TEST(AnyBytes, NoiseIsRefused) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 300; ++round) {
        Bytes bytes(random() % 9000);
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
        decode_everything(bytes);
    }
}

TEST(AnyBytes, CutsAreRefused) {
    for (const auto& [magic, sample] : samples()) {
        for (std::size_t size = 0; size < std::min<std::size_t>(sample.size(), 700); ++size) {
            decode_everything(Bytes(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(size)));
        }
    }
}

TEST(AnyBytes, IntactEnvelopesAroundChangedContentsAreRefusedOrTaken) {
    std::mt19937_64 random(2);
    for (const auto& [magic, sample] : samples()) {
        for (int round = 0; round < 3000; ++round) {
            Bytes bytes = sample;
            const std::uint64_t changes = 1 + random() % 4;
            for (std::uint64_t i = 0; i < changes; ++i) {
                const std::size_t at =
                    envelope_bytes + random() % std::min<std::size_t>(600, bytes.size() - envelope_bytes);
                bytes[at] = static_cast<std::byte>(random() % 3 == 0 ? 0xff : random());
            }
            seal(bytes, magic, 3);
            decode_everything(bytes);
        }
    }
}

}  // namespace
}  // namespace dst
