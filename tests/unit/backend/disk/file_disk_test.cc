#include "disk/file_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "asio/owned_fd.h"
#include "support/disk_bench.h"

namespace dst {
namespace {

struct Kind {
    const char* name;
    const char* folder;
    bool direct;
    bool own_buffers;
};

Bytes pattern(std::size_t length, unsigned seed) {
    Bytes bytes(length);
    std::minstd_rand generator(seed + 1);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator() >> 8);
    return bytes;
}

class FileDiskTest : public testing::TestWithParam<Kind> {
protected:
    FileDiskTest() : folder(GetParam().folder) {}
    void SetUp() override {
        make_file(path(), size);
        options.run_dir = folder.file("run");
        options.direct = GetParam().direct;
        options.own_buffers = GetParam().own_buffers;
        bench = std::make_unique<DiskBench>(path(), options);
        const Error error = bench->open();
        ASSERT_EQ(error.code, Errc::ok) << to_string(error);
    }
    std::string path() const { return folder.file("disk"); }

    static constexpr std::uint64_t size = 32 * mib;
    TemporaryFolder folder;
    DiskOptions options;
    std::unique_ptr<DiskBench> bench;
};

INSTANTIATE_TEST_SUITE_P(
    Kinds, FileDiskTest,
    testing::Values(Kind{"direct_own", "/tmp", true, true}, Kind{"direct_caller", "/tmp", true, false},
                    Kind{"buffered_own", "/tmp", false, true}, Kind{"buffered_caller", "/tmp", false, false},
                    Kind{"memory_own", "/dev/shm", true, true}, Kind{"memory_caller", "/dev/shm", true, false}),
    [](const auto& kind) { return std::string(kind.param.name); });

TEST_P(FileDiskTest, KnowsItsGeometry) {
    const Geometry& geometry = bench->disk.geometry();
    EXPECT_EQ(geometry.size_bytes, size);
    EXPECT_EQ(geometry.logical_block_bytes, 512u);
    EXPECT_EQ(geometry.physical_block_bytes, 4096u);
    EXPECT_FALSE(bench->disk.incarnation().id.is_nil());
}

TEST_P(FileDiskTest, AgreesWithAModelUnderRandomOperationsInParallel) {
    Bytes model(size);
    std::mt19937_64 random(7);
    for (int round = 0; round < 60; ++round) {
        std::vector<std::unique_ptr<DiskBench::Order>> orders;
        std::vector<Bytes> memory;
        memory.reserve(8);
        std::vector<Extent> taken;
        for (int i = 0; i < 8; ++i) {
            Extent extent{random() % (size / 512) * 512, 512 + random() % 256 * 512};
            if (random() % 10 == 0) extent.length = 512 + random() % 12000 * 512;
            extent.length = std::min(extent.length, size - extent.offset);
            const auto overlaps = [&](const Extent& other) { return other.overlaps(extent); };
            if (std::any_of(taken.begin(), taken.end(), overlaps)) continue;
            taken.push_back(extent);
            const bool fua = random() % 8 == 0;
            auto at = model.begin() + static_cast<std::ptrdiff_t>(extent.offset);
            // Odd addresses and cuts, so that O_DIRECT cannot take the memory as it is.
            const std::size_t shift = random() % 3;
            switch (random() % 4) {
                case 0: {
                    memory.push_back(pattern(extent.length + shift, static_cast<unsigned>(random())));
                    std::byte* data = memory.back().data() + shift;
                    std::copy_n(data, extent.length, at);
                    const std::size_t cut = random() % extent.length;
                    orders.push_back(
                        bench->start(Operation::write, extent, {{data, cut}, {data + cut, extent.length - cut}}, fua));
                    break;
                }
                case 1:
                    std::fill_n(at, extent.length, std::byte{0});
                    orders.push_back(bench->start(Operation::write_zeroes, extent, {}, fua));
                    break;
                case 2:
                    std::fill_n(at, extent.length, std::byte{0});
                    orders.push_back(bench->start(Operation::unmap, extent, {}, fua));
                    break;
                default:
                    memory.push_back(Bytes(extent.length + shift));
                    orders.push_back(
                        bench->start(Operation::read, extent, {{memory.back().data() + shift, extent.length}}));
            }
        }
        orders.push_back(bench->start(Operation::flush, {}));
        for (const auto& order : orders) ASSERT_EQ(bench->wait(*order), Errc::ok);
        for (const auto& order : orders) {
            if (order->request.operation != Operation::read) continue;
            const Extent& extent = order->request.extent;
            ASSERT_EQ(std::memcmp(order->pieces[0].data, model.data() + extent.offset, extent.length), 0);
        }
    }
    EXPECT_EQ(bench->read(0, size), model);
}

TEST_P(FileDiskTest, TakesMoreRequestsThanTheRingHasPlaces) {
    std::vector<Bytes> memory;
    std::vector<std::unique_ptr<DiskBench::Order>> orders;
    for (unsigned i = 0; i < 1000; ++i) memory.push_back(pattern(4096, i));
    for (unsigned i = 0; i < 1000; ++i) {
        orders.push_back(bench->start(Operation::write, {i * 4096u, 4096}, {{memory[i].data(), 4096}}));
    }
    for (const auto& order : orders) ASSERT_EQ(bench->wait(*order), Errc::ok);
    for (unsigned i = 0; i < 1000; i += 97) EXPECT_EQ(bench->read(i * 4096u, 4096), memory[i]);
}

TEST_P(FileDiskTest, TakesMorePiecesThanOneSystemCallMay) {
    Bytes bytes = pattern(3000 * 512, 1);
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < 3000; ++i) pieces.push_back({bytes.data() + i * 512, 512});
    EXPECT_EQ(bench->run(Operation::write, {512, bytes.size()}, pieces), Errc::ok);
    EXPECT_EQ(bench->read(512, bytes.size()), bytes);
}

TEST_P(FileDiskTest, HashesEachPiece) {
    Bytes bytes = pattern(3 * mib + 512, 3);
    ASSERT_EQ(bench->write(mib, bytes), Errc::ok);
    Bytes digests(16 * 4);
    ASSERT_EQ(bench->run(Operation::checksum, {mib, bytes.size()}, {{digests.data(), 20}, {digests.data() + 20, 44}},
                         false, mib),
              Errc::ok);
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t length = std::min<std::size_t>(mib, bytes.size() - i * mib);
        XXH128_canonical_t expected;
        XXH128_canonicalFromHash(&expected, XXH3_128bits(bytes.data() + i * mib, length));
        EXPECT_EQ(std::memcmp(digests.data() + 16 * i, expected.digest, 16), 0) << "piece " << i;
    }
}

TEST_P(FileDiskTest, RefusesWhatLiesOutsideOrIsMisaligned) {
    Bytes bytes(1024);
    EXPECT_EQ(bench->write(size - 512, bytes), Errc::invalid_argument);
    EXPECT_EQ(bench->write(100, bytes), Errc::invalid_argument);
}

TEST_P(FileDiskTest, FreesSpaceOnUnmap) {
    Bytes bytes = pattern(8 * mib, 5);
    ASSERT_EQ(bench->write(0, bytes), Errc::ok);
    ASSERT_EQ(bench->run(Operation::flush, {}), Errc::ok);
    struct stat before {};
    ASSERT_EQ(stat(path().c_str(), &before), 0);
    ASSERT_EQ(bench->run(Operation::unmap, {0, 8 * mib}, {}, true), Errc::ok);
    struct stat after {};
    ASSERT_EQ(stat(path().c_str(), &after), 0);
    EXPECT_TRUE(bench->disk.geometry().can_unmap);
    EXPECT_LE(after.st_blocks + static_cast<blkcnt_t>(7 * mib / 512), before.st_blocks);
}

TEST_P(FileDiskTest, IsLockedAgainstASecondOpenerWithAMessageThatNamesTheFirst) {
    DiskBench second(path(), options);
    const Error error = second.open();
    EXPECT_EQ(error.code, Errc::busy);
    EXPECT_NE(error.text.find("[" + std::to_string(getpid()) + "]"), std::string::npos) << error.text;
    EXPECT_NE(error.text.find("itself: the same disk is named twice"), std::string::npos) << error.text;
    bench->close();
    EXPECT_EQ(second.open().code, Errc::ok);
}

TEST_P(FileDiskTest, GoesDownWhenTheFileShrinks) {
    Bytes bytes(4096);
    ASSERT_EQ(bench->write(size - 4096, bytes), Errc::ok);
    const Incarnation before = bench->disk.incarnation();
    ASSERT_EQ(truncate(path().c_str(), size / 2), 0);
    Bytes into(4096);
    EXPECT_NE(bench->run(Operation::read, {size - 4096, 4096}, {{into.data(), 4096}}), Errc::ok);
    ASSERT_TRUE(run_until(bench->loop, [&] { return bench->downs == 1; }));
    EXPECT_FALSE(bench->disk.up());
    EXPECT_TRUE(bench->events.has("disk-gone"));
    EXPECT_EQ(bench->write(0, bytes), Errc::disconnected);
    EXPECT_EQ(bench->open().code, Errc::ok);
    EXPECT_EQ(bench->disk.geometry().size_bytes, size / 2);
    EXPECT_NE(bench->disk.incarnation(), before);
}

TEST_P(FileDiskTest, ShrinkingIsNoticedBeforeAWriteRestoresTheSize) {
    Bytes bytes(4096);
    ASSERT_EQ(bench->write(0, bytes), Errc::ok);
    ASSERT_EQ(truncate(path().c_str(), size / 2), 0);
    EXPECT_TRUE(run_until(bench->loop, [&] { return bench->downs == 1; }));
}

TEST_P(FileDiskTest, ClosingCompletesEveryRequest) {
    std::vector<Bytes> memory(200, Bytes(128 * 1024));
    std::vector<std::unique_ptr<DiskBench::Order>> orders;
    for (std::size_t i = 0; i < memory.size(); ++i) {
        orders.push_back(bench->start(i % 2 != 0 ? Operation::write : Operation::read, {i * 128 * 1024, 128 * 1024},
                                      {{memory[i].data(), memory[i].size()}}));
    }
    bench->close();
    for (const auto& order : orders) {
        EXPECT_TRUE(order->done);
        EXPECT_TRUE(order->request.result == Errc::ok || order->request.result == Errc::cancelled);
    }
}

TEST_P(FileDiskTest, ClosingWithRequestsInTheKernelCompletesThem) {
    std::vector<Bytes> memory(16, Bytes(2 * mib));
    std::vector<std::unique_ptr<DiskBench::Order>> orders;
    for (std::size_t i = 0; i < memory.size(); ++i) {
        orders.push_back(bench->start(Operation::write, {i * 2 * mib, 2 * mib}, {{memory[i].data(), 2 * mib}}));
    }
    orders.push_back(bench->start(Operation::flush, {}));
    Task close(bench->loop, [&] { bench->disk.close([&] { bench->closed = true; }); });
    close.post();
    ASSERT_TRUE(run_until(bench->loop, [&] { return bench->closed; }));
    for (const auto& order : orders) EXPECT_TRUE(order->done);
    // At once, or when the kernel of a slow machine has let go.
    DiskBench again(path(), options);
    EXPECT_TRUE(run_until(bench->loop, [&] { return again.open().code == Errc::ok; })) << "the lock is free";
}

TEST_P(FileDiskTest, BeingCutEndsEveryRequestAndItOpensAgain) {
    std::vector<Bytes> memory(16, Bytes(2 * mib));
    std::vector<std::unique_ptr<DiskBench::Order>> orders;
    for (std::size_t i = 0; i < memory.size(); ++i) {
        orders.push_back(bench->start(Operation::write, {i * 2 * mib, 2 * mib}, {{memory[i].data(), 2 * mib}}));
    }
    Task cut(bench->loop, [&] { bench->disk.cut({Errc::timed_out, "held its mirror up"}); });
    cut.post();
    for (const auto& order : orders) {
        const Errc code = bench->wait(*order);
        EXPECT_TRUE(code == Errc::ok || code == Errc::disconnected);
    }
    EXPECT_TRUE(run_until(bench->loop, [&] { return bench->downs == 1; }));
    EXPECT_FALSE(bench->disk.up());
    EXPECT_TRUE(run_until(bench->loop, [&] {
        if (!bench->disk.up() && bench->downs != 0) {
            bench->downs = 0;
            bench->disk.open();
        }
        return bench->disk.up();
    }));
}

TEST_P(FileDiskTest, KeepsItsIncarnationOverAnOrderlyEndAndAReopening) {
    const Incarnation before = bench->disk.incarnation();
    ASSERT_EQ(bench->run(Operation::flush, {}), Errc::ok);
    bench->close();
    DiskBench again(path(), options);
    ASSERT_EQ(again.open().code, Errc::ok);
    EXPECT_EQ(again.disk.incarnation(), before);
}

TEST_P(FileDiskTest, ProbesWhileInUse) {
    std::optional<Result<Probe>> blank;
    bench->disk.probe([&](Result<Probe> result) { blank = std::move(result); });
    ASSERT_TRUE(run_until(bench->loop, [&] { return blank.has_value(); }));
    ASSERT_TRUE(blank->has_value()) << to_string(blank->error());
    EXPECT_EQ((*blank)->found, "");
    EXPECT_TRUE((*blank)->zeroes_known);
    Bytes swap(4096);
    std::memcpy(swap.data() + 4086, "SWAPSPACE2", 10);
    swap.resize(8192);
    const std::uint32_t version = 1;
    const std::uint32_t last_page = 100;
    std::memcpy(swap.data() + 1024, &version, 4);
    std::memcpy(swap.data() + 1028, &last_page, 4);
    ASSERT_EQ(bench->write(0, swap), Errc::ok);
    std::optional<Result<Probe>> used;
    bench->disk.probe([&](Result<Probe> result) { used = std::move(result); });
    ASSERT_TRUE(run_until(bench->loop, [&] { return used.has_value(); }));
    ASSERT_TRUE(used->has_value());
    EXPECT_EQ((*used)->found, "swap");
    EXPECT_FALSE((*used)->zeroes_known);
}

TEST(FileDisk, SaysWhatIsWrongWithAPath) {
    TemporaryFolder folder;
    DiskOptions options;
    options.run_dir = folder.path();
    const auto reason = [&](const std::string& path) { return DiskBench(path, options).open(); };
    EXPECT_EQ(reason(folder.file("none")).code, Errc::not_found);
    EXPECT_NE(reason(folder.file("none")).text.find("does not exist"), std::string::npos);
    EXPECT_NE(reason(folder.path()).text.find("is a directory"), std::string::npos);
    EXPECT_NE(reason("/dev/null").text.find("neither a file nor a block device"), std::string::npos);
    make_file(folder.file("empty"), 0);
    EXPECT_NE(reason(folder.file("empty")).text.find("is empty"), std::string::npos);
}

TEST(FileDisk, EndsRequestsThatTheKernelKeepsTooLong) {
    TemporaryFolder folder;
    make_file(folder.file("disk"), 4 * mib);
    DiskOptions options;
    options.run_dir = folder.path();
    options.answer_limit = std::chrono::milliseconds(1);
    DiskBench bench(folder.file("disk"), options);
    ASSERT_EQ(bench.open().code, Errc::ok);
    // A kernel that hangs cannot be had here; what counts is that a slow one is given up and let in again.
    std::vector<Bytes> memory(64, Bytes(mib));
    bool timed_out = false;
    const TimePoint end = bench.loop.now() + std::chrono::seconds(10);
    while (!timed_out && bench.loop.now() < end) {
        std::vector<std::unique_ptr<DiskBench::Order>> orders;
        for (Bytes& each : memory) {
            orders.push_back(bench.start(Operation::write, {0, mib}, {{each.data(), mib}}, true));
        }
        for (const auto& order : orders) timed_out = bench.wait(*order) == Errc::timed_out || timed_out;
    }
    if (!timed_out) GTEST_SKIP() << "this machine writes too fast";
    EXPECT_TRUE(bench.events.has("disk-timed-out"));
    EXPECT_FALSE(bench.disk.up());
    // Until the kernel has let go of everything the disk answers busy.
    EXPECT_TRUE(run_until(bench.loop, [&] {
        if (!bench.disk.up() && bench.downs != 0) {
            bench.downs = 0;
            bench.disk.open();
        }
        return bench.disk.up();
    }));
}

TEST(FileDisk, ReportsAFullFilesystem) {
    TemporaryFolder folder;
    if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0) GTEST_SKIP() << "cannot mount a tmpfs here";
    {
        make_file(folder.file("disk"), 16 * mib);
        DiskOptions options;
        TemporaryFolder run;
        options.run_dir = run.path();
        DiskBench small(folder.file("disk"), options);
        ASSERT_EQ(small.open().code, Errc::ok);
        Bytes bytes = pattern(8 * mib, 1);
        EXPECT_EQ(small.write(0, bytes), Errc::no_space);
        EXPECT_EQ(small.write(0, bytes), Errc::no_space);
        EXPECT_EQ(std::count(small.events.ids.begin(), small.events.ids.end(), "disk-error"), 1)
            << "one event, not one for each request";
        EXPECT_TRUE(small.disk.up()) << "a full medium is an answer, not a failure of the disk";
        EXPECT_EQ(small.run(Operation::unmap, {0, 8 * mib}), Errc::ok);
        Bytes little = pattern(mib, 2);
        EXPECT_EQ(small.write(0, little), Errc::ok);
    }
    umount2(folder.path().c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace dst
