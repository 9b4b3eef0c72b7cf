#include <set>

#include "support/lun_fixture.h"

namespace dst::test {
namespace {

using tgt::Opcode;
using tgt::SenseCode;
using tgt::SenseKey;

class WriteSame : public LunTest {};

TEST_F(WriteSame, RepeatsItsBlock) {
    auto pattern = filled(512, 0);
    for (std::size_t i = 0; i < 512; ++i) pattern[i] = static_cast<std::byte>(i * 7);
    constexpr unsigned blocks = 5000;
    EXPECT_EQ(run(cdb16(Opcode::write_same_16, 3, blocks), pattern).outcome(), good);
    for (unsigned i = 0; i < blocks; ++i) {
        ASSERT_EQ(std::memcmp(&device.bytes[(3 + i) * 512], pattern.data(), 512), 0) << i;
    }
    EXPECT_TRUE(holds(0, 3 * 512, 0));
    EXPECT_TRUE(holds((3 + blocks) * 512, 512, 0));
}

TEST_F(WriteSame, OfZeroesIsSplitAndBounded) {
    fill(0, size_bytes, 1);
    device.hold = true;
    Sent& same = send(cdb16(Opcode::write_same_16, 0, size_bytes / 512), filled(512, 0));
    loop.run_for(std::chrono::milliseconds(1));
    for (const Request* request : device.held) {
        EXPECT_EQ(request->operation, Operation::write_zeroes);
        EXPECT_LE(request->extent.length, 32u << 20);
    }
    EXPECT_LE(device.held.size(), 4u);
    device.release_all();
    loop.run_until_idle();
    EXPECT_EQ(same.outcome(), good);
    EXPECT_TRUE(holds(0, size_bytes, 0));
}

TEST_F(WriteSame, WithUnmapOfZeroesUnmaps) {
    run(cdb16(Opcode::write_same_16, 0, 8, 0x08), filled(512, 0));
    EXPECT_EQ(device.count(Operation::unmap), 1u);
    EXPECT_EQ(device.count(Operation::write_zeroes), 0u);
}

TEST_F(WriteSame, WithoutDataZeroes) {
    fill(0, 4096, 1);
    EXPECT_EQ(run(cdb16(Opcode::write_same_16, 0, 8, 0x01)).outcome(), good);
    EXPECT_TRUE(holds(0, 4096, 0));
}

TEST_F(WriteSame, StopsAtTheFirstError) {
    device.failing_operation = Operation::write;
    device.failing = Errc::no_space;
    EXPECT_EQ(run(cdb16(Opcode::write_same_16, 0, size_bytes / 512), filled(512, 5)).outcome(),
              check_condition(SenseKey::data_protect, SenseCode::space_allocation_failed));
    EXPECT_LE(device.count(Operation::write), 4u);
}

TEST_F(WriteSame, KeepsAFewRequestsUnderWay) {
    device.hold = true;
    send(cdb16(Opcode::write_same_16, 0, size_bytes / 512), filled(512, 5));
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.held.size(), 4u);
    device.release_one();
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.held.size(), 4u);
    device.release_all();
    loop.run_until_idle();
}

class Unmap : public LunTest {};

TEST_F(Unmap, CarriesOutEveryDescriptor) {
    fill(0, 1u << 20, 1);
    const auto list = unmap_parameters({{0, 1}, {4, 0}, {10, 2}, {100, 8}});
    EXPECT_EQ(run(unmap_cdb(list.size()), list).outcome(), good);
    EXPECT_TRUE(holds(0, 512, 0));
    EXPECT_TRUE(holds(512, 9 * 512, 1));
    EXPECT_TRUE(holds(10 * 512, 1024, 0));
    EXPECT_TRUE(holds(100 * 512, 4096, 0));
    EXPECT_TRUE(holds(108 * 512, 512, 1));
}

TEST_F(Unmap, OfNothingIsGood) {
    const auto list = unmap_parameters({{0, 0}, {1, 0}});
    EXPECT_EQ(run(unmap_cdb(list.size()), list).outcome(), good);
    EXPECT_EQ(run(unmap_cdb(8), unmap_parameters({})).outcome(), good);
    EXPECT_EQ(run(unmap_cdb(0)).outcome(), good);
    EXPECT_TRUE(device.asked.empty());
}

TEST_F(Unmap, TakesOverlappingDescriptors) {
    fill(0, 8192, 1);
    const auto list = unmap_parameters({{0, 8}, {4, 8}});
    EXPECT_EQ(run(unmap_cdb(list.size()), list).outcome(), good);
    EXPECT_TRUE(holds(0, 12 * 512, 0));
}

TEST_F(Unmap, IsOrderedAgainstWrites) {
    device.hold = true;
    const auto list = unmap_parameters({{0, 8}});
    send(unmap_cdb(list.size()), list);
    send(cdb16(Opcode::write_16, 2, 1), filled(512, 6));
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_EQ(device.held.size(), 1u);
    device.release_all();
    loop.run_until_idle();
    EXPECT_TRUE(holds(1024, 512, 6));
}

TEST_F(Unmap, ReportsAnErrorOfALaterDescriptor) {
    device.failing_operation = Operation::unmap;
    device.failing = Errc::io_error;
    const auto list = unmap_parameters({{0, 1}, {8, 1}});
    EXPECT_EQ(run(unmap_cdb(list.size()), list).outcome(),
              check_condition(SenseKey::medium_error, SenseCode::write_error));
}

}  // namespace
}  // namespace dst::test
