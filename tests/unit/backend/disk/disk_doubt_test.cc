// A write that was to be durable has failed, and nobody knows yet whether it was the flush: of that the kernel tells
// one only.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "disk/disk_engine.h"
#include "support/disk_bench.h"

namespace dst {
namespace {

/// What the kernel answers is told it by the test.
class ToldEngine : public DiskEngine {
public:
    using DiskEngine::arrived;
    using DiskEngine::DiskEngine;
};

struct DiskDoubt : testing::Test {
    DiskDoubt() {
        make_file(folder.file("disk"), mib);
        auto medium = open_medium(folder.file("disk"), {});
        auto ring = Ring::make();
        EXPECT_TRUE(medium && ring);
        direct = medium->direct;
        engine = std::make_unique<ToldEngine>(std::move(*medium), std::move(*ring), false);
    }
    void SetUp() override {
        if (!direct) GTEST_SKIP() << "this filesystem has no direct I/O, and no write that is durable by itself";
        for (Request* request : {&write, &flush, &other}) {
            request->owner = this;
            request->done = [](Request& done) { static_cast<DiskDoubt*>(done.owner)->results[&done] = done.result; };
        }
        flush.operation = Operation::flush;
        for (Request* request : {&write, &other}) {
            request->operation = Operation::write;
            request->fua = true;
            request->pieces = Pieces(&piece, 1);
        }
        write.extent = {0, 4096};
        other.extent = {8192, 4096};
        for (Request* request : {&write, &flush, &other}) ASSERT_TRUE(engine->start(*request, TimePoint()));
        carry_out(3);
        tell(write, -EIO);
        tell(flush, 0);
        tell(other, 4096);
        EXPECT_TRUE(results.empty()) << "nobody knows whether that is true";
    }
    /// By the kernel.
    void carry_out(std::size_t count) {
        EXPECT_EQ(engine->ring().submit(), 0);
        for (std::size_t i = 0; i < count; ++i) {
            Ring::Completion completion;
            ASSERT_TRUE(engine->ring().wait(completion));
            auto* const job = static_cast<DiskJob*>(completion.data);
            ended[job->request] = job;
        }
    }
    void tell(Request& request, int result) { engine->arrived(*ended.at(&request), result); }

    TemporaryFolder folder{"/var/tmp"};
    bool direct = false;
    alignas(4096) std::byte memory[4096] = {};
    Piece piece{memory, sizeof(memory)};
    Request write;
    Request flush;
    Request other;
    std::map<Request*, Errc> results;
    std::map<Request*, DiskJob*> ended;
    std::unique_ptr<ToldEngine> engine;
};

TEST_F(DiskDoubt, NothingIsDurableWhenItWasTheFlush) {
    carry_out(1);
    tell(write, 4096);
    EXPECT_TRUE(engine->flush_failed());
    ASSERT_EQ(results.size(), 3u);
    for (const auto& [request, result] : results) EXPECT_EQ(result, Errc::medium_error);
}

TEST_F(DiskDoubt, TheOthersAreWhenItWasTheWrite) {
    carry_out(1);
    tell(write, -EIO);
    EXPECT_FALSE(engine->flush_failed());
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[&write], Errc::medium_error);
    EXPECT_EQ(results[&flush], Errc::ok);
    EXPECT_EQ(results[&other], Errc::ok);
}

TEST_F(DiskDoubt, NothingIsDurableAfterwards) {
    carry_out(1);
    tell(write, 4096);
    results.clear();
    ASSERT_TRUE(engine->start(flush, TimePoint()));
    carry_out(1);
    tell(flush, 0);
    EXPECT_EQ(results[&flush], Errc::medium_error);
}

}  // namespace
}  // namespace dst
