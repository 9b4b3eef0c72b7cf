#include "control/run_dir.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace dst::control {
namespace {

class RunDirTest : public testing::Test {
protected:
    RunDirTest() {
        std::string pattern = testing::TempDir() + "dst-run-" + std::string(6, 'X');
        folder_ = ::mkdtemp(pattern.data());
    }
    ~RunDirTest() override { std::filesystem::remove_all(folder_); }

    void put(const std::string& text) { std::ofstream(failed_path(folder_, "vol0")) << text; }

    std::string folder_;
};

TEST(RunDir, NamesAreMadeFromTheStorage) {
    EXPECT_EQ(socket_path("/run/dst", "vol0"), "/run/dst/vol0.sock");
    EXPECT_EQ(failed_path("/run/dst/", "vol0"), "/run/dst/vol0.failed");
    EXPECT_EQ(lock_path("/run/dst", "vol0"), "/run/dst/vol0.lock");
}

TEST(RunDir, EnvironmentOverridesTheDefault) {
    ::setenv("DST_RUN_DIR", "/tmp/elsewhere", 1);
    EXPECT_EQ(default_run_dir(), "/tmp/elsewhere");
    ::setenv("DST_RUN_DIR", "", 1);
    EXPECT_EQ(default_run_dir(), "/run/dst");
    ::unsetenv("DST_RUN_DIR");
    EXPECT_EQ(default_run_dir(), "/run/dst");
}

TEST_F(RunDirTest, FailedOpenComesBackAsItWasLeft) {
    const FailedOpen failed{"vol0", "2026-02-03T04:05:06.789Z", "the label says \"vol1\"", "tgtd[12]"};
    put(encode_failed_open(failed));
    const auto read = read_failed_open(folder_, "vol0");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, failed);
}

TEST_F(RunDirTest, AReasonThatIsTooLongIsCutBetweenLines) {
    std::string reason;
    while (reason.size() < 100'000) reason += "line " + std::to_string(reason.size()) + ": unknown key\n";
    put(encode_failed_open({"vol0", "2026-02-03T04:05:06.789Z", reason, "tgtd[12]", "/etc/dst/vol0.yaml"}));
    const auto read = read_failed_open(folder_, "vol0");
    ASSERT_TRUE(read) << read.error().text;
    const std::string more = "\n… and more";
    ASSERT_TRUE(read->reason.ends_with(more));
    const std::string kept = read->reason.substr(0, read->reason.size() - more.size());
    EXPECT_TRUE(reason.starts_with(kept + "\n"));
    EXPECT_GT(kept.size(), 16'000u);
    EXPECT_LT(kept.size(), 17'000u);
    EXPECT_EQ(read->head, "tgtd[12]");
}

TEST_F(RunDirTest, AReasonOfOneLongLineIsCutBetweenCharacters) {
    std::string reason = "x";
    while (reason.size() < 100'000) reason += "€";
    put(encode_failed_open({"vol0", "2026-02-03T04:05:06.789Z", reason, "tgtd[12]", ""}));
    const auto read = read_failed_open(folder_, "vol0");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_TRUE(read->reason.ends_with("€… and more"));
}

TEST_F(RunDirTest, TheLongestTextsCanBeReadHoweverJsonWritesThem) {
    const std::string reason(100'000, '\x01');
    const std::string path(4096, '\x01');
    put(encode_failed_open({std::string(255, '\x01'), "2026-02-03T04:05:06.789Z", reason, "tgtd[12]", path}));
    const auto read = read_failed_open(folder_, "vol0");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->file, path);
}

TEST_F(RunDirTest, NoFailedFileIsNotFound) {
    const auto read = read_failed_open(folder_, "vol0");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::not_found);
}

TEST_F(RunDirTest, AHalfWrittenFailedFileIsCorruptAndNamed) {
    put("{\"storage\":\"vol0\",");
    const auto read = read_failed_open(folder_, "vol0");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::corrupt);
    EXPECT_NE(read.error().text.find("vol0.failed"), std::string::npos);
}

TEST_F(RunDirTest, AFailedFileWithoutReasonIsCorrupt) {
    put("{\"storage\":\"vol0\"}\n");
    EXPECT_EQ(read_failed_open(folder_, "vol0").error().code, Errc::corrupt);
}

}  // namespace
}  // namespace dst::control
