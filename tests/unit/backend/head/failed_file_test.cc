#include "head/failed_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/run_dir.h"
#include "support/temp_folder.h"

namespace dst {
namespace {

HeadOptions options_in(const std::string& run_dir) { return {run_dir, "/nowhere", "tgtd"}; }

TEST(FailedFile, CarriesTheReasonAndTheHead) {
    const TempFolder folder;
    ASSERT_TRUE(leave_failed_file(options_in(folder.path()), "vol0", "the disk is \"foreign\""));
    const auto failed = control::read_failed_open(folder.path(), "vol0");
    ASSERT_TRUE(failed) << failed.error().text;
    EXPECT_EQ(failed->reason, "the disk is \"foreign\"");
    EXPECT_EQ(failed->head, options_in("").head_name());
    EXPECT_EQ(failed->time.back(), 'Z');
}

TEST(FailedFile, MakesTheRunDirectory) {
    const TempFolder folder;
    EXPECT_TRUE(leave_failed_file(options_in(folder / "a/b"), "vol0", "why"));
    EXPECT_TRUE(control::read_failed_open(folder / "a/b", "vol0"));
}

TEST(FailedFile, ReplacesAnEarlierOneAndLeavesNothingBeside) {
    const TempFolder folder;
    leave_failed_file(options_in(folder.path()), "vol0", "first");
    leave_failed_file(options_in(folder.path()), "vol0", "second");
    EXPECT_EQ(control::read_failed_open(folder.path(), "vol0")->reason, "second");
    const std::filesystem::directory_iterator files(folder.path());
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(FailedFile, GoesAwayAndMayBeGoneAlready) {
    const TempFolder folder;
    leave_failed_file(options_in(folder.path()), "vol0", "why");
    remove_failed_file(options_in(folder.path()), "vol0");
    remove_failed_file(options_in(folder.path()), "vol0");
    EXPECT_FALSE(control::read_failed_open(folder.path(), "vol0"));
}

TEST(FailedFile, SaysWhenTheRunDirectoryCannotBeMade) {
    const TempFolder folder;
    std::ofstream(folder / "file") << "x";
    EXPECT_FALSE(leave_failed_file(options_in(folder / "file/run"), "vol0", "why"));
    const auto made = make_run_dir(folder / "file/run");
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().text.find("file/run"), std::string::npos);
}

}  // namespace
}  // namespace dst
