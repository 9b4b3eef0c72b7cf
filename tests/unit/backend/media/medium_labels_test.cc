// Labels of one medium: written, erased, and what becomes of promises then.
#include "media/bytes.h"
#include "support/medium_fixture.h"

namespace dst {
namespace {

using test::id_of;

class MediumLabels : public test::MediumFixture {
protected:
    MediumLabels() { open(); }
};

TEST_F(MediumLabels, ABlankMediumIsLabelled) {
    const Result<LabelImage> image = write_label(*first, *peek(*first), encode_label(small_label()));
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(medium->label_state(), LabelState::valid);
    kill_and_restart([&] { platter.power_loss(); });
    EXPECT_EQ(medium->label_image(), *image);
}

TEST_F(MediumLabels, IsRefusedWhenTheLabelChangedSinceItWasSeen) {
    const Peek blank = *peek(*first);
    ASSERT_TRUE(write_label(*first, blank, encode_label(small_label())).has_value());
    EXPECT_EQ(write_label(*second, blank, encode_label(small_label())).error().code, Errc::changed);
}

TEST_F(MediumLabels, IsBusyWhileAnotherHeadServes) {
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(small_label())).has_value());
    ASSERT_TRUE(promise(*first, epoch(1, 0xa)).has_value());
    EXPECT_EQ(write_label(*second, *peek(*second), LabelImage{}).error().code, Errc::busy);
    EXPECT_EQ(medium->label_state(), LabelState::valid);
}

TEST_F(MediumLabels, RefusesWhatIsNoLabelOrOfALargerMedium) {
    LabelImage nonsense{};
    nonsense[0] = std::byte{1};
    EXPECT_EQ(write_label(*first, *peek(*first), nonsense).error().code, Errc::invalid_argument);
    Label large = small_label();
    large.size_bytes += 4096;
    EXPECT_EQ(write_label(*first, *peek(*first), encode_label(large)).error().code, Errc::invalid_argument);
}

TEST_F(MediumLabels, ErasingLeavesNoMagic) {
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(small_label())).has_value());
    ASSERT_TRUE(write_label(*first, *peek(*first), LabelImage{}).has_value());
    EXPECT_EQ(medium->label_state(), LabelState::absent);
    EXPECT_EQ(on_disk().state, LabelState::absent);
    EXPECT_TRUE(platter.all_zero());
}

/// A session goes on by the promise that its head was told of, though the next one lies on the medium all the same.
TEST_F(MediumLabels, M6APromiseThatNobodyWasToldOfFencesNobody) {
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(small_label())).has_value());
    std::uint64_t number = 1;
    ASSERT_TRUE(promise(*first, epoch(number, 0xa)).has_value());
    bool landed = false;
    for (int tries = 0; tries < 20 && !landed; ++tries) {
        platter.fail(Operation::write, {0, platter.geometry().size_bytes}, Errc::io_error, 1,
                     sim::SimPlatter::Landing::in_part);
        ASSERT_FALSE(promise(*first, epoch(++number, 0xa)).has_value());
        landed = on_disk().label && on_disk().label->promised.number == number;
        ASSERT_EQ(io(*first, Operation::write), Errc::ok) << number;
    }
    EXPECT_TRUE(landed);
    ASSERT_TRUE(promise(*first, epoch(++number, 0xa)).has_value());
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
}

TEST_F(MediumLabels, M6WhatWasPromisedOnALabelIsNotWhenItIsErased) {
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(small_label())).has_value());
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    ASSERT_EQ(io(*first, Operation::write), Errc::ok);
    ASSERT_TRUE(write_label(*first, *peek(*first), LabelImage{}).has_value());
    EXPECT_EQ(io(*first, Operation::write), Errc::refused);
}

TEST_F(MediumLabels, AnErasureThatFailsHalfWayLeavesTheOldLabel) {
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(small_label())).has_value());
    const LabelImage before = medium->label_image();
    platter.fail(Operation::write, label_copy(medium_bytes, 1 - on_disk().next_copy), Errc::medium_error);
    EXPECT_EQ(write_label(*first, *peek(*first), LabelImage{}).error().code, Errc::medium_error);
    platter.clear_failures();
    EXPECT_EQ(medium->label_state(), LabelState::valid);
    EXPECT_EQ(medium->label_image(), before);
}

TEST_F(MediumLabels, RelabellingGoesOnWithTheSequence) {
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(small_label())).has_value());
    const std::uint64_t sequence = medium->label()->sequence;
    Label other = small_label();
    other.medium = id_of(0xdd);
    other.sequence = 0;
    ASSERT_TRUE(write_label(*first, *peek(*first), encode_label(other)).has_value());
    EXPECT_EQ(medium->label()->medium, id_of(0xdd));
    EXPECT_GT(medium->label()->sequence, sequence);
}

TEST_F(MediumLabels, ALabelOfANewerProgramIsDamagedAndSaysWhy) {
    LabelImage image = encode_label(small_label());
    image[8] = std::byte{2};
    // With a checksum that is right, as a newer program would write it.
    std::array<std::byte, 4> zero{};
    std::copy(zero.begin(), zero.end(), image.begin() + 12);
    const std::uint32_t checksum = crc32c({image});
    for (unsigned i = 0; i < 4; ++i) image[12 + i] = static_cast<std::byte>(checksum >> (8 * i));
    platter.write(label_copy(medium_bytes, 1).offset, image);
    EXPECT_EQ(peek(*first)->label_state, LabelState::damaged);
    const Error why = promise(*first, epoch(1, 0xa)).error();
    EXPECT_EQ(why.code, Errc::refused);
    EXPECT_NE(why.text.find("version 2"), std::string::npos) << why.text;
}

}  // namespace
}  // namespace dst
