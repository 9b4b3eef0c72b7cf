// What a path names, against the medium that is open.
#include "disk/medium_name.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/disk_bench.h"
#include "support/loop_device.h"

namespace dst {
namespace {

class MediumName : public testing::Test {
protected:
    MediumName() {
        make("disk", mib);
        options.run_dir = folder.file("run");
        bench = std::make_unique<DiskBench>(path(), options);
        EXPECT_EQ(bench->open().code, Errc::ok);
    }
    std::string path() const { return folder.file("disk"); }
    std::string make(const std::string& name, std::uint64_t size) const {
        std::ofstream(folder.file(name)).close();
        std::filesystem::resize_file(folder.file(name), size);
        return folder.file(name);
    }
    NameFinding look() {
        std::optional<NameFinding> found;
        bench->disk.look_at_name([&](NameFinding finding) { found = finding; });
        EXPECT_FALSE(found) << "answered from inside";
        EXPECT_TRUE(run_until(bench->loop, [&] { return found.has_value(); }));
        return found.value_or(NameFinding::same);
    }
    /// As a Medium does when the name stands for another one.
    Error open_anew() {
        bench->disk.cut({Errc::changed, "replaced"});
        EXPECT_TRUE(run_until(bench->loop, [&] { return bench->downs == 1; }));
        return bench->open();
    }

    TemporaryFolder folder;
    DiskOptions options;
    std::unique_ptr<DiskBench> bench;
};

TEST_F(MediumName, IsTheSameWhileNothingHappens) {
    EXPECT_EQ(look(), NameFinding::same);
    Bytes bytes(4096, std::byte{1});
    EXPECT_EQ(bench->write(0, bytes), Errc::ok);
    EXPECT_EQ(look(), NameFinding::same);
}

TEST_F(MediumName, OfAFileThatWasRenamedOverItIsAnother) {
    std::filesystem::rename(make("new", 2 * mib), path());
    EXPECT_EQ(look(), NameFinding::another);
    EXPECT_TRUE(bench->disk.up());
    const Incarnation before = bench->disk.incarnation();
    EXPECT_EQ(open_anew().code, Errc::ok);
    EXPECT_EQ(bench->disk.geometry().size_bytes, 2 * mib);
    EXPECT_NE(bench->disk.incarnation(), before);
    EXPECT_EQ(look(), NameFinding::same);
}

TEST_F(MediumName, OfAFileThatHasGoneSaysNothingAgainstIt) {
    std::filesystem::rename(path(), folder.file("away"));
    EXPECT_EQ(look(), NameFinding::same);
    std::filesystem::rename(folder.file("away"), path());
    EXPECT_EQ(look(), NameFinding::same);
}

TEST_F(MediumName, OfWhatCannotBeAMediumSaysNothingAgainstIt) {
    std::filesystem::rename(make("empty", 0), path());
    EXPECT_EQ(look(), NameFinding::same);
    std::filesystem::remove(path());
    std::filesystem::create_directory(path());
    EXPECT_EQ(look(), NameFinding::same);
}

TEST_F(MediumName, SeesThatItGrew) {
    std::filesystem::resize_file(path(), 2 * mib);
    EXPECT_EQ(look(), NameFinding::grown);
}

TEST_F(MediumName, OneThatShrankMayHaveForgottenThoughItIsWholeAgain) {
    const Incarnation before = bench->disk.incarnation();
    std::filesystem::resize_file(path(), mib / 2);
    EXPECT_EQ(look(), NameFinding::shrunk);
    std::filesystem::resize_file(path(), mib);
    EXPECT_EQ(open_anew().code, Errc::ok);
    EXPECT_NE(bench->disk.incarnation(), before);
}

TEST_F(MediumName, IsTheSameWhileItIsNotOpen) {
    bench->disk.cut({Errc::changed, "cut"});
    std::filesystem::rename(make("new", 2 * mib), path());
    EXPECT_EQ(look(), NameFinding::same);
}

TEST_F(MediumName, ALookEndsWhenTheDiskGoesDownAndItCanBeOpenedAgain) {
    int answers = 0;
    bench->disk.look_at_name([&](NameFinding found) {
        ++answers;
        EXPECT_EQ(found, NameFinding::same);
    });
    EXPECT_EQ(open_anew().code, Errc::ok);
    EXPECT_EQ(answers, 1);
    std::optional<Result<Probe>> probed;
    bench->disk.probe([&](Result<Probe> result) { probed = std::move(result); });
    bench->downs = 0;
    EXPECT_EQ(open_anew().code, Errc::ok);
    ASSERT_TRUE(probed.has_value());
    EXPECT_EQ(probed->error().code, Errc::disconnected);
    EXPECT_EQ(look(), NameFinding::same);
}

TEST_F(MediumName, ALookEndsWithTheDisk) {
    int answers = 0;
    bench->disk.look_at_name([&](NameFinding) { ++answers; });
    bench->close();
    EXPECT_EQ(answers, 1);
}

TEST_F(MediumName, OfABlockDeviceIsTheDeviceAndNotItsNode) {
    make("backing", mib);
    make("other", mib);
    const LoopDevice device(folder.file("backing"));
    const LoopDevice other(folder.file("other"));
    if (device.path.empty() || other.path.empty()) GTEST_SKIP() << "no loop devices here";
    const std::string link = folder.file("link");
    std::filesystem::create_symlink(device.path, link);
    bench = std::make_unique<DiskBench>(link, options);
    const Error error = bench->open();
    ASSERT_EQ(error.code, Errc::ok) << to_string(error);
    EXPECT_EQ(look(), NameFinding::same);
    std::filesystem::create_symlink(device.path, folder.file("again"));
    std::filesystem::rename(folder.file("again"), link);
    EXPECT_EQ(look(), NameFinding::same);
    std::filesystem::create_symlink(other.path, folder.file("again"));
    std::filesystem::rename(folder.file("again"), link);
    EXPECT_EQ(look(), NameFinding::another);
    std::filesystem::rename(make("file", mib), link);
    EXPECT_EQ(look(), NameFinding::another) << "a file in a device's place";
}

}  // namespace
}  // namespace dst
