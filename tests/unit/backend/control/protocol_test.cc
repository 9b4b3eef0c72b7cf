#include "control/protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace dst::control {
namespace {

namespace json = boost::json;

TEST(ControlLine, IsOneLineEvenWithNewlinesInside) {
    const std::string line = encode_line({{"text", "a\nb"}});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto object = decode_line(line);
    ASSERT_TRUE(object);
    EXPECT_EQ(object->at("text"), "a\nb");
}

TEST(ControlLine, RefusesWhatIsNotJson) {
    const auto object = decode_line("status\n");
    ASSERT_FALSE(object);
    EXPECT_EQ(object.error().code, Errc::protocol_error);
}

TEST(ControlLine, RefusesWhatIsNotAnObject) { EXPECT_FALSE(decode_line("[1,2]")); }

TEST(ControlLine, RefusesTwoValues) { EXPECT_FALSE(decode_line("{} {}")); }

TEST(ControlLine, RefusesDeepNestingInsteadOfOverflowing) {
    EXPECT_FALSE(decode_line("{\"a\":" + std::string(100'000, '[')));
}

TEST(ControlRequest, NamesItsCommand) {
    const auto command = command_of(make_request("status"));
    ASSERT_TRUE(command);
    EXPECT_EQ(*command, "status");
}

TEST(ControlRequest, WithoutCommandIsRefused) {
    EXPECT_FALSE(command_of({}));
    EXPECT_FALSE(command_of({{"command", 7}}));
}

TEST(ControlAnswer, OfSuccessComesThroughWhole) {
    json::object answer = ok_answer();
    answer["status"] = 1;
    const auto checked = check_answer(answer);
    ASSERT_TRUE(checked);
    EXPECT_TRUE(checked->contains("status"));
}

TEST(ControlAnswer, OfFailureBecomesItsError) {
    const auto checked = check_answer(error_answer({Errc::refused, "not by you"}));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error(), (Error{Errc::refused, "not by you"}));
}

TEST(ControlAnswer, KeepsTheTextOfAnUnknownCode) {
    const auto checked = check_answer({{"ok", false}, {"error", {{"code", "new-one"}, {"text", "why"}}}});
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().text, "why");
}

TEST(ControlAnswer, ThatIsNeitherIsAProtocolError) {
    for (const json::object& answer : {json::object{}, json::object{{"ok", 1}}, json::object{{"ok", false}},
                                       json::object{{"ok", false}, {"error", {{"code", "busy"}}}}}) {
        const auto checked = check_answer(answer);
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().code, Errc::protocol_error);
    }
}

TEST(ControlAnswer, TokensOfAllErrorsAreRead) {
    for (std::uint8_t number = 1; number < errc_count; ++number) {
        const auto code = static_cast<Errc>(number);
        EXPECT_EQ(errc_from_token(to_token(code)), code);
    }
    EXPECT_EQ(errc_from_token("ok"), std::nullopt);
}

TEST(LineSplitter, JoinsPiecesAndSplitsLines) {
    LineSplitter lines(16);
    lines.add("on");
    EXPECT_EQ(lines.next(), std::nullopt);
    lines.add("e\ntwo\nth");
    EXPECT_EQ(lines.next(), "one");
    EXPECT_EQ(lines.next(), "two");
    EXPECT_EQ(lines.next(), std::nullopt);
    EXPECT_FALSE(lines.too_long());
}

TEST(LineSplitter, GivesALineOfExactlyTheLimit) {
    LineSplitter lines(4);
    lines.add("abc\n");
    EXPECT_FALSE(lines.too_long());
    EXPECT_EQ(lines.next(), "abc");
}

TEST(LineSplitter, GivesNoLineBeyondTheLimit) {
    LineSplitter lines(4);
    lines.add("abcd\n");
    EXPECT_EQ(lines.next(), std::nullopt);
    EXPECT_TRUE(lines.too_long());
}

TEST(LineSplitter, NoticesAnEndlessLineBeforeItsEnd) {
    LineSplitter lines(4);
    lines.add("abcd");
    EXPECT_TRUE(lines.too_long());
}

}  // namespace
}  // namespace dst::control
