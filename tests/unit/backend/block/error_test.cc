#include "block/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace dst {
namespace {

TEST(Errc, EveryCodeHasANameAndATokenOfItsOwn) {
    std::set<std::string_view> names;
    std::set<std::string_view> tokens;
    for (std::uint8_t code = 0; code < errc_count; ++code) {
        names.insert(to_string(static_cast<Errc>(code)));
        tokens.insert(to_token(static_cast<Errc>(code)));
    }
    EXPECT_EQ(names.size(), errc_count);
    EXPECT_EQ(tokens.size(), errc_count);
    EXPECT_FALSE(tokens.contains("unknown"));
}

TEST(Errc, TokensAreDashedWords) {
    for (std::uint8_t code = 0; code < errc_count; ++code) {
        const std::string_view token = to_token(static_cast<Errc>(code));
        EXPECT_EQ(token.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << token;
    }
}

TEST(Errc, ANumberBeyondTheEndIsUnknown) {
    EXPECT_EQ(to_token(static_cast<Errc>(errc_count)), "unknown");
    EXPECT_EQ(to_string(static_cast<Errc>(255)), "unknown error");
}

TEST(Errc, ComesFromErrno) {
    EXPECT_EQ(errc_from_errno(EIO), Errc::medium_error);
    EXPECT_EQ(errc_from_errno(ENOSPC), Errc::no_space);
    EXPECT_EQ(errc_from_errno(ECONNRESET), Errc::disconnected);
    EXPECT_EQ(errc_from_errno(ENOENT), Errc::not_found);
    EXPECT_EQ(errc_from_errno(EBUSY), Errc::busy);
}

TEST(Errc, NoErrnoIsSuccess) {
    for (int error = 0; error < 200; ++error) EXPECT_NE(errc_from_errno(error), Errc::ok);
}

TEST(Error, IsShownWithItsCode) {
    EXPECT_EQ(to_string(Error{Errc::busy, "/dev/sdb is locked"}), "/dev/sdb is locked (busy)");
    EXPECT_EQ(to_string(Error{Errc::busy, ""}), "busy");
}

TEST(ErrorDeathTest, TakingTheValueOfAnErrorIsABugThatNamesIt) {
    const Result<int> result = Error{Errc::corrupt, "label of /dev/sdb"};
    EXPECT_DEATH(static_cast<void>(result.value()), "label of /dev/sdb");
}

}  // namespace
}  // namespace dst
