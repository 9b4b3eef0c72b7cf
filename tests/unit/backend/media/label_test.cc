#include "media/label.h"

#include <gtest/gtest.h>

#include "support/samples.h"

namespace dst {
namespace {

using test::id_of;
using test::sample_label;

LabelImage image_with(std::uint64_t sequence) {
    Label label = sample_label();
    label.sequence = sequence;
    return encode_label(label);
}

LabelCopies readable(const LabelImage& first, const LabelImage& second) { return {{first, second}, {true, true}}; }

LabelImage broken(LabelImage image) {
    image[100] ^= std::byte{1};
    return image;
}

TEST(Label, DecodesToWhatWasEncoded) {
    const Result<Label> decoded = decode_label(encode_label(sample_label()));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, sample_label());
}

TEST(Label, TakesTheLongestNames) {
    Label label = sample_label();
    label.storage_name = std::string(63, 'n');
    label.place = std::string(255, '/');
    EXPECT_EQ(*decode_label(encode_label(label)), label);
}

TEST(LabelDeathTest, AssertsNamesOverTheirLimits) {
    Label label = sample_label();
    label.storage_name = std::string(64, 'n');
    EXPECT_DEATH(encode_label(label), "assertion-failed");
}

TEST(Label, IsNotFoundOnABlankMedium) { EXPECT_EQ(decode_label(LabelImage{}).error().code, Errc::not_found); }

TEST(Label, IsCorruptWithAWrongChecksum) {
    EXPECT_EQ(decode_label(broken(encode_label(sample_label()))).error().code, Errc::corrupt);
}

TEST(LeafSize, LeavesTheLabelAreaOut) {
    EXPECT_EQ(leaf_size_bytes(1u << 20), (1u << 20) - label_area_bytes);
    EXPECT_EQ(leaf_size_bytes((1u << 20) + 4095), (1u << 20) - label_area_bytes);
}

TEST(LeafSize, IsZeroWithoutRoom) {
    EXPECT_EQ(leaf_size_bytes(0), 0u);
    EXPECT_EQ(leaf_size_bytes(label_area_bytes), 0u);
    EXPECT_EQ(leaf_size_bytes(label_area_bytes + 4095), 0u);
    EXPECT_EQ(leaf_size_bytes(label_area_bytes + 4096), 4096u);
}

TEST(LabelCopy, LiesAtBothEndsOfTheLabelArea) {
    const std::uint64_t medium_bytes = (1u << 20) + 1000;
    EXPECT_EQ(label_copy(medium_bytes, 0), (Extent{leaf_size_bytes(medium_bytes), 4096}));
    EXPECT_EQ(label_copy(medium_bytes, 1).end(), 1u << 20);
}

TEST(ChooseLabel, IsAbsentOnABlankMedium) {
    const LabelChoice choice = choose_label(readable({}, {}));
    EXPECT_EQ(choice.state, LabelState::absent);
    EXPECT_FALSE(choice.label);
    EXPECT_EQ(choice.next_sequence, 1u);
}

TEST(ChooseLabel, TakesTheNewerCopy) {
    const LabelChoice choice = choose_label(readable(image_with(8), image_with(7)));
    EXPECT_EQ(choice.state, LabelState::valid);
    EXPECT_EQ(choice.label->sequence, 8u);
    EXPECT_EQ(choice.image, image_with(8));
    EXPECT_EQ(choice.next_copy, 1u);
    EXPECT_EQ(choice.next_sequence, 9u);
    EXPECT_FALSE(choice.one_copy_bad);
}

TEST(ChooseLabel, FallsBackToTheOlderCopyWhenTheNewerIsTorn) {
    const LabelChoice choice = choose_label(readable(broken(image_with(8)), image_with(7)));
    EXPECT_EQ(choice.state, LabelState::valid);
    EXPECT_EQ(choice.label->sequence, 7u);
    EXPECT_EQ(choice.next_copy, 0u);
    EXPECT_TRUE(choice.one_copy_bad);
}

TEST(ChooseLabel, TakesAGoodCopyBesideAnUnreadableOne) {
    LabelCopies copies = readable({}, image_with(7));
    copies.readable[0] = false;
    EXPECT_EQ(choose_label(copies).state, LabelState::valid);
    EXPECT_TRUE(choose_label(copies).one_copy_bad);
}

TEST(ChooseLabel, ANewMediumsSingleCopyIsNotBad) {
    EXPECT_FALSE(choose_label(readable(image_with(1), {})).one_copy_bad);
}

TEST(ChooseLabel, IsDamagedWithMagicAndNoGoodCopy) {
    const LabelChoice choice = choose_label(readable(broken(image_with(8)), {}));
    EXPECT_EQ(choice.state, LabelState::damaged);
    EXPECT_EQ(choice.why.code, Errc::corrupt);
    EXPECT_EQ(choice.image, LabelImage{});
}

TEST(ChooseLabel, IsUnreadableWhenTheDiskHidesWhatMayBeThere) {
    LabelCopies copies = readable({}, {});
    copies.readable[1] = false;
    EXPECT_EQ(choose_label(copies).state, LabelState::unreadable);
    EXPECT_EQ(choose_label(copies).why.code, Errc::medium_error);
}

}  // namespace
}  // namespace dst
