#include "disk/medium_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "disk/incarnation.h"
#include "disk/probe.h"
#include "support/disk_bench.h"
#include "support/loop_device.h"

namespace dst {
namespace {

class BlockDeviceTest : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        make_file(folder.file("backing"), 16 * mib);
        device = std::make_unique<LoopDevice>(folder.file("backing"));
        if (device->path.empty()) GTEST_SKIP() << "no loop devices here";
        options.run_dir = folder.file("run");
        options.own_buffers = GetParam();
    }
    TemporaryFolder folder;
    std::unique_ptr<LoopDevice> device;
    DiskOptions options;
};

INSTANTIATE_TEST_SUITE_P(Buffers, BlockDeviceTest, testing::Bool(),
                         [](const auto& kind) { return kind.param ? "own" : "caller"; });

TEST_P(BlockDeviceTest, DoesEveryOperation) {
    DiskBench bench(device->path, options);
    const Error error = bench.open();
    ASSERT_EQ(error.code, Errc::ok) << to_string(error);
    EXPECT_EQ(bench.disk.geometry().size_bytes, 16 * mib);
    EXPECT_TRUE(bench.disk.direct());
    Bytes bytes(2 * mib, std::byte{0x5a});
    EXPECT_EQ(bench.write(mib, bytes, true), Errc::ok);
    EXPECT_EQ(bench.run(Operation::flush, {}), Errc::ok);
    EXPECT_EQ(bench.read(mib, bytes.size()), bytes);
    EXPECT_EQ(bench.run(Operation::unmap, {mib, mib}, {}, true), Errc::ok);
    EXPECT_EQ(bench.run(Operation::write_zeroes, {2 * mib, 512}), Errc::ok);
    EXPECT_EQ(bench.read(mib, mib), Bytes(mib));
    EXPECT_EQ(bench.read(2 * mib, 512), Bytes(512));
    EXPECT_EQ(bench.read(2 * mib + 512, 512), Bytes(512, std::byte{0x5a}));
    Bytes digest(16);
    EXPECT_EQ(bench.run(Operation::checksum, {0, mib}, {{digest.data(), 16}}, false, mib), Errc::ok);
    EXPECT_EQ(bench.downs, 0);
}

TEST_P(BlockDeviceTest, IsOpenedExclusively) {
    DiskBench first(device->path, options);
    ASSERT_EQ(first.open().code, Errc::ok);
    DiskBench second(device->path, options);
    const Error error = second.open();
    EXPECT_EQ(error.code, Errc::busy);
    EXPECT_NE(error.text.find("[" + std::to_string(getpid()) + "]"), std::string::npos) << error.text;
}

TEST_P(BlockDeviceTest, HasAnotherIncarnationWhenAttachedAnew) {
    Incarnation before;
    {
        DiskBench bench(device->path, options);
        ASSERT_EQ(bench.open().code, Errc::ok);
        before = bench.disk.incarnation();
    }
    device.reset();
    device = std::make_unique<LoopDevice>(folder.file("backing"));
    ASSERT_FALSE(device->path.empty());
    DiskBench bench(device->path, options);
    ASSERT_EQ(bench.open().code, Errc::ok);
    EXPECT_NE(bench.disk.incarnation(), before);
}

/// Another user than root, until it ends.
class Unprivileged {
public:
    Unprivileged() : changed_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
    ~Unprivileged() { EXPECT_TRUE(!changed_ || ::seteuid(0) == 0); }
    Unprivileged(const Unprivileged&) = delete;
    Unprivileged& operator=(const Unprivileged&) = delete;

private:
    bool changed_;
};

TEST(MediumFile, AnotherUsersDiskNeedsAnotherOwnerOrMode) {
    const TemporaryFolder folder;
    const std::string path = folder.file("medium");
    make_file(path, mib);
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    const Unprivileged unprivileged;
    const auto opened = open_medium(path, {});
    ASSERT_TRUE(opened.has_error());
    EXPECT_EQ(opened.error().code, Errc::refused);
    const std::string user = "the user that this process runs as (uid " + std::to_string(::geteuid()) + ")";
    EXPECT_NE(opened.error().text.find(path), std::string::npos) << opened.error().text;
    EXPECT_NE(opened.error().text.find(user + " may not open it: change its owner or mode"), std::string::npos)
        << opened.error().text;
}

class IncarnationTest : public testing::Test {
protected:
    void SetUp() override {
        make_file(medium(), mib);
        fd = OwnedFd(::open(medium().c_str(), O_RDWR | O_CLOEXEC));
    }
    std::string medium() const { return folder.file("medium"); }
    std::unique_ptr<IncarnationKeeper> open(std::uint64_t size_bytes = 4096) {
        return IncarnationKeeper::open(folder.file("run"), fd.get(), size_bytes);
    }

    TemporaryFolder folder;
    OwnedFd fd;
};

TEST_F(IncarnationTest, StaysTheSameFromOneOpenerToTheNext) {
    const Incarnation first = open()->incarnation();
    EXPECT_FALSE(first.id.is_nil());
    EXPECT_EQ(open()->incarnation(), first);
}

TEST_F(IncarnationTest, StaysTheSameAfterFlushesThatSucceeded) {
    auto keeper = open();
    keeper->flush_begins();
    keeper->flush_begins();
    keeper->flush_ended(true);
    keeper->flush_ended(true);
    EXPECT_EQ(open()->incarnation(), keeper->incarnation());
}

TEST_F(IncarnationTest, ChangesWhenTheEndOfAFlushWasNotSeen) {
    auto keeper = open();
    const Incarnation before = keeper->incarnation();
    keeper->flush_begins();
    keeper->flush_begins();
    keeper->flush_ended(true);
    keeper.reset();
    EXPECT_NE(open()->incarnation(), before);
}

TEST_F(IncarnationTest, ChangesWhenAFlushFailedEvenIfLaterOnesSucceed) {
    auto keeper = open();
    const Incarnation before = keeper->incarnation();
    keeper->flush_begins();
    keeper->flush_ended(false);
    keeper->flush_begins();
    keeper->flush_ended(true);
    keeper.reset();
    const Incarnation after = open()->incarnation();
    EXPECT_NE(after, before);
    EXPECT_EQ(open()->incarnation(), after) << "the new number lasts";
}

TEST_F(IncarnationTest, ChangesWhenTheMediumIsSmallerThanItWas) {
    const Incarnation before = open(2 * mib)->incarnation();
    EXPECT_EQ(open(3 * mib)->incarnation(), before) << "growing loses nothing";
    const Incarnation after = open(2 * mib)->incarnation();
    EXPECT_NE(after, before);
    EXPECT_EQ(open(3 * mib)->incarnation(), after) << "grown again it has not got back what it lost";
}

TEST_F(IncarnationTest, ChangesWhenTheOpenerSawItLoseData) {
    auto keeper = open();
    const Incarnation before = keeper->incarnation();
    keeper->drop();
    keeper->flush_begins();
    keeper->flush_ended(true);
    keeper.reset();
    EXPECT_NE(open()->incarnation(), before);
}

TEST_F(IncarnationTest, ChangesWhenTheRunDirectoryWasLost) {
    const Incarnation before = open()->incarnation();
    std::filesystem::remove_all(folder.file("run"));
    EXPECT_NE(open()->incarnation(), before);
}

TEST_F(IncarnationTest, ChangesWhenTheMediumIsAnotherFile) {
    const Incarnation before = open()->incarnation();
    std::filesystem::remove(medium());
    fd.reset();
    make_file(medium(), mib);
    fd = OwnedFd(::open(medium().c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_NE(open()->incarnation(), before);
}

/// A copy that is put in its place, perhaps of an older state.
TEST_F(IncarnationTest, NamesTheFile) {
    const Incarnation before = open()->incarnation();
    EXPECT_TRUE(is_of_disks(before));
    std::filesystem::remove_all(folder.file("run"));
    EXPECT_TRUE(same_file(before, open()->incarnation()));
    std::filesystem::copy_file(medium(), folder.file("copy"));
    std::filesystem::rename(folder.file("copy"), medium());
    const OwnedFd copy(::open(medium().c_str(), O_RDWR | O_CLOEXEC));
    const auto other = IncarnationKeeper::open(folder.file("run"), copy.get(), 4096)->incarnation();
    EXPECT_FALSE(same_file(before, other));
    EXPECT_TRUE(same_data(before, other));
}

TEST_F(IncarnationTest, ADamagedFileMeansANewNumber) {
    const Incarnation before = open()->incarnation();
    for (const auto& entry : std::filesystem::directory_iterator(folder.file("run/incarnations"))) {
        std::filesystem::resize_file(entry.path(), 20);
    }
    EXPECT_NE(open()->incarnation(), before);
}

TEST_F(IncarnationTest, IsNewEveryTimeAndSaysWhyWhereItCannotBeKept) {
    std::ofstream(folder.file("run")) << "in the way";
    const auto first = open();
    EXPECT_FALSE(first->problem().empty());
    EXPECT_NE(open()->incarnation(), first->incarnation());
}

class ProbeTest : public testing::Test {
protected:
    Probe probe() {
        const OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        const Result<Probe> result = probe_medium(fd.get(), path, 16 * mib);
        EXPECT_TRUE(result.has_value()) << to_string(result.error());
        return result.has_value() ? *result : Probe{};
    }
    /// False when the tool is missing.
    bool make(const std::string& command) const {
        return std::system(("PATH=$PATH:/usr/sbin:/sbin; " + command + " >/dev/null 2>&1").c_str()) == 0;
    }
    void SetUp() override { make_file(path, 16 * mib); }

    TemporaryFolder folder;
    std::string path = folder.file("medium");
};

TEST_F(ProbeTest, KnowsThatAHoleReadsAsZero) {
    EXPECT_EQ(probe().found, "");
    EXPECT_TRUE(probe().zeroes_known);
}

TEST_F(ProbeTest, ALabelAtTheEndDoesNotCountAsData) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(16 * mib - 4096));
    file << "label";
    file.close();
    EXPECT_TRUE(probe().zeroes_known);
}

TEST_F(ProbeTest, DataOfAnyKindAreNotKnownToBeZero) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(8 * mib));
    file << "data";
    file.close();
    EXPECT_EQ(probe().found, "");
    EXPECT_FALSE(probe().zeroes_known);
}

TEST_F(ProbeTest, NamesAFilesystem) {
    if (!make("mkfs.ext4 -F " + path)) GTEST_SKIP() << "no mkfs.ext4";
    EXPECT_EQ(probe().found, "ext4 filesystem");
}

TEST_F(ProbeTest, NamesAPartitionTable) {
    if (!make("echo ',,L' | sfdisk --label gpt " + path)) GTEST_SKIP() << "no sfdisk";
    EXPECT_EQ(probe().found, "GPT partition table");
}

TEST_F(ProbeTest, NamesADosPartitionTable) {
    // One Linux partition from sector 64 on, 1000 sectors.
    const std::array<unsigned char, 16> entry{0, 0, 2, 0, 0x83, 0, 2, 0, 64, 0, 0, 0, 0xe8, 3, 0, 0};
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(446);
    file.write(reinterpret_cast<const char*>(entry.data()), entry.size());
    file.seekp(510);
    file.write("\x55\xaa", 2);
    file.close();
    EXPECT_EQ(probe().found, "DOS partition table");
}

TEST_F(ProbeTest, NamesSwap) {
    if (!make("mkswap " + path)) GTEST_SKIP() << "no mkswap";
    EXPECT_EQ(probe().found, "swap");
}

}  // namespace
}  // namespace dst
