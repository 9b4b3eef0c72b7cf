#include "media/envelope.h"

#include <gtest/gtest.h>

#include <vector>

namespace dst {
namespace {

std::vector<std::byte> sealed(std::size_t size, std::uint64_t sequence) {
    std::vector<std::byte> copy(size, std::byte{0x5a});
    seal(copy, map_magic, sequence);
    return copy;
}

Envelope good(std::uint64_t sequence) { return {EnvelopeState::good, format_version, sequence, 64}; }
Envelope newer(std::uint64_t sequence) { return {EnvelopeState::unknown_version, format_version + 1, sequence, 64}; }
const Envelope empty{};
const Envelope damaged{EnvelopeState::damaged};

TEST(Envelope, OpensWhatWasSealed) {
    const Envelope envelope = open_envelope(sealed(100, 42), map_magic);
    EXPECT_EQ(envelope.state, EnvelopeState::good);
    EXPECT_EQ(envelope.sequence, 42u);
    EXPECT_EQ(envelope.length, 100u);
}

TEST(Envelope, IgnoresWhatLiesBehindItsLength) {
    std::vector<std::byte> copy = sealed(100, 42);
    copy.resize(4096, std::byte{0x77});
    EXPECT_EQ(open_envelope(copy, map_magic).state, EnvelopeState::good);
}

TEST(Envelope, NoticesEveryFlippedBit) {
    const std::vector<std::byte> copy = sealed(64, 42);
    for (std::size_t bit = 0; bit < copy.size() * 8; ++bit) {
        std::vector<std::byte> flipped = copy;
        flipped[bit / 8] ^= std::byte{1} << (bit % 8);
        EXPECT_NE(open_envelope(flipped, map_magic).state, EnvelopeState::good) << "bit " << bit;
    }
}

TEST(Envelope, IsEmptyWithoutTheMagic) {
    EXPECT_EQ(open_envelope(std::vector<std::byte>(4096), map_magic).state, EnvelopeState::empty);
    EXPECT_EQ(open_envelope({}, map_magic).state, EnvelopeState::empty);
    EXPECT_EQ(open_envelope(sealed(64, 1), label_magic).state, EnvelopeState::empty);
}

TEST(Envelope, IsDamagedWhenCutAnywhereBehindTheMagic) {
    const std::vector<std::byte> copy = sealed(64, 42);
    for (std::size_t size = 8; size < copy.size(); ++size) {
        EXPECT_EQ(open_envelope(std::span(copy).first(size), map_magic).state, EnvelopeState::damaged) << size;
    }
}

TEST(Envelope, TellsAnIntactCopyOfAnotherVersionFromDamage) {
    std::vector<std::byte> copy = sealed(64, 42);
    copy[8] = std::byte{2};
    EXPECT_EQ(open_envelope(copy, map_magic).state, EnvelopeState::damaged);
    EXPECT_EQ(envelope_error(newer(3), "label").code, Errc::not_supported);
    EXPECT_NE(envelope_error(newer(3), "label").text.find("version 2"), std::string::npos);
}

TEST(ChooseCopy, TakesTheHigherSequenceAndWritesTheOther) {
    const CopyChoice choice = choose_copy(good(5), good(6));
    EXPECT_EQ(choice.newest, 1);
    EXPECT_EQ(choice.next, 0u);
    EXPECT_EQ(choice.next_sequence, 7u);
}

TEST(ChooseCopy, TakesTheGoodOneWhenTheOtherIsBad) {
    for (const Envelope& bad : {empty, damaged}) {
        EXPECT_EQ(choose_copy(bad, good(6)).newest, 1);
        EXPECT_EQ(choose_copy(bad, good(6)).next, 0u);
        EXPECT_EQ(choose_copy(good(6), bad).newest, 0);
        EXPECT_EQ(choose_copy(good(6), bad).next, 1u);
    }
}

TEST(ChooseCopy, StartsAtOneWhenNothingIsThere) {
    const CopyChoice choice = choose_copy(empty, empty);
    EXPECT_EQ(choice.newest, -1);
    EXPECT_EQ(choice.next_sequence, 1u);
    EXPECT_FALSE(choice.damaged);
    EXPECT_TRUE(choose_copy(empty, damaged).damaged);
}

TEST(ChooseCopy, ChoosesNothingWhenANewerProgramWroteLast) {
    const CopyChoice choice = choose_copy(good(5), newer(6));
    EXPECT_EQ(choice.newest, -1);
    EXPECT_TRUE(choice.newer_version);
    EXPECT_TRUE(choice.damaged);
    EXPECT_EQ(choice.next, 0u);
}

TEST(ChooseCopy, IgnoresAnOlderCopyOfAnotherVersion) { EXPECT_EQ(choose_copy(good(7), newer(6)).newest, 0); }

}  // namespace
}  // namespace dst
