#include "simworld/sim_disk.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

namespace dst::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Order : Request {
    Order() {
        owner = this;
        done = [](Request& request) { static_cast<Order*>(request.owner)->ended = true; };
    }
    Bytes memory;
    Piece piece;
    bool ended = false;
};

struct SimDiskTest : testing::Test, BlockDevice::Observer {
    void on_up(BlockDevice&) override { ++ups; }
    void on_down(BlockDevice&, const Error& why) override {
        ++downs;
        last = why;
    }

    void open(bool own_buffers = true) {
        disk.emplace(loop, platter, "/dev/disk", SimDiskOptions{own_buffers, seconds(30)});
        disk->set_observer(this);
        disk->open();
        loop.run_for(milliseconds(10));
    }
    void start(Order& order, Operation operation, Extent extent, char fill = 0) {
        order.operation = operation;
        order.extent = extent;
        if (operation == Operation::write || operation == Operation::read) {
            order.memory.assign(extent.length, static_cast<std::byte>(fill));
            order.piece = {order.memory.data(), order.memory.size()};
            order.pieces = {&order.piece, 1};
        }
        disk->submit(order);
    }
    Errc run(Operation operation, Extent extent, char fill = 0, bool fua = false) {
        Order order;
        order.fua = fua;
        start(order, operation, extent, fill);
        EXPECT_FALSE(order.ended);
        loop.run_until([&] { return order.ended; });
        read_back = order.memory;
        return order.result;
    }
    char first_byte(std::uint64_t offset) { return static_cast<char>(platter.read({offset, 512})[0]); }
    void close() {
        bool closed = false;
        disk->close([&] { closed = true; });
        EXPECT_TRUE(loop.run_until([&] { return closed; }, seconds(60)));
    }

    SimLoop loop{1};
    SimPlatter platter{loop};
    std::optional<SimDisk> disk;
    Bytes read_back;
    int ups = 0;
    int downs = 0;
    Error last;
};

TEST_F(SimDiskTest, ReadsWhatWasWritten) {
    open();
    EXPECT_EQ(run(Operation::write, {4096, 1024}, 'a'), Errc::ok);
    EXPECT_EQ(run(Operation::read, {4096, 512}), Errc::ok);
    EXPECT_EQ(read_back, Bytes(512, std::byte{'a'}));
    close();
}

TEST_F(SimDiskTest, FlushedWritesSurviveEveryPowerLoss) {
    for (int round = 0; round < 20; ++round) {
        open();
        run(Operation::write, {0, 4096}, 'a');
        run(Operation::flush, {});
        platter.power_loss();
        EXPECT_EQ(first_byte(512), 'a');
        close();
    }
}

TEST_F(SimDiskTest, FuaWritesSurviveEveryPowerLoss) {
    for (int round = 0; round < 20; ++round) {
        open();
        run(Operation::write, {0, 512}, static_cast<char>('a' + round), true);
        platter.power_loss();
        EXPECT_EQ(first_byte(0), 'a' + round);
        close();
    }
}

TEST_F(SimDiskTest, UnflushedSectorsFallBackOneByOne) {
    open();
    run(Operation::write, {0, 64 * 512}, 'a');
    run(Operation::flush, {});
    run(Operation::write, {0, 64 * 512}, 'b');
    EXPECT_EQ(platter.volatile_sectors(), 64u);
    platter.power_loss();
    std::set<char> found;
    for (std::uint64_t at = 0; at < 64; ++at) found.insert(first_byte(at * 512));
    EXPECT_EQ(found, (std::set<char>{'a', 'b'}));
    close();
}

TEST_F(SimDiskTest, AFlushCoversOnlyWhatWasAnsweredBeforeItBegan) {
    platter.set_latency(milliseconds(1), milliseconds(1));
    open();
    Order flush;
    start(flush, Operation::flush, {});
    Order write;
    start(write, Operation::write, {0, 512}, 'a');
    loop.run_until([&] { return flush.ended && write.ended; });
    EXPECT_EQ(platter.volatile_sectors(), 1u);
    close();
}

TEST_F(SimDiskTest, AProcessCrashKeepsWhatWasAnswered) {
    open();
    const Incarnation before = platter.incarnation();
    run(Operation::write, {0, 512}, 'a');
    platter.crash();
    EXPECT_EQ(first_byte(0), 'a');
    EXPECT_EQ(platter.incarnation(), before);
    loop.run_for(seconds(1));
    EXPECT_EQ(downs, 1);
    close();
}

TEST_F(SimDiskTest, ACrashInTheMiddleOfAFlushChangesTheIncarnation) {
    open();
    const Incarnation before = platter.incarnation();
    bool told = false;
    platter.on_cache_lost = [&] { told = true; };
    Order flush;
    start(flush, Operation::flush, {});
    platter.crash();
    EXPECT_TRUE(told);
    EXPECT_NE(platter.incarnation(), before);
    loop.run_until([&] { return flush.ended; });
    EXPECT_EQ(flush.result, Errc::disconnected);
    close();
}

TEST_F(SimDiskTest, AFailedFlushChangesTheIncarnationAndTakesTheDiskDown) {
    open();
    const Incarnation before = platter.incarnation();
    platter.fail(Operation::flush, {}, Errc::io_error, 1);
    EXPECT_EQ(run(Operation::flush, {}), Errc::io_error);
    loop.run_for(milliseconds(1));
    EXPECT_NE(platter.incarnation(), before);
    EXPECT_FALSE(disk->up());
    EXPECT_EQ(last.code, Errc::incarnation_changed);
    close();
}

TEST_F(SimDiskTest, AFailedFlushMayLoseWhatItWasToMakeDurable) {
    int told = 0;
    platter.on_cache_lost = [&] { ++told; };
    int lost = 0;
    for (int round = 0; round < 20; ++round) {
        open();
        run(Operation::write, {0, 512}, 'a', true);
        run(Operation::write, {0, 512}, 'b');
        platter.fail(Operation::flush, {}, Errc::io_error, 1);
        run(Operation::flush, {});
        EXPECT_EQ(told, round + 1);
        loop.run_for(milliseconds(1));
        lost += first_byte(0) == 'a' ? 1 : 0;
        EXPECT_EQ(platter.volatile_sectors(), 0u);
        close();
    }
    EXPECT_GT(lost, 0);
    EXPECT_LT(lost, 20);
}

TEST_F(SimDiskTest, AnErrorHitsItsOperationItsRangeAndItsNumber) {
    open();
    platter.fail(Operation::write, {4096, 512}, Errc::no_space, 1);
    EXPECT_EQ(run(Operation::read, {4096, 512}), Errc::ok);
    EXPECT_EQ(run(Operation::write, {0, 512}, 'a'), Errc::ok);
    EXPECT_EQ(run(Operation::write, {4096, 512}, 'a'), Errc::no_space);
    EXPECT_EQ(first_byte(4096), 0);
    EXPECT_EQ(run(Operation::write, {4096, 512}, 'a'), Errc::ok);
    close();
}

TEST_F(SimDiskTest, AHangHoldsAnswersUntilItEnds) {
    open();
    platter.set_hung(true);
    Order write;
    start(write, Operation::write, {0, 512}, 'a');
    loop.run_for(seconds(5));
    EXPECT_FALSE(write.ended);
    platter.set_hung(false);
    loop.run_for(milliseconds(10));
    EXPECT_TRUE(write.ended);
    EXPECT_EQ(write.result, Errc::ok);
    close();
}

TEST_F(SimDiskTest, CutEndsRequestsOfAHungDiskAndTheWriteLandsLater) {
    open();
    platter.set_hung(true);
    Order write;
    start(write, Operation::write, {0, 512}, 'a');
    disk->cut({Errc::timed_out, "too slow"});
    loop.run_for(milliseconds(1));
    EXPECT_TRUE(write.ended);
    EXPECT_EQ(write.result, Errc::disconnected);
    write.memory.assign(512, std::byte{'x'});
    disk->open();
    loop.run_for(milliseconds(10));
    EXPECT_FALSE(disk->up()) << "somebody still works on it";
    platter.set_hung(false);
    EXPECT_EQ(first_byte(0), 'a');
    disk->open();
    loop.run_for(milliseconds(10));
    EXPECT_TRUE(disk->up());
    close();
}

TEST_F(SimDiskTest, WithoutBuffersOfItsOwnRequestsOutliveACut) {
    open(false);
    platter.set_hung(true);
    Order write;
    start(write, Operation::write, {0, 512}, 'a');
    disk->cut({Errc::timed_out, "too slow"});
    loop.run_for(seconds(1));
    EXPECT_FALSE(write.ended);
    platter.set_hung(false);
    loop.run_for(seconds(1));
    EXPECT_TRUE(write.ended);
    close();
}

TEST_F(SimDiskTest, TheAnswerLimitTakesAHungDiskDown) {
    open();
    platter.set_hung(true);
    Order write;
    start(write, Operation::write, {0, 512}, 'a');
    loop.run_for(seconds(31));
    EXPECT_TRUE(write.ended);
    EXPECT_EQ(write.result, Errc::timed_out);
    EXPECT_FALSE(disk->up());
    platter.set_hung(false);
    close();
}

TEST_F(SimDiskTest, OnlyOneProcessHasItOpen) {
    open();
    SimDisk second(loop, platter, "/dev/disk");
    second.set_observer(this);
    second.open();
    loop.run_for(milliseconds(10));
    EXPECT_FALSE(second.up());
    EXPECT_EQ(last.code, Errc::busy);
    close();
}

TEST_F(SimDiskTest, ClosesWhenItsMediumIsTakenOutWhileItHangs) {
    open();
    platter.set_hung(true);
    Order read;
    start(read, Operation::read, {0, 512});
    bool closed = false;
    disk->close([&closed] { closed = true; });
    platter.take_out();
    loop.run_for(seconds(1));
    EXPECT_TRUE(closed);
    EXPECT_EQ(read.result, Errc::disconnected);
}

TEST_F(SimDiskTest, AnotherMediumMayBeInItsPlaceForAWhile) {
    open();
    run(Operation::write, {0, 512}, 'a', true);
    run(Operation::write, {0, 512}, 'b');
    sim::SimPlatter::Content other = platter.durable();
    EXPECT_EQ(other.read({0, 512})[0], std::byte{'a'});
    const std::uint64_t size = other.size_bytes;
    other.write(0, Bytes(512, std::byte{'c'}));
    other.resize(size / 2);
    platter.take_out(other);
    loop.run_for(milliseconds(1));
    EXPECT_FALSE(disk->up());
    EXPECT_EQ(first_byte(0), 'c');
    EXPECT_EQ(platter.geometry().size_bytes, size / 2);
    EXPECT_TRUE(platter.put_back());
    EXPECT_EQ(first_byte(0), 'a');
    EXPECT_EQ(platter.geometry().size_bytes, size);
    close();
}

TEST_F(SimDiskTest, ExchangedMediaTakeWithThemWhatWasWrittenMeanwhile) {
    open();
    sim::SimPlatter other(loop);
    int lost = 0;
    other.on_cache_lost = [&lost] { ++lost; };
    other.write(0, Bytes(512, std::byte{'x'}));
    run(Operation::write, {0, 512}, 'a', true);
    run(Operation::write, {0, 512}, 'b');
    platter.exchange_with(other);
    EXPECT_TRUE(platter.taken_out() && other.taken_out());
    loop.run_for(milliseconds(1));
    EXPECT_FALSE(disk->up());
    EXPECT_EQ(first_byte(0), 'x');
    EXPECT_EQ(other.read({0, 512})[0], std::byte{'a'});
    other.write(0, Bytes(512, std::byte{'c'}));
    EXPECT_TRUE(other.put_back());
    EXPECT_EQ(first_byte(0), 'c');
    EXPECT_EQ(other.read({0, 512})[0], std::byte{'x'});
    EXPECT_EQ(lost, 2);
    EXPECT_FALSE(platter.taken_out() || platter.put_back());
    close();
}

TEST_F(SimDiskTest, AnotherMediumIsBlankAndHasAnotherIncarnation) {
    open();
    const Incarnation before = platter.incarnation();
    run(Operation::write, {0, 512}, 'a');
    platter.replace_blank(1u << 20);
    loop.run_for(milliseconds(1));
    EXPECT_FALSE(disk->up());
    EXPECT_TRUE(platter.all_zero());
    EXPECT_NE(platter.incarnation(), before);
    disk->open();
    loop.run_for(milliseconds(10));
    EXPECT_EQ(disk->geometry().size_bytes, 1u << 20);
    close();
}

}  // namespace
}  // namespace dst::sim
