#include "block/id.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

constexpr std::string_view text = "000102030405060708090a0b0c0d0eff";

TEST(Id, IsWrittenAsThirtyTwoDigitsAndReadBack) {
    const std::optional<Id> id = parse_id(text);
    ASSERT_TRUE(id);
    EXPECT_EQ(id->bytes[1], 1);
    EXPECT_EQ(id->bytes[15], 0xff);
    EXPECT_EQ(to_string(*id), text);
}

TEST(Id, IsShortenedToEightDigits) { EXPECT_EQ(short_string(*parse_id(text)), "00010203"); }

TEST(Id, UpperCaseIsRead) { EXPECT_EQ(parse_id("000102030405060708090A0B0C0D0EFF"), parse_id(text)); }

TEST(Id, AnyOtherLengthIsRefused) {
    EXPECT_FALSE(parse_id(""));
    EXPECT_FALSE(parse_id(text.substr(1)));
    EXPECT_FALSE(parse_id(std::string(text) + "0"));
}

TEST(Id, AnyOtherCharacterIsRefused) {
    for (const char wrong : {'g', 'G', ' ', '-', '/', ':', '@', '`', '\0'}) {
        std::string bad(text);
        bad[7] = wrong;
        EXPECT_FALSE(parse_id(bad)) << wrong;
    }
}

TEST(Id, OnlyAllZeroIsNil) {
    EXPECT_TRUE(Id{}.is_nil());
    for (std::size_t i = 0; i < 16; ++i) {
        Id id;
        id.bytes[i] = 1;
        EXPECT_FALSE(id.is_nil());
    }
}

TEST(Epoch, NumberZeroIsNone) {
    EXPECT_TRUE(Epoch{}.none());
    EXPECT_FALSE((Epoch{1, {}}.none()));
}

TEST(Epoch, HeadsOfOneNumberDiffer) {
    EXPECT_NE((Epoch{1, *parse_id(text)}), (Epoch{1, {}}));
    EXPECT_EQ((Epoch{1, *parse_id(text)}), (Epoch{1, *parse_id(text)}));
}

Incarnation incarnation(std::uint8_t time, std::uint8_t data) {
    Incarnation made;
    made.id.bytes.front() = time;
    made.id.bytes[8] = data;
    return made;
}

TEST(Incarnation, AnotherFileIsSeenWhereBothAreKnown) {
    const Incarnation one = of_file(Id{{1}});
    const Incarnation other = of_file(Id{{2, 2}});
    EXPECT_TRUE(same_file(one, with_other_time(one, Id{{9}})));
    EXPECT_FALSE(same_file(one, other));
    EXPECT_TRUE(same_data(one, other)) << "a disk";
    EXPECT_TRUE(same_file(Incarnation{}, other));
    EXPECT_TRUE(same_file(one, Incarnation{}));
    EXPECT_TRUE(same_file(one, incarnation(1, 5))) << "a mirror";
    EXPECT_FALSE(same_file(of_file({}), other)) << "whatever names it";
}

TEST(Incarnation, AMirrorTellsThatItStandsOnOtherFiles) {
    Incarnation mirror = incarnation(1, 5);
    mirror.id.bytes[13] = 7;
    const Incarnation other = with_other_file(mirror, Id{{9}});
    EXPECT_FALSE(same_file(mirror, other));
    EXPECT_TRUE(same_data(mirror, other));
    EXPECT_TRUE(same_file(mirror, with_other_time(mirror, Id{{9}})));
}

TEST(Incarnation, OtherTimeIsTheSameData) {
    EXPECT_TRUE(same_data(incarnation(1, 5), incarnation(2, 5)));
    EXPECT_FALSE(same_data(incarnation(1, 5), incarnation(1, 6)));
    EXPECT_EQ(with_other_time(incarnation(1, 5), incarnation(2, 6).id), incarnation(2, 5));
}

TEST(Incarnation, ADiskIsTheSameDataWhateverWasRecorded) {
    EXPECT_TRUE(same_data(incarnation(1, 5), incarnation(1, 0)));
    EXPECT_FALSE(same_data(incarnation(1, 0), incarnation(1, 5)));
}

}  // namespace
}  // namespace dst
