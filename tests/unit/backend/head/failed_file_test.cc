#include "head/failed_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/run_dir.h"
#include "support/temp_folder.h"

namespace dst {
namespace {

HeadOptions options_in(const std::string& run_dir) { return {run_dir, "/nowhere", "tgtd"}; }

TEST(FailedFile, CarriesTheReasonAndTheHead) {
    const TempFolder folder;
    ASSERT_TRUE(leave_failed_file(options_in(folder.path()), "vol0", "/etc/dst/vol0.yaml", "the disk is \"foreign\""));
    const auto failed = control::read_failed_open(folder.path(), "vol0");
    ASSERT_TRUE(failed) << failed.error().text;
    EXPECT_EQ(failed->reason, "the disk is \"foreign\"");
    EXPECT_EQ(failed->head, options_in("").head_name());
    EXPECT_EQ(failed->file, "/etc/dst/vol0.yaml");
    EXPECT_EQ(failed->time.back(), 'Z');
}

TEST(FailedFile, MakesTheRunDirectory) {
    const TempFolder folder;
    EXPECT_TRUE(leave_failed_file(options_in(folder / "a/b"), "vol0", "", "why"));
    EXPECT_TRUE(control::read_failed_open(folder / "a/b", "vol0"));
}

TEST(FailedFile, ReplacesAnEarlierOneAndLeavesNothingBeside) {
    const TempFolder folder;
    leave_failed_file(options_in(folder.path()), "vol0", "", "first");
    leave_failed_file(options_in(folder.path()), "vol0", "", "second");
    EXPECT_EQ(control::read_failed_open(folder.path(), "vol0")->reason, "second");
    const std::filesystem::directory_iterator files(folder.path());
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(FailedFile, GoesAwayAndMayBeGoneAlready) {
    const TempFolder folder;
    leave_failed_file(options_in(folder.path()), "vol0", "", "why");
    remove_failed_files(options_in(folder.path()), "vol0", "");
    remove_failed_files(options_in(folder.path()), "vol0", "");
    EXPECT_FALSE(control::read_failed_open(folder.path(), "vol0"));
}

TEST(FailedFile, OfANameThatWasCorrectedInTheSameStorageFileGoesAwayToo) {
    const TempFolder folder;
    const HeadOptions options = options_in(folder.path());
    leave_failed_file(options, "vlo0", "/etc/dst/vol0.yaml", "why");
    leave_failed_file(options, "vol1", "/etc/dst/vol1.yaml", "why");
    leave_failed_file(options, "vol2", "", "why");
    remove_failed_files(options, "vol0", "/etc/dst/vol0.yaml");
    EXPECT_FALSE(control::read_failed_open(folder.path(), "vlo0"));
    EXPECT_TRUE(control::read_failed_open(folder.path(), "vol1"));
    remove_failed_files(options, "vol3", "");
    EXPECT_TRUE(control::read_failed_open(folder.path(), "vol2"));
}

TEST(FailedFile, OfAStorageFileThatDoesNotExistGoesAwayAfterAWhile) {
    const TempFolder folder;
    const HeadOptions options = options_in(folder.path());
    std::ofstream(folder / "vol1.yaml") << "x";
    leave_failed_file(options, "vlo0", folder / "vlo0.yaml", "cannot be opened");
    leave_failed_file(options, "vol1", folder / "vol1.yaml", "a mistake");
    remove_stale_failed_files(options);
    EXPECT_TRUE(control::read_failed_open(folder.path(), "vlo0"));
    remove_stale_failed_files(options, std::chrono::seconds(0));
    EXPECT_FALSE(control::read_failed_open(folder.path(), "vlo0"));
    EXPECT_TRUE(control::read_failed_open(folder.path(), "vol1"));
}

TEST(FailedFile, ThatNobodyCanReadGoesAwayAfterAWhile) {
    const TempFolder folder;
    const HeadOptions options = options_in(folder.path());
    const std::string path = control::failed_path(folder.path(), "vol0");
    std::ofstream(path) << "{\"storage\":\"vol0\",\"reason\":\"half";
    std::filesystem::create_directory(control::failed_path(folder.path(), "folder"));
    remove_stale_failed_files(options);
    EXPECT_TRUE(std::filesystem::exists(path));
    remove_failed_files(options, "vol1", "/etc/dst/vol1.yaml");
    EXPECT_TRUE(std::filesystem::exists(path));
    remove_stale_failed_files(options, std::chrono::seconds(0));
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(FailedFile, OfAHeadThatHasEndedGoesAwayAfterAWhile) {
    const TempFolder folder;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const std::string gone = "tgtd[" + std::to_string(child) + "]";
    std::ofstream(control::failed_path(folder.path(), "vol0"))
        << control::encode_failed_open({"vol0", "2026-01-02T03:04:05Z", "why", gone, folder / "vol0.yaml"});
    std::ofstream(folder / "vol0.yaml") << "x";
    remove_stale_failed_files(options_in(folder.path()));
    EXPECT_TRUE(control::read_failed_open(folder.path(), "vol0"));
    remove_stale_failed_files(options_in(folder.path()), std::chrono::seconds(0));
    EXPECT_FALSE(control::read_failed_open(folder.path(), "vol0"));
}

TEST(FailedFile, SaysWhenTheRunDirectoryCannotBeMade) {
    const TempFolder folder;
    std::ofstream(folder / "file") << "x";
    EXPECT_FALSE(leave_failed_file(options_in(folder / "file/run"), "vol0", "", "why"));
    const auto made = make_run_dir(folder / "file/run");
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().text.find("file/run"), std::string::npos);
}

}  // namespace
}  // namespace dst
