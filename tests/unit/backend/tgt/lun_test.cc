#include "tgt/lun.h"

#include "support/lun_fixture.h"

namespace dst::test {
namespace {

using tgt::check_condition;
using tgt::illegal_request;
using tgt::Opcode;
using tgt::SenseCode;
using tgt::SenseKey;
using tgt::Status;

TEST_F(LunTest, ReadsStraightIntoTheInitiatorsBuffer) {
    fill(1024, 1024, 0x5a);
    device.hold = true;
    Sent& read = send(cdb16(Opcode::read_16, 2, 2), {}, 1024);
    loop.run_until_idle();
    ASSERT_EQ(device.held.size(), 1u);
    EXPECT_EQ(device.held[0]->pieces[0].data, read.in.data());
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(read.outcome(), good);
    EXPECT_EQ(read.in, filled(1024, 0x5a));
    EXPECT_EQ(read.command.answer.in_bytes, 1024u);
}

TEST_F(LunTest, WritesStraightFromTheInitiatorsBuffer) {
    device.hold = true;
    Sent& write = send(cdb16(Opcode::write_16, 3, 2), filled(1024, 0x11));
    loop.run_until_idle();
    EXPECT_EQ(device.held.at(0)->pieces[0].data, write.out.data());
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(write.outcome(), good);
    EXPECT_TRUE(holds(1536, 1024, 0x11));
    EXPECT_TRUE(holds(2560, 512, 0));
}

TEST_F(LunTest, ABufferSmallerThanTheReadIsFilledAndNoMore) {
    fill(0, 1024, 0x77);
    Sent& read = run(cdb16(Opcode::read_16, 0, 2), {}, 700);
    EXPECT_EQ(read.outcome(), good);
    EXPECT_EQ(read.in, filled(700, 0x77));
    EXPECT_EQ(read.command.answer.in_bytes, 1024u);
}

TEST_F(LunTest, ABufferLargerThanTheReadIsLeftAlone) {
    fill(0, 512, 0x77);
    Sent& read = run(cdb16(Opcode::read_16, 0, 1), {}, 1024);
    EXPECT_EQ(read.command.answer.in_bytes, 512u);
    EXPECT_EQ(read.in[512], std::byte{0xee});
}

TEST_F(LunTest, AReadWithoutABufferIsGoodAndDoesNothing) {
    EXPECT_EQ(run(cdb16(Opcode::read_16, 0, 1)).outcome(), good);
    EXPECT_TRUE(device.asked.empty());
}

TEST_F(LunTest, FuaReachesTheDevice) {
    run(cdb16(Opcode::write_16, 0, 1, 0x08), filled(512, 1));
    run(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    EXPECT_TRUE(device.asked.at(0).fua);
    EXPECT_FALSE(device.asked.at(1).fua);
}

TEST_F(LunTest, AReadWithFuaFlushesFirst) {
    run(cdb16(Opcode::read_16, 0, 1, 0x08), {}, 512);
    ASSERT_EQ(device.asked.size(), 2u);
    EXPECT_EQ(device.asked[0].operation, Operation::flush);
    EXPECT_EQ(device.asked[1].operation, Operation::read);
}

TEST_F(LunTest, EveryChangeIsWrittenThroughWhenTheInitiatorSaysSo) {
    write_through = true;
    run(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    run(cdb16(Opcode::write_same_16, 0, 1), filled(512, 0));
    run(cdb16(Opcode::write_same_16, 0, 1), filled(512, 3));
    const auto list = unmap_parameters({{0, 8}});
    run(unmap_cdb(list.size()), list);
    ASSERT_EQ(device.asked.size(), 4u);
    for (const auto& asked : device.asked) EXPECT_TRUE(asked.fua) << to_string(asked.operation);
}

class LunWithoutCache : public LunTest {
protected:
    LunWithoutCache() : LunTest({size_bytes / block, block, false}) {}
};

TEST_F(LunWithoutCache, WritesEverythingThrough) {
    run(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    EXPECT_TRUE(device.asked.at(0).fua);
}

TEST_F(LunTest, SynchronizeCacheFlushes) {
    EXPECT_EQ(run(cdb16(Opcode::synchronize_cache_16, 0, 0)).outcome(), good);
    EXPECT_EQ(device.count(Operation::flush), 1u);
}

TEST_F(LunTest, SynchronizeCacheReportsAFailedFlush) {
    device.failing_operation = Operation::flush;
    device.failing = Errc::medium_error;
    EXPECT_EQ(run(cdb16(Opcode::synchronize_cache_16, 0, 0, 0x02)).outcome(),
              check_condition(SenseKey::medium_error, SenseCode::write_error))
        << "with IMMED too: there is no later place for it";
}

class LunThatLost : public LunTest {
protected:
    LunThatLost() : LunTest(config()) { losses = 0; }
    static tgt::Lun::Config config() {
        tgt::Lun::Config config{size_bytes / block, block};
        config.losses = &losses;
        return config;
    }
    static inline std::atomic<std::uint32_t> losses{0};
};

TEST_F(LunThatLost, M10AFlushThatWasSentBeforeItsInitiatorWasToldEndsInAnError) {
    losses = 1;
    EXPECT_EQ(run(cdb16(Opcode::synchronize_cache_16, 0, 0)).outcome(),
              check_condition(SenseKey::medium_error, SenseCode::write_error));
    EXPECT_EQ(device.count(Operation::flush), 0u);
    run(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    EXPECT_EQ(run(cdb16(Opcode::read_16, 0, 1, 0x08), {}, 512).outcome(), good) << "it says what there is";
    losses_told = 1;
    EXPECT_EQ(run(cdb16(Opcode::synchronize_cache_16, 0, 0)).outcome(), good);
}

TEST_F(LunThatLost, M10SoDoesWhatSettlesAndWaitedMeanwhile) {
    device.hold = true;
    Sent& write = send(cdb16(Opcode::write_16, 3, 2), filled(1024, 0x11));
    settle = true;
    Sent& off = send({}, filled(24, 0));
    losses = 1;
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(write.outcome(), good);
    EXPECT_EQ(off.outcome(), check_condition(SenseKey::medium_error, SenseCode::write_error));
}

TEST_F(LunTest, SettlingWaitsForChangesThatAreUnderWayAndFlushesThen) {
    device.hold = true;
    const std::uint64_t last = size_bytes / block - 2;
    Sent& read = send(cdb16(Opcode::read_16, 0, 2), {}, 1024);
    Sent& write = send(cdb16(Opcode::write_16, last, 2), filled(1024, 0x11));
    settle = true;
    Sent& off = send({}, filled(24, 0));
    settle = false;
    ASSERT_EQ(device.held.size(), 2u) << "no flush yet";
    std::swap(device.held[0], device.held[1]);
    device.release_one();
    EXPECT_TRUE(loop.run_until([&] { return write.done && device.held.size() == 2; }));
    EXPECT_FALSE(off.done);
    EXPECT_EQ(device.held[1]->operation, Operation::flush);
    // While it is not answered the LUN carries on.
    write_through = true;
    Sent& next = send(cdb16(Opcode::write_16, 0, 2), filled(1024, 0x12));
    std::swap(device.held[0], device.held[1]);
    Request* const flush = device.held.front();
    device.held.pop_front();
    device.release_one();
    ASSERT_TRUE(loop.run_until([&] { return read.done && !device.held.empty(); }));
    device.release_one();
    EXPECT_TRUE(loop.run_until([&] { return next.done; }));
    EXPECT_FALSE(off.done);
    device.held.push_back(flush);
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(off.outcome(), good);
    EXPECT_EQ(off.command.answer.out_bytes, 24u);
}

TEST_F(LunTest, WhatIsLeftOfAnUnmapWhenAnotherSettlesIsDurable) {
    device.hold = true;
    const auto list = unmap_parameters({{0, 8}, {64, 8}});
    Sent& unmap = send(unmap_cdb(list.size()), list);
    settle = true;
    Sent& off = send({}, filled(24, 0));
    ASSERT_EQ(device.held.size(), 1u);
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(unmap.outcome(), good);
    EXPECT_EQ(off.outcome(), good);
    std::vector<bool> durable;
    for (const auto& asked : device.asked) {
        if (asked.operation != Operation::flush) durable.push_back(asked.fua);
    }
    EXPECT_EQ(durable, (std::vector<bool>{false, true}));
}

TEST_F(LunTest, SettlingReportsAFailedFlush) {
    device.failing_operation = Operation::flush;
    device.failing = Errc::medium_error;
    settle = true;
    EXPECT_EQ(run({}).outcome(), check_condition(SenseKey::medium_error, SenseCode::write_error));
}

TEST_F(LunTest, PreFetchMeetsItsCondition) {
    EXPECT_EQ(run(cdb16(Opcode::pre_fetch_16, 0, 8)).outcome().status, Status::condition_met);
}

TEST_F(LunTest, ADiskErrorBecomesAMediumError) {
    device.failing = Errc::medium_error;
    Sent& read = run(cdb16(Opcode::read_16, 0, 1), {}, 512);
    EXPECT_EQ(read.outcome(), check_condition(SenseKey::medium_error, SenseCode::unrecovered_read_error));
    EXPECT_EQ(read.command.answer.in_bytes, 0u) << "what is in the buffer is nobody's data";
}

TEST_F(LunTest, AHeldWriteAsksToBeSentAgain) {
    device.failing_operation = Operation::write;
    device.failing = Errc::not_ready;
    EXPECT_TRUE(asks_to_send_again(run(cdb16(Opcode::write_16, 0, 1), filled(512, 1)).outcome()));
}

TEST_F(LunTest, ARefusedCommandAsksTheDeviceNothing) {
    EXPECT_EQ(run(cdb16(Opcode::write_16, size_bytes / block, 1), filled(512, 1)).outcome(),
              illegal_request(SenseCode::lba_out_of_range));
    EXPECT_TRUE(device.asked.empty());
}

TEST_F(LunTest, OverlappingWritesRunOneAfterTheOther) {
    device.hold = true;
    send(cdb16(Opcode::write_16, 0, 4), filled(2048, 1));
    send(cdb16(Opcode::write_16, 3, 2), filled(1024, 2));
    send(cdb16(Opcode::write_16, 8, 1), filled(512, 3));
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.held.size(), 2u) << "the first and the one that overlaps nothing";
    device.release_one();
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.asked.size(), 3u);
    device.release_all();
    loop.run_until_idle();
    EXPECT_TRUE(holds(3 * 512, 1024, 2));
}

TEST_F(LunTest, OverlappingReadsRunTogether) {
    device.hold = true;
    send(cdb16(Opcode::read_16, 0, 4), {}, 2048);
    send(cdb16(Opcode::read_16, 0, 4), {}, 2048);
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.held.size(), 2u);
    device.release_all();
    loop.run_until_idle();
}

TEST_F(LunTest, ACommandThatWaitsTooLongForAnotherIsAnsweredBusy) {
    device.hold = true;
    Sent& first = send(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    Sent& second = send(cdb16(Opcode::write_16, 0, 1), filled(512, 2));
    loop.run_for(std::chrono::seconds(19));
    EXPECT_FALSE(second.done);
    loop.run_for(std::chrono::seconds(3));
    EXPECT_TRUE(second.done);
    EXPECT_EQ(second.outcome().status, Status::busy);
    EXPECT_FALSE(first.done);
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(first.outcome(), good);
    EXPECT_TRUE(holds(0, 512, 1));
}

TEST_F(LunTest, ClosingAnswersWhatWaitsAndWaitsForWhatIsUnderWay) {
    device.hold = true;
    Sent& first = send(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    Sent& waiting = send(cdb16(Opcode::write_16, 0, 1), filled(512, 2));
    loop.run_for(std::chrono::milliseconds(1));
    bool drained = false;
    lun->close([&drained] { drained = true; });
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(waiting.done);
    EXPECT_TRUE(asks_to_send_again(waiting.outcome()));
    EXPECT_FALSE(first.done);
    EXPECT_FALSE(drained);
    device.release_all();
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(first.outcome(), good);
    EXPECT_TRUE(drained);
    EXPECT_EQ(lun->in_flight(), 0u);
}

TEST_F(LunTest, NothingReachesTheDeviceAfterClosing) {
    bool drained = false;
    lun->close([&drained] { drained = true; });
    loop.run_until_idle();
    EXPECT_TRUE(drained);
    Sent& late = run(cdb16(Opcode::write_16, 0, 1), filled(512, 1));
    EXPECT_TRUE(asks_to_send_again(late.outcome()));
    EXPECT_TRUE(device.asked.empty());
}

TEST_F(LunTest, AHalfDoneUnmapEndsWhenTheLunIsClosed) {
    device.hold = true;
    const auto list = unmap_parameters({{0, 8}, {100, 8}});
    Sent& unmap = send(unmap_cdb(list.size()), list);
    loop.run_for(std::chrono::milliseconds(1));
    lun->close([] {});
    device.release_all();
    loop.run_until_idle();
    EXPECT_TRUE(unmap.done);
    EXPECT_TRUE(asks_to_send_again(unmap.outcome()));
    EXPECT_EQ(device.count(Operation::unmap), 1u);
}

TEST_F(LunTest, ACommandCanBeUsedAgain) {
    Sent& one = run(cdb16(Opcode::read_16, 0, 1), {}, 512);
    one.done = false;
    one.command.input.cdb = cdb16(Opcode::read_16, 1, 1);
    lun->submit(one.command);
    loop.run_until_idle();
    EXPECT_TRUE(one.done);
    EXPECT_EQ(one.outcome(), good);
    EXPECT_EQ(device.asked.at(1).extent, (Extent{512, 512}));
}

}  // namespace
}  // namespace dst::test
