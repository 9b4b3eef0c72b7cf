#include "support/lun_fixture.h"

namespace dst::test {
namespace {

using tgt::check_condition;
using tgt::Lun;
using tgt::Opcode;
using tgt::SenseCode;
using tgt::SenseKey;

const tgt::Outcome miscompare = check_condition(SenseKey::miscompare, SenseCode::miscompare_during_verify);

std::vector<std::byte> joined(std::vector<std::byte> first, const std::vector<std::byte>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

class Verify : public LunTest {};

TEST_F(Verify, WithoutDataReadsEverything) {
    constexpr unsigned blocks = 3 * Lun::scratch_bytes / 512 + 1;
    EXPECT_EQ(run(cdb16(Opcode::verify_16, 0, blocks)).outcome(), good);
    std::uint64_t bytes = 0;
    for (const auto& asked : device.asked) bytes += asked.extent.length;
    EXPECT_EQ(bytes, blocks * 512u);
}

TEST_F(Verify, WithoutDataReportsAnUnreadableBlock) {
    device.failing = Errc::medium_error;
    EXPECT_EQ(run(cdb16(Opcode::verify_16, 0, 1)).outcome(),
              check_condition(SenseKey::medium_error, SenseCode::unrecovered_read_error));
}

TEST_F(Verify, ComparesEveryByte) {
    constexpr std::size_t size = Lun::scratch_bytes + 1024;
    fill(0, size, 9);
    auto data = filled(size, 9);
    EXPECT_EQ(run(cdb16(Opcode::verify_16, 0, size / 512, 0x02), data).outcome(), good);
    data.back() ^= std::byte{1};
    EXPECT_EQ(run(cdb16(Opcode::verify_16, 0, size / 512, 0x02), data).outcome(), miscompare);
}

TEST_F(Verify, ComparesEveryBlockWithOne) {
    fill(0, 4096, 9);
    EXPECT_EQ(run(cdb16(Opcode::verify_16, 0, 8, 0x06), filled(512, 9)).outcome(), good);
    device.bytes[4095] = std::byte{8};
    EXPECT_EQ(run(cdb16(Opcode::verify_16, 0, 8, 0x06), filled(512, 9)).outcome(), miscompare);
}

class WriteAndVerify : public LunTest {};

TEST_F(WriteAndVerify, WritesThroughAndReadsBack) {
    EXPECT_EQ(run(cdb16(Opcode::write_and_verify_16, 1, 2, 0x02), filled(1024, 4)).outcome(), good);
    EXPECT_TRUE(holds(512, 1024, 4));
    ASSERT_EQ(device.asked.size(), 2u);
    EXPECT_EQ(device.asked[0], (MemoryDevice::Asked{Operation::write, {512, 1024}, true}));
    EXPECT_EQ(device.asked[1].operation, Operation::read);
}

TEST_F(WriteAndVerify, ReportsWhatCannotBeReadBack) {
    device.failing = Errc::medium_error;
    EXPECT_EQ(run(cdb16(Opcode::write_and_verify_16, 0, 1), filled(512, 4)).outcome(),
              check_condition(SenseKey::medium_error, SenseCode::unrecovered_read_error));
}

TEST_F(WriteAndVerify, NobodyWritesBetweenItsHalves) {
    device.hold = true;
    Sent& first = send(cdb16(Opcode::write_and_verify_16, 0, 1, 0x02), filled(512, 4));
    Sent& second = send(cdb16(Opcode::write_16, 0, 1), filled(512, 5));
    while (!first.done) {
        loop.run_for(std::chrono::milliseconds(1));
        if (!device.held.empty()) device.release_one();
    }
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(first.outcome(), good);
    EXPECT_TRUE(second.done);
    EXPECT_TRUE(holds(0, 512, 5));
}

class CompareAndWrite : public LunTest {};

TEST_F(CompareAndWrite, WritesWhenEqual) {
    fill(1024, 1024, 7);
    Sent& caw = run(compare_and_write_cdb(2, 2), joined(filled(1024, 7), filled(1024, 8)));
    EXPECT_EQ(caw.outcome(), good);
    EXPECT_TRUE(holds(1024, 1024, 8));
    EXPECT_EQ(caw.command.answer.out_bytes, 2048u);
}

TEST_F(CompareAndWrite, WritesNothingWhenDifferentAndSaysWhere) {
    fill(0, 1024, 7);
    device.bytes[700] = std::byte{1};
    tgt::Outcome expected = miscompare;
    expected.information = 700;
    EXPECT_EQ(run(compare_and_write_cdb(0, 2), joined(filled(1024, 7), filled(1024, 8))).outcome(), expected);
    EXPECT_TRUE(holds(0, 512, 7));
    EXPECT_EQ(device.count(Operation::write), 0u);
}

TEST_F(CompareAndWrite, OnlyOneOfTwoWins) {
    device.hold = true;
    Sent& first = send(compare_and_write_cdb(0, 1), joined(filled(512, 0), filled(512, 1)));
    Sent& second = send(compare_and_write_cdb(0, 1), joined(filled(512, 0), filled(512, 2)));
    while (!first.done || !second.done) {
        loop.run_for(std::chrono::milliseconds(1));
        if (!device.held.empty()) device.release_one();
    }
    EXPECT_EQ(first.outcome(), good);
    EXPECT_EQ(second.outcome().key, SenseKey::miscompare);
    EXPECT_TRUE(holds(0, 512, 1));
}

TEST_F(CompareAndWrite, NoWriteComesBetweenItsHalves) {
    device.hold = true;
    Sent& caw = send(compare_and_write_cdb(0, 1), joined(filled(512, 0), filled(512, 1)));
    loop.run_for(std::chrono::milliseconds(1));
    Sent& write = send(cdb16(Opcode::write_16, 0, 1), filled(512, 9));
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.asked.size(), 1u);
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(caw.outcome(), good);
    EXPECT_TRUE(write.done);
    EXPECT_TRUE(holds(0, 512, 9));
}

TEST_F(CompareAndWrite, HonoursFua) {
    run(compare_and_write_cdb(0, 1, 0x08), filled(1024, 0));
    EXPECT_TRUE(device.asked.at(1).fua);
}

TEST_F(CompareAndWrite, MayBeSentAgainWhileNothingWasWritten) {
    device.failing_operation = Operation::read;
    device.failing = Errc::not_ready;
    EXPECT_TRUE(asks_to_send_again(run(compare_and_write_cdb(0, 1), filled(1024, 0)).outcome()));
}

TEST_F(CompareAndWrite, IsNeverSentAgainOnceItMayHaveWritten) {
    device.failing_operation = Operation::write;
    for (const Errc error : {Errc::not_ready, Errc::busy, Errc::cancelled}) {
        device.failing = error;
        const tgt::Outcome outcome = run(compare_and_write_cdb(0, 1), filled(1024, 0)).outcome();
        EXPECT_FALSE(asks_to_send_again(outcome)) << to_string(error);
        EXPECT_EQ(outcome.key, SenseKey::hardware_error) << to_string(error);
    }
}

class OrWrite : public LunTest {};

TEST_F(OrWrite, SetsBits) {
    constexpr std::size_t size = Lun::scratch_bytes + 512;
    fill(0, size, 0x81);
    EXPECT_EQ(run(cdb16(Opcode::orwrite_16, 0, size / 512), filled(size, 0x18)).outcome(), good);
    EXPECT_TRUE(holds(0, size, 0x99));
    EXPECT_EQ(device.count(Operation::write), 1u);
}

TEST_F(OrWrite, TwoOfThemLoseNoBit) {
    device.hold = true;
    send(cdb16(Opcode::orwrite_16, 0, 1), filled(512, 0x01));
    send(cdb16(Opcode::orwrite_16, 0, 1), filled(512, 0x10));
    for (int i = 0; i < 8; ++i) {
        loop.run_for(std::chrono::milliseconds(1));
        if (!device.held.empty()) device.release_one();
    }
    EXPECT_TRUE(holds(0, 512, 0x11));
}

TEST_F(OrWrite, IsNeverSentAgainOnceItMayHaveWritten) {
    device.failing_operation = Operation::write;
    device.failing = Errc::not_ready;
    EXPECT_FALSE(asks_to_send_again(run(cdb16(Opcode::orwrite_16, 0, 1), filled(512, 1)).outcome()));
}

class Scratch : public LunTest {};

TEST_F(Scratch, MoreCommandsThanPiecesWaitAndAllEnd) {
    device.hold = true;
    std::vector<Sent*> all;
    for (unsigned i = 0; i < 3 * Lun::scratch_count_max; ++i) all.push_back(&send(cdb16(Opcode::verify_16, i, 1)));
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.held.size(), Lun::scratch_count_max);
    device.release_all();
    loop.run_until_idle();
    for (const Sent* one : all) EXPECT_EQ(one->outcome(), good);
}

class GetLbaStatus : public LunTest {
protected:
    static tgt::Cdb cdb(std::uint64_t lba, std::uint32_t allocated) {
        return make_cdb(Opcode::service_action_in_16, {{1, 1, 0x12}, {2, 8, lba}, {10, 4, allocated}});
    }
    static std::uint64_t number(const std::vector<std::byte>& data, std::size_t at, unsigned bytes) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<std::uint64_t>(data[at + i]);
        return value;
    }
};

TEST_F(GetLbaStatus, TellsMappedFromDeallocated) {
    fill(10 * 512, 5 * 512, 'A');
    Sent& status = run(cdb(8, 8 + 3 * 16), {}, 8 + 3 * 16);
    EXPECT_EQ(status.outcome(), good);
    EXPECT_EQ(number(status.in, 0, 4), 4 + 3 * 16u);
    EXPECT_EQ(number(status.in, 8, 8), 8u);
    EXPECT_EQ(number(status.in, 16, 4), 2u);
    EXPECT_EQ(number(status.in, 20, 1), 1u) << "deallocated";
    EXPECT_EQ(number(status.in, 24, 8), 10u);
    EXPECT_EQ(number(status.in, 32, 4), 5u);
    EXPECT_EQ(number(status.in, 36, 1), 0u) << "mapped";
    EXPECT_EQ(number(status.in, 40, 8), 15u);
    EXPECT_EQ(status.command.answer.in_bytes, 8 + 3 * 16u);
}

TEST_F(GetLbaStatus, StopsWhenTheBufferIsFull) {
    fill(0, 512, 'A');
    Sent& status = run(cdb(0, 24), {}, 24);
    EXPECT_EQ(number(status.in, 0, 4), 20u);
    EXPECT_EQ(number(status.in, 16, 4), 1u);
    EXPECT_EQ(status.command.answer.in_bytes, 24u);
}

TEST_F(GetLbaStatus, AThickUnitIsMappedWhole) {
    thin = false;
    Sent& status = run(cdb(4, 64), {}, 64);
    EXPECT_EQ(number(status.in, 16, 4), size_bytes / 512 - 4);
    EXPECT_EQ(number(status.in, 20, 1), 0u);
    EXPECT_TRUE(device.asked.empty());
}

TEST_F(GetLbaStatus, ATinyBufferIsNotOverrun) {
    Sent& status = run(cdb(0, 5), {}, 5);
    EXPECT_EQ(status.outcome(), good);
    EXPECT_EQ(status.command.answer.in_bytes, 5u);
}

TEST_F(GetLbaStatus, RefusesAnLbaBeyondTheEnd) {
    EXPECT_EQ(run(cdb(std::uint64_t{1} << 63, 24), {}, 24).outcome(),
              tgt::illegal_request(SenseCode::lba_out_of_range));
}

}  // namespace
}  // namespace dst::test
