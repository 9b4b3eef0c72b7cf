#include <gmock/gmock.h>

#include "support/parse.h"

namespace dst::yaml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

const std::string good = "storage: v\ntree: {disk: /a}\n";

TEST(Document, DuplicateKeyStandsWhereItIsRepeated) {
    EXPECT_THAT(storage_mistakes("storage: v\ntree: {disk: /a}\nstorage: w\n"),
                ElementsAre("3:1: the key \"storage\" again; it stands in line 1 already, and one of them must go"));
}

TEST(Document, DuplicateKeyInFlowStyleIsFound) {
    EXPECT_THAT(storage_mistakes("storage: v\ntree: {disk: /a, disk: /b}\n"),
                ElementsAre(StartsWith("2:18: the key \"disk\" again")));
}

TEST(Document, AnchorAndAliasAreMistakesOfTheirOwn) {
    EXPECT_THAT(storage_mistakes("storage: &n v\ntree: {disk: /a}\njournal: *n\n"),
                ElementsAre("1:10: the anchor \"&n\"; anchors and aliases are not taken",
                            "3:10: an alias (*); aliases are not taken: write the value itself"));
}

TEST(Document, AliasWithoutAnchorIsASyntaxError) {
    EXPECT_THAT(storage_mistakes("storage: *n\ntree: {disk: /a}\n"),
                ElementsAre(HasSubstr("1:10: not YAML: an alias")));
}

TEST(Document, MergeKeyIsAnUnknownKey) {
    EXPECT_THAT(storage_mistakes(good + "<<: {policy: {}}\n"), ElementsAre(StartsWith("3:1: the unknown key \"<<\"")));
}

TEST(Document, TagIsAMistake) {
    EXPECT_THAT(storage_mistakes("storage: !!str v\ntree: !x {disk: /a}\n"),
                ElementsAre(StartsWith("1:10: the tag \"tag:yaml.org,2002:str\""), StartsWith("2:7: the tag \"!x\"")));
}

TEST(Document, SecondDocumentIsAMistake) {
    EXPECT_THAT(storage_mistakes(good + "---\nstorage: w\n"), ElementsAre("3:1: a second document; a file holds one"));
    EXPECT_THAT(storage_mistakes(good + "...\nstorage: w\n"), ElementsAre(HasSubstr("a second document")));
}

TEST(Document, LeadingMarkerAndEndMarkerAreTaken) { good_storage("%YAML 1.2\n---\n" + good + "...\n"); }

TEST(Document, TextBehindTheRootIsASyntaxError) {
    EXPECT_THAT(storage_mistakes("  storage: v\ntree: {disk: /a}\n"),
                ElementsAre("2:1: not YAML: something after the end of the document; check the indentation"));
}

TEST(Document, ComplexKeyIsAMistake) {
    EXPECT_THAT(storage_mistakes(good + "? [a]\n: 1\n"), ElementsAre(HasSubstr("3:3: a key that is not a word")));
}

TEST(Document, EmptyFileSaysSo) {
    for (const char* text : {"", "\n\n", "# only a comment\n", "\xef\xbb\xbf"}) {
        EXPECT_THAT(storage_mistakes(text), ElementsAre("1:1: nothing but blanks and comments; the file is empty"));
    }
}

TEST(Document, SyntaxErrorIsTheOnlyMistake) {
    EXPECT_THAT(storage_mistakes("storage: -bad\nstorage: v\ntree: {disk: sdb\n"),
                ElementsAre(HasSubstr("not YAML: no '}' where the mapping in braces should end")));
}

TEST(Document, ColumnsCountCharacters) {
    EXPECT_THAT(storage_mistakes("storage: v\ntree: {\"d\xc3\xa4\xc3\xa4\": 1, disk: /a}\n"),
                ElementsAre(StartsWith("2:8: the unknown key")));
    EXPECT_THAT(storage_mistakes("storage: v\ntree: {disk: \"\xc3\xa4\"}\n"), ElementsAre(StartsWith("2:14: ")));
    EXPECT_THAT(storage_mistakes("storage: v\ntree: {disk: {name: \"\xc3\xa4\", path: x}}\n"),
                ElementsAre(StartsWith("2:21: "), StartsWith("2:32: \"x\" is a relative path")));
}

TEST(Document, ByteOrderMarkDoesNotShiftPositions) {
    EXPECT_THAT(storage_mistakes("\xef\xbb\xbfstorag: v\ntree: {disk: /a}\n"),
                ElementsAre(StartsWith("1:1: the unknown key \"storag\""), HasSubstr("1:1: a storage file without")));
}

TEST(Document, NothingInABlockListStandsAtItsDash) {
    EXPECT_THAT(storage_mistakes("storage: v\ntree:\n  mirror:\n    -\n    - disk: /a\n    - \n"),
                ElementsAre(StartsWith("4:5: nothing"), StartsWith("6:5: nothing")));
}

TEST(Document, EmptyValueBeforeAKeyThatBeginsLikeNullStandsAtItsOwnKey) {
    EXPECT_THAT(storage_mistakes("storage:\nnullable: 1\ntree: {disk: /a}\n"),
                ElementsAre(StartsWith("1:1: nothing"), StartsWith("2:1: the unknown key")));
}

TEST(Document, DeepNestingIsRefused) {
    EXPECT_THAT(storage_mistakes("storage: v\ntree: " + std::string(50'000, '[') + "\n"),
                ElementsAre(HasSubstr("not YAML: nested deeper than 64 levels")));
    EXPECT_THAT(storage_mistakes(std::string(20'000, '-').replace(1, 1, " ")), SizeIs(1));
    std::string steps;
    for (int i = 0; i < 900; ++i) steps += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    EXPECT_THAT(storage_mistakes(steps), ElementsAre(HasSubstr("nested deeper")));
    std::string dashes;
    for (int i = 0; i < 10'000; ++i) dashes += "- ";
    EXPECT_THAT(storage_mistakes(dashes), ElementsAre(HasSubstr("nested deeper")));
}

TEST(Document, MessagesCutLongTexts) {
    auto mistakes = storage_mistakes("storage: " + std::string(100'000, 'x') + "\ntree: {disk: /a}\n");
    ASSERT_THAT(mistakes, SizeIs(1));
    EXPECT_LT(mistakes[0].size(), 300u);
}

TEST(Document, MessagesEscapeControlCharacters) {
    EXPECT_THAT(storage_mistakes("storage: \"a\\nb\\e\"\ntree: {disk: /a}\n"),
                ElementsAre(StartsWith("1:10: \"a\\x0ab\\x1b\"; a storage name")));
}

struct TextCase {
    const char* name;
    std::string text;
    const char* mistake;
};

class UnreadableText : public testing::TestWithParam<TextCase> {};

TEST_P(UnreadableText, IsOneSyntaxErrorWithItsPlace) {
    EXPECT_THAT(storage_mistakes(GetParam().text), ElementsAre(StartsWith(GetParam().mistake)));
}

INSTANTIATE_TEST_SUITE_P(
    Document, UnreadableText,
    testing::Values(
        TextCase{"NulByte", std::string("storage: v\0\n", 12), "1:11: not YAML: a NUL byte"},
        TextCase{"ControlCharacter", "storage: v\ntree: \x01\n", "2:7: not YAML: a control character"},
        TextCase{"NotUtf8", "storage: \xff\n", "1:10: not YAML: a byte that is not UTF-8"},
        TextCase{"OverlongUtf8", "storage: \xc0\xaf\n", "1:10: not YAML: a byte that is not UTF-8"},
        TextCase{"CutUtf8", "storage: \xe2\x82", "1:10: not YAML: a byte that is not UTF-8"},
        TextCase{"Utf16", std::string("\xff\xfes\0t\0", 6), "1:1: not YAML: a byte that is not UTF-8"},
        TextCase{"LoneCarriageReturn", "storage: v\rtree: x\n", "1:11: not YAML: a carriage return alone"},
        TextCase{"TabIndentation", "storage: v\ntree:\n\tdisk: /a\n", "3:1: not YAML: a tab in the indentation"},
        TextCase{"TabBehindSpaces", "storage: v\ntree:\n  \tdisk: /a\n", "3:3: not YAML: a tab in the indentation"},
        TextCase{"UnclosedDoubleQuote", "storage: \"v\ntree: {disk: /a}\n", "1:10: not YAML: a quote that is not"},
        TextCase{"UnclosedSingleQuote", "storage: 'v''\ntree: {disk: /a}\n", "1:10: not YAML: a quote that is not"},
        TextCase{"ColonInPlainText", "storage: a: b\n", "1:11: not YAML: a ':' where no mapping can stand"},
        TextCase{"UnclosedList", "storage: v\ntree: {mirror: [{disk: /a}\n", "3:1: not YAML: no ']' where"},
        TextCase{"StrayBracket", "storage: v\n]\n", "2:1: not YAML: a closing bracket without"},
        TextCase{"ReservedCharacter", "storage: @v\n", "1:10: not YAML: a character that begins nothing"},
        TextCase{"TextBehindQuotes", "storage: 'v' w\n", "1:14: not YAML: something that does not belong"}),
    [](const auto& test) { return test.param.name; });

TEST(Document, TabsElsewhereAreTaken) { good_storage("storage:\tv\t# name\n\t# a comment\n\t\ntree: {disk:\t/a}\n"); }

TEST(Document, ManyMistakesAreReportedInGoodTime) {
    std::string text;
    for (int i = 0; i < 5'000; ++i) text += "key" + std::to_string(i) + ": 1\n";
    EXPECT_THAT(storage_mistakes(text), SizeIs(5'002));
}

}  // namespace
}  // namespace dst::yaml
