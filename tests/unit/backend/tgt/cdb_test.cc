#include "tgt/cdb.h"

#include <gtest/gtest.h>

#include "support/lun_fixture.h"
#include "tgt/limits.h"

namespace dst::tgt {
namespace {

using test::cdb16;
using test::filled;
using test::make_cdb;
using test::unmap_cdb;
using test::unmap_parameters;

constexpr std::uint64_t tebibyte = std::uint64_t{1} << 40;
const LunShape shape{16 * tebibyte / 512, 512, true};
const LunShape thick{16 * tebibyte / 512, 512, false};

Outcome refused(SenseCode code) { return illegal_request(code); }

TEST(Cdb, ReadsSixByteFields) {
    const Order order = judge(make_cdb(Opcode::read_6, {{1, 3, 0x012345}, {4, 1, 7}}), shape, {}).order;
    EXPECT_EQ(order.kind, Kind::read);
    EXPECT_EQ(order.extent, (Extent{0x012345 * 512, 7 * 512}));
}

TEST(Cdb, SixByteZeroMeans256) {
    EXPECT_EQ(judge(make_cdb(Opcode::read_6, {}), shape, {}).order.extent.length, 256 * 512u);
}

TEST(Cdb, SixByteIgnoresTheBitsAboveTheLba) {
    const Judgement judgement = judge(make_cdb(Opcode::read_6, {{1, 3, 0xe00001}, {4, 1, 1}}), shape, {});
    EXPECT_EQ(judgement.order.extent.offset, 512u);
    EXPECT_EQ(judgement.refusal, Outcome{});
}

TEST(Cdb, ReadsTenByteFields) {
    const Order order = judge(make_cdb(Opcode::read_10, {{2, 4, 0xfffffff0}, {7, 2, 3}}), shape, {}).order;
    EXPECT_EQ(order.extent, (Extent{0xfffffff0ull * 512, 3 * 512}));
    EXPECT_EQ(order.in_bytes, 3 * 512u);
}

TEST(Cdb, ReadsTwelveByteFields) {
    const Order order = judge(make_cdb(Opcode::read_12, {{2, 4, 5}, {6, 4, 9}}), shape, {}).order;
    EXPECT_EQ(order.extent, (Extent{5 * 512, 9 * 512}));
}

TEST(Cdb, ReadsSixteenByteFields) {
    const Order order = judge(cdb16(Opcode::read_16, 0x123456789, 4), shape, {}).order;
    EXPECT_EQ(order.extent, (Extent{0x123456789 * 512, 4 * 512}));
}

TEST(Cdb, TakesFuaFromTheCdb) {
    const auto data = filled(512, 1);
    EXPECT_TRUE(judge(cdb16(Opcode::write_16, 0, 1, 0x08), shape, data).order.fua);
    EXPECT_FALSE(judge(cdb16(Opcode::write_16, 0, 1, 0x10), shape, data).order.fua);
    EXPECT_FALSE(judge(make_cdb(Opcode::write_6, {{1, 3, 0x080000}, {4, 1, 1}}), shape, data).order.fua);
}

TEST(Cdb, RefusesProtectionInformation) {
    for (const Opcode opcode : {Opcode::read_16, Opcode::write_16, Opcode::verify_16, Opcode::orwrite_16,
                                Opcode::write_and_verify_16, Opcode::write_same_16, Opcode::compare_and_write}) {
        const auto data = filled(1024, 0);
        EXPECT_EQ(judge(cdb16(opcode, 0, 1, 0x20), shape, data).refusal, refused(SenseCode::invalid_field_in_cdb))
            << static_cast<int>(opcode);
    }
}

TEST(Cdb, RefusesWhatLiesBeyondTheEnd) {
    const auto data = filled(512, 1);
    EXPECT_EQ(judge(cdb16(Opcode::read_16, shape.blocks, 1), shape, {}).refusal, refused(SenseCode::lba_out_of_range));
    EXPECT_EQ(judge(cdb16(Opcode::read_16, shape.blocks - 1, 2), shape, {}).refusal,
              refused(SenseCode::lba_out_of_range));
    EXPECT_EQ(judge(cdb16(Opcode::write_16, ~0ull, 1), shape, data).refusal, refused(SenseCode::lba_out_of_range));
    EXPECT_EQ(judge(cdb16(Opcode::read_16, std::uint64_t{1} << 63, 1), shape, {}).refusal,
              refused(SenseCode::lba_out_of_range));
}

TEST(Cdb, ZeroBlocksIsNothingToDoInsideTheUnitOnly) {
    const Judgement inside = judge(cdb16(Opcode::read_16, 0, 0), shape, {});
    EXPECT_EQ(inside.order.kind, Kind::nothing);
    EXPECT_EQ(inside.refusal, Outcome{});
    EXPECT_EQ(judge(cdb16(Opcode::read_16, shape.blocks, 0), shape, {}).refusal, refused(SenseCode::lba_out_of_range));
}

TEST(Cdb, RefusesTransfersOverTheAnnouncedLimit) {
    constexpr std::uint64_t blocks = dst_transfer_bytes_max / 512;
    EXPECT_EQ(judge(cdb16(Opcode::read_16, 0, blocks), shape, {}).refusal, Outcome{});
    EXPECT_EQ(judge(cdb16(Opcode::read_16, 0, blocks + 1), shape, {}).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, AWriteActsOnTheWholeBlocksThatCame) {
    const auto data = filled(512, 1);
    const Judgement judgement = judge(cdb16(Opcode::write_16, 4, 2), shape, data);
    EXPECT_EQ(judgement.order.extent, (Extent{4 * 512, 512}));
    EXPECT_EQ(judgement.order.out_bytes, 1024u) << "the residual counts what the CDB asked for";
    EXPECT_EQ(judge(cdb16(Opcode::write_16, 4, 2), shape, {}).order.kind, Kind::nothing);
}

TEST(Cdb, ATornBlockIsNotWritten) {
    const auto data = filled(200, 1);
    const Judgement judgement = judge(cdb16(Opcode::write_16, 0, 1), shape, data);
    EXPECT_EQ(judgement.refusal, refused(SenseCode::invalid_field_in_information_unit));
    EXPECT_EQ(judgement.order.out_bytes, 512u);
}

TEST(Cdb, VerifyKnowsThreeWaysToCompare) {
    const auto data = filled(1024, 1);
    EXPECT_EQ(judge(cdb16(Opcode::verify_16, 0, 2, 0x00), shape, {}).order.compare, Compare::nothing);
    EXPECT_EQ(judge(cdb16(Opcode::verify_16, 0, 2, 0x02), shape, data).order.compare, Compare::data_out);
    EXPECT_EQ(judge(cdb16(Opcode::verify_16, 0, 2, 0x06), shape, filled(512, 1)).order.compare, Compare::one_block);
    EXPECT_EQ(judge(cdb16(Opcode::verify_16, 0, 2, 0x04), shape, data).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, VerifyNeedsTheDataItComparesWith) {
    EXPECT_EQ(judge(cdb16(Opcode::verify_16, 0, 2, 0x02), shape, filled(512, 1)).refusal,
              refused(SenseCode::invalid_field_in_information_unit));
}

TEST(Cdb, WriteAndVerifyWritesThrough) {
    const Order order = judge(cdb16(Opcode::write_and_verify_16, 0, 1, 0x02), shape, filled(512, 1)).order;
    EXPECT_TRUE(order.fua);
    EXPECT_EQ(order.compare, Compare::data_out);
    EXPECT_EQ(judge(cdb16(Opcode::write_and_verify_16, 0, 1, 0x06), shape, filled(512, 1)).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, CompareAndWriteNeedsTwiceItsBlocks) {
    EXPECT_EQ(judge(test::compare_and_write_cdb(0, 1), shape, filled(1024, 1)).order.kind, Kind::compare_and_write);
    EXPECT_EQ(judge(test::compare_and_write_cdb(0, 1), shape, filled(2048, 1)).refusal,
              refused(SenseCode::invalid_field_in_cdb));
    EXPECT_EQ(judge(test::compare_and_write_cdb(0, 3), shape, filled(2048, 1)).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, CompareAndWriteHasALimit) {
    EXPECT_EQ(judge(test::compare_and_write_cdb(0, dst_compare_blocks_max + 1), shape,
                    filled(2 * 512 * (dst_compare_blocks_max + 1), 0))
                  .refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, WriteSameOfZeroesAndOfOtherDataDiffer) {
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8), shape, filled(512, 0)).order.kind, Kind::write_zeroes);
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8), shape, filled(512, 1)).order.kind, Kind::write_pattern);
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, 0x08), shape, filled(512, 0)).order.kind, Kind::unmap_range);
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, 0x08), shape, filled(512, 1)).order.kind, Kind::unmap_range)
        << "with UNMAP the data do not matter";
}

TEST(Cdb, WriteSameWithoutDataMeansZeroes) {
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, 0x01), shape, {}).order.kind, Kind::write_zeroes);
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, 0x09), shape, {}).order.kind, Kind::unmap_range);
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, 0x00), shape, {}).refusal,
              refused(SenseCode::parameter_list_length_error));
}

TEST(Cdb, WriteSame10HasNoFlagForMissingData) {
    EXPECT_EQ(judge(make_cdb(Opcode::write_same_10, {{1, 1, 1}, {7, 2, 1}}), shape, {}).refusal,
              refused(SenseCode::parameter_list_length_error));
}

TEST(Cdb, WriteSameRefusesAnchorPhysicalAndLogicalData) {
    for (const unsigned flags : {0x10u, 0x18u, 0x04u, 0x02u}) {
        EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, flags), shape, filled(512, 0)).refusal,
                  refused(SenseCode::invalid_field_in_cdb))
            << flags;
    }
}

TEST(Cdb, WriteSameOfZeroBlocksGoesToTheEndWithinTheLimit) {
    const Judgement last = judge(cdb16(Opcode::write_same_16, shape.blocks - 5, 0), shape, filled(512, 0));
    EXPECT_EQ(last.order.extent, (Extent{(shape.blocks - 5) * 512, 5 * 512}));
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 0), shape, filled(512, 0)).refusal,
              refused(SenseCode::invalid_field_in_cdb));
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, shape.blocks, 0), shape, filled(512, 0)).refusal,
              refused(SenseCode::lba_out_of_range));
}

TEST(Cdb, LengthsOf32BitsAndMoreDoNotWrap) {
    // 2^23 blocks of 512 are 2^32 bytes.
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 1u << 23), shape, filled(512, 0)).refusal,
              refused(SenseCode::invalid_field_in_cdb));
    EXPECT_EQ(judge(cdb16(Opcode::verify_16, 0, 0xffffffff), shape, {}).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, UnmappingNeedsAThinUnit) {
    const auto list = unmap_parameters({{0, 8}});
    EXPECT_EQ(judge(unmap_cdb(list.size()), thick, list).refusal, refused(SenseCode::invalid_operation_code));
    EXPECT_EQ(judge(cdb16(Opcode::write_same_16, 0, 8, 0x08), thick, filled(512, 0)).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, UnmapTakesDescriptorsAsTheyCome) {
    const auto list = unmap_parameters({{0, 8}, {shape.blocks, 0}, {100, 1}});
    EXPECT_EQ(judge(unmap_cdb(list.size()), shape, list).order.kind, Kind::unmap_list);
    EXPECT_EQ(unmap_descriptors(list), 3u);
    EXPECT_EQ(unmap_descriptor(list, 2, shape), (Extent{100 * 512, 512}));
}

TEST(Cdb, UnmapWithoutParametersIsGood) {
    const Judgement judgement = judge(unmap_cdb(0), shape, {});
    EXPECT_EQ(judgement.order.kind, Kind::nothing);
    EXPECT_EQ(judgement.refusal, Outcome{});
}

TEST(Cdb, UnmapRefusesBrokenLists) {
    auto list = unmap_parameters({{0, 8}});
    EXPECT_EQ(judge(unmap_cdb(4), shape, list).refusal, refused(SenseCode::parameter_list_length_error));
    EXPECT_EQ(judge(unmap_cdb(list.size() - 16), shape, list).refusal, refused(SenseCode::parameter_list_length_error));
    EXPECT_EQ(judge(unmap_cdb(list.size() + 16), shape, list).refusal, refused(SenseCode::parameter_list_length_error));
    list[2] = std::byte{0xff};
    EXPECT_EQ(judge(unmap_cdb(list.size()), shape, list).refusal, refused(SenseCode::parameter_list_length_error));
}

TEST(Cdb, UnmapRefusesWhatLiesBeyondTheEnd) {
    const auto list = unmap_parameters({{0, 8}, {shape.blocks - 1, 2}});
    EXPECT_EQ(judge(unmap_cdb(list.size()), shape, list).refusal, refused(SenseCode::lba_out_of_range));
}

TEST(Cdb, UnmapHasLimits) {
    const auto long_list = unmap_parameters({{0, dst_range_bytes_max / 512}, {1 << 24, 1}});
    EXPECT_EQ(judge(unmap_cdb(long_list.size()), shape, long_list).refusal,
              refused(SenseCode::invalid_field_in_parameter_list));
    const auto many = unmap_parameters(std::vector<test::UnmapRange>(dst_unmap_descriptors_max + 1, {0, 1}));
    EXPECT_EQ(judge(unmap_cdb(many.size()), shape, many).refusal, refused(SenseCode::invalid_field_in_parameter_list));
}

TEST(Cdb, UnmapRefusesAnchor) {
    auto cdb = unmap_cdb(0);
    cdb[1] = 1;
    EXPECT_EQ(judge(cdb, shape, {}).refusal, refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, SynchronizeCacheAndPreFetchCheckTheirRange) {
    for (const Opcode opcode : {Opcode::synchronize_cache_16, Opcode::pre_fetch_16}) {
        EXPECT_EQ(judge(cdb16(opcode, 0, 0), shape, {}).refusal, Outcome{});
        EXPECT_EQ(judge(cdb16(opcode, shape.blocks - 1, 2), shape, {}).refusal, refused(SenseCode::lba_out_of_range));
        EXPECT_EQ(judge(cdb16(opcode, shape.blocks, 0), shape, {}).refusal, refused(SenseCode::lba_out_of_range));
    }
}

TEST(Cdb, RefusesUnknownCommands) {
    Cdb cdb{};
    cdb[0] = 0x3b;
    EXPECT_EQ(judge(cdb, shape, {}).refusal, refused(SenseCode::invalid_operation_code));
    EXPECT_EQ(judge(make_cdb(Opcode::service_action_in_16, {{1, 1, 0x11}}), shape, {}).refusal,
              refused(SenseCode::invalid_field_in_cdb));
}

TEST(Cdb, RecognisesZeroes) {
    auto bytes = filled(512, 0);
    EXPECT_TRUE(all_zero(bytes));
    EXPECT_TRUE(all_zero({}));
    bytes[511] = std::byte{1};
    EXPECT_FALSE(all_zero(bytes));
    EXPECT_FALSE(all_zero(filled(512, 7)));
}

}  // namespace
}  // namespace dst::tgt
