#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <deque>
#include <memory>

#include "disk/disk_engine.h"
#include "support/disk_bench.h"
#include "support/page_cache.h"

namespace dst {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t read_bytes = 4096;

/// An engine over a file with a page cache, at times that the test says. What is started goes to the kernel with
/// finish(), and not before. Skipped where the filesystem is none of those whose page cache is used.
class PageCacheStallTest : public testing::Test {
protected:
    struct Read {
        Request request;
        Bytes bytes;
        Piece piece;
        bool done = false;
    };

    void SetUp() override {
        const OwnedFd made(open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        ASSERT_EQ(posix_fallocate(made.get(), 0, 8 * mib), 0);
        options_.run_dir = folder_.file("run");
        Result<OpenedMedium> medium = open_medium(path(), options_);
        ASSERT_TRUE(medium) << medium.error().text;
        if (!medium->page_cache) GTEST_SKIP() << folder_.path() << " is not on ext4 or XFS";
        Result<std::unique_ptr<Ring>> ring = Ring::make();
        ASSERT_TRUE(ring) << ring.error().text;
        engine_ = std::make_unique<DiskEngine>(std::move(*medium), std::move(*ring), false);
    }

    Read& start(const Extent& extent, TimePoint now) {
        Read& read = reads_.emplace_back();
        read.bytes.resize(extent.length);
        read.piece = {read.bytes.data(), read.bytes.size()};
        read.request.operation = Operation::read;
        read.request.extent = extent;
        read.request.pieces = Pieces(&read.piece, 1);
        read.request.owner = &read;
        read.request.done = [](Request& request) {
            EXPECT_EQ(request.result, Errc::ok);
            static_cast<Read*>(request.owner)->done = true;
        };
        EXPECT_TRUE(engine_->start(read.request, now));
        return read;
    }
    void finish() {
        while (!engine_->idle()) {
            ASSERT_EQ(engine_->ring().submit(), 0);
            pollfd ready{engine_->ring().fd(), POLLIN, 0};
            ASSERT_EQ(poll(&ready, 1, 10'000), 1);
            engine_->reap();
        }
    }
    std::string path() const { return folder_.file("disk"); }

    TimePoint begin_{1'000'000'000};
    TemporaryFolder folder_;
    DiskOptions options_;
    std::unique_ptr<DiskEngine> engine_;
    std::deque<Read> reads_;
};

TEST_F(PageCacheStallTest, WhatIsInMemoryIsReadThereUntilTheDiskStalls) {
    start({0, read_bytes}, begin_);
    finish();
    ASSERT_TRUE(in_page_cache(path(), 0));
    start({mib, mib}, begin_);  // is not answered
    EXPECT_TRUE(start({0, read_bytes}, begin_ + 100ms).done);
    const Read& late = start({0, read_bytes}, begin_ + 101ms);
    EXPECT_FALSE(late.done) << "the call could wait for the disk";
    finish();
    EXPECT_TRUE(late.done);
    EXPECT_TRUE(start({0, read_bytes}, begin_ + 102ms).done) << "it has answered";
}

TEST_F(PageCacheStallTest, NothingIsReadThroughItWhileTheDiskStalls) {
    start({mib, mib}, begin_);
    start({0, read_bytes}, begin_ + 101ms);
    finish();
    EXPECT_FALSE(in_page_cache(path(), 0));
    start({0, read_bytes}, begin_ + 102ms);
    finish();
    EXPECT_TRUE(in_page_cache(path(), 0));
}

TEST_F(PageCacheStallTest, NoMoreReadsGoThroughItThanADiskHasPlacesFor) {
    constexpr std::uint64_t most = 32;
    for (std::uint64_t i = 0; i < most + 2; ++i) start({i * read_bytes, read_bytes}, begin_);
    finish();
    EXPECT_TRUE(in_page_cache(path(), (most - 1) * read_bytes));
    EXPECT_FALSE(in_page_cache(path(), most * read_bytes));
    EXPECT_FALSE(in_page_cache(path(), (most + 1) * read_bytes));
    start({most * read_bytes, read_bytes}, begin_);
    finish();
    EXPECT_TRUE(in_page_cache(path(), most * read_bytes)) << "the others have ended";
}

}  // namespace
}  // namespace dst
