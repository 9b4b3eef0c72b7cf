#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include <cstring>
#include <deque>
#include <random>

#include "asio/owned_fd.h"
#include "disk/file_disk.h"
#include "support/disk_bench.h"
#include "support/page_cache.h"

namespace dst {
namespace {

constexpr std::uint64_t block = 4096;

/// A disk in a file whose reads go through the page cache. Skipped where the filesystem is none of those that are known
/// to keep page cache and direct writes in agreement.
class PageCacheTest : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        const OwnedFd made(open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        ASSERT_TRUE(made);
        ASSERT_EQ(posix_fallocate(made.get(), 0, size), 0);
        options.run_dir = folder.file("run");
        options.own_buffers = GetParam();
        bench = std::make_unique<DiskBench>(path(), options);
        ASSERT_EQ(bench->open().code, Errc::ok);
        if (!bench->disk.cached_reads()) GTEST_SKIP() << folder.path() << " is not on ext4 or XFS";
    }
    std::string path() const { return folder.file("disk"); }

    bool in_page_cache(std::uint64_t offset) const { return dst::in_page_cache(path(), offset); }

    static constexpr std::uint64_t size = 8u << 20;
    TemporaryFolder folder;
    DiskOptions options;
    std::unique_ptr<DiskBench> bench;
};

INSTANTIATE_TEST_SUITE_P(Buffers, PageCacheTest, testing::Bool(),
                         [](const auto& own) { return std::string(own.param ? "own" : "caller"); });

TEST_P(PageCacheTest, KeepsWhatWasReadAndDropsWhatIsWritten) {
    Bytes first(block, std::byte{1});
    ASSERT_EQ(bench->write(block, first), Errc::ok);
    EXPECT_FALSE(in_page_cache(block)) << "writes are direct";
    EXPECT_EQ(bench->read(block, block), first);
    EXPECT_TRUE(in_page_cache(block));
    EXPECT_FALSE(in_page_cache(2 * block)) << "nothing is read ahead";

    Bytes second(block, std::byte{2});
    ASSERT_EQ(bench->write(block, second), Errc::ok);
    EXPECT_FALSE(in_page_cache(block));
    EXPECT_EQ(bench->read(block, block), second);

    ASSERT_EQ(bench->run(Operation::write_zeroes, {block, block}), Errc::ok);
    EXPECT_EQ(bench->read(block, block), Bytes(block));
    ASSERT_EQ(bench->write(block, first), Errc::ok);
    EXPECT_EQ(bench->read(block, block), first);
    ASSERT_EQ(bench->run(Operation::unmap, {block, block}), Errc::ok);
    EXPECT_EQ(bench->read(block, block), Bytes(block));
}

TEST_P(PageCacheTest, ALargeReadGoesThroughItTheSecondTime) {
    Bytes bytes(1u << 20, std::byte{3});
    ASSERT_EQ(bench->write(0, bytes), Errc::ok);
    EXPECT_EQ(bench->read(0, bytes.size()), bytes);
    EXPECT_FALSE(in_page_cache(0));
    EXPECT_EQ(bench->read(0, bytes.size()), bytes);
    EXPECT_TRUE(in_page_cache(0));
    EXPECT_EQ(bench->read(0, bytes.size()), bytes);
    bytes.assign(bytes.size(), std::byte{4});
    ASSERT_EQ(bench->write(0, bytes), Errc::ok);
    EXPECT_FALSE(in_page_cache(0));
    EXPECT_EQ(bench->read(0, bytes.size()), bytes);
}

TEST_P(PageCacheTest, ChecksumsPassItBy) {
    Bytes bytes(block, std::byte{3});
    ASSERT_EQ(bench->write(0, bytes), Errc::ok);
    Bytes digest(16);
    ASSERT_EQ(bench->run(Operation::checksum, {0, block}, {{digest.data(), digest.size()}}, false, block), Errc::ok);
    EXPECT_FALSE(in_page_cache(0)) << "a comparison of members asks the media";
}

TEST_P(PageCacheTest, TakesMemoryAndLengthsThatADirectReadDoesNot) {
    Bytes bytes(3 * 512, std::byte{4});
    ASSERT_EQ(bench->write(512, bytes), Errc::ok);
    Bytes into(bytes.size() + 1);
    ASSERT_EQ(bench->run(Operation::read, {512, bytes.size()}, {{into.data() + 1, 700}, {into.data() + 701, 836}}),
              Errc::ok);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), into.begin() + 1));
}

// A read that runs beside a write may bring the old block into the page cache; it must not stay there. Every block has
// one writer, which counts; reads of it are always in flight.
TEST_P(PageCacheTest, AReadBesideAWriteLeavesNothingOldBehind) {
    constexpr std::size_t blocks = 4;
    constexpr std::uint32_t rounds = 3000;
    struct Read {
        Bytes bytes = Bytes(block);
        std::uint32_t at_least = 0;
        std::unique_ptr<DiskBench::Order> order;
    };
    struct Block {
        std::uint32_t written = 0;  ///< by the newest write that ended
        Bytes bytes = Bytes(block);
        std::unique_ptr<DiskBench::Order> write;
        std::deque<Read> reads;
    };
    std::array<Block, blocks> all;
    for (Block& each : all)
        ASSERT_EQ(bench->write(block * static_cast<std::uint64_t>(&each - all.data()), each.bytes), Errc::ok);

    const auto number = [](const Bytes& bytes) {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    };
    bool old = false;
    const auto step = [&]() {
        bool more = false;
        for (Block& each : all) {
            const Extent extent{block * static_cast<std::uint64_t>(&each - all.data()), block};
            if (each.write && each.write->done) {
                EXPECT_EQ(each.write->request.result, Errc::ok);
                each.written = number(each.bytes);
                each.write.reset();
            }
            while (!each.reads.empty() && each.reads.front().order->done) {
                Read& read = each.reads.front();
                EXPECT_EQ(read.order->request.result, Errc::ok);
                old = old || number(read.bytes) < read.at_least;
                each.reads.pop_front();
            }
            while (each.reads.size() < 3 && each.written < rounds) {
                Read& read = each.reads.emplace_back();
                read.at_least = each.written;
                read.order = bench->start(Operation::read, extent, {{read.bytes.data(), block}});
            }
            if (!each.write && each.written < rounds) {
                const std::uint32_t next = each.written + 1;
                std::memcpy(each.bytes.data(), &next, sizeof next);
                each.write = bench->start(Operation::write, extent, {{each.bytes.data(), block}});
            }
            more = more || each.write || !each.reads.empty();
        }
        return more;
    };
    Task turn(bench->loop, [&] {
        if (step()) {
            turn.post();
        } else {
            bench->loop.stop();
        }
    });
    turn.post();
    bench->loop.run();
    EXPECT_FALSE(old) << "a read saw less than the write that had ended before it began";
    for (const Block& each : all) {
        const Bytes now = bench->read(block * static_cast<std::uint64_t>(&each - all.data()), block);
        EXPECT_EQ(number(now), rounds);
    }
}

/// Writes beyond `size_bytes` of any file fail while it lives.
class FileSizeLimit {
public:
    explicit FileSizeLimit(std::uint64_t size_bytes) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit now{size_bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &now);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

TEST_P(PageCacheTest, AWriteOfPartOfAPageThatFailedLeavesNothingOfThePageBehind) {
    const std::uint32_t sector = bench->disk.geometry().logical_block_bytes;
    if (sector >= block) GTEST_SKIP() << "nothing smaller than a page is written to " << folder.path();
    const std::uint64_t place = size / 2;
    Bytes bytes(2 * block - 2 * sector, std::byte{5});
    const OwnedFd reader(open(path().c_str(), O_RDONLY | O_CLOEXEC));
    Bytes pages(2 * block);
    ASSERT_EQ(pread(reader.get(), pages.data(), pages.size(), static_cast<off_t>(place)), 2 * block);
    ASSERT_TRUE(in_page_cache(place) && in_page_cache(place + block));

    const FileSizeLimit limit(place);
    ASSERT_NE(bench->write(place + sector, bytes), Errc::ok);
    EXPECT_FALSE(in_page_cache(place)) << "who knows what the disk has of it";
    EXPECT_FALSE(in_page_cache(place + block));
}

TEST_P(PageCacheTest, CanBeTurnedOff) {
    bench->close();
    options.cached_reads = false;
    DiskBench direct(path(), options);
    ASSERT_EQ(direct.open().code, Errc::ok);
    EXPECT_FALSE(direct.disk.cached_reads());
    static_cast<void>(direct.read(0, block));
    EXPECT_FALSE(in_page_cache(0));
}

}  // namespace
}  // namespace dst
