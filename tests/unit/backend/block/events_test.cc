#include "block/events.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

TEST(FormatEvent, PutsLevelIdTextAndFieldsInOneLine) {
    EXPECT_EQ(format_event(Severity::warning, "member-dropped", "node1 is dropped", {{"storage", "vol0"}, {"n", "2"}}),
              "WARNING member-dropped node1 is dropped storage=vol0 n=2");
}

TEST(FormatEvent, QuotesValuesThatArePartedOrEmpty) {
    EXPECT_EQ(format_event(Severity::info, "id", "text", {{"a", "two words"}, {"b", ""}}),
              "INFO id text a=\"two words\" b=\"\"");
}

TEST(FormatEvent, EscapesQuotesAndBackslashes) {
    EXPECT_EQ(format_event(Severity::info, "id", "text", {{"a", "\"\\"}}), "INFO id text a=\"\\\"\\\\\"");
}

TEST(FormatEvent, NeverBreaksTheLine) {
    const std::string line = format_event(Severity::info, "id", "two\nlines\r", {{"a", "b\nc"}});
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
}

TEST(Severity, EveryLevelHasAName) {
    for (const Severity severity :
         {Severity::debug, Severity::info, Severity::notice, Severity::warning, Severity::error, Severity::critical}) {
        EXPECT_NE(to_string(severity), "UNKNOWN");
    }
}

}  // namespace
}  // namespace dst
