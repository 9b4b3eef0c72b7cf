#include "tgt/sense.h"

#include <gtest/gtest.h>

namespace dst::tgt {
namespace {

struct Row {
    Errc error;
    Access access;
    Outcome outcome;
};

class SenseTable : public ::testing::TestWithParam<Row> {};

TEST_P(SenseTable, MapsTheError) { EXPECT_EQ(outcome_of(GetParam().error, GetParam().access), GetParam().outcome); }

INSTANTIATE_TEST_SUITE_P(
    All, SenseTable,
    ::testing::Values(
        Row{Errc::ok, Access::read, {}},
        Row{Errc::medium_error, Access::read,
            check_condition(SenseKey::medium_error, SenseCode::unrecovered_read_error)},
        Row{Errc::medium_error, Access::write, check_condition(SenseKey::medium_error, SenseCode::write_error)},
        Row{Errc::io_error, Access::write, check_condition(SenseKey::medium_error, SenseCode::write_error)},
        Row{Errc::not_ready, Access::write, check_condition(SenseKey::not_ready, SenseCode::becoming_ready)},
        Row{Errc::busy, Access::read, {Status::busy, SenseKey::none, SenseCode::none, std::nullopt}},
        Row{Errc::fenced, Access::write, check_condition(SenseKey::hardware_error, SenseCode::internal_target_failure)},
        Row{Errc::no_space, Access::write, check_condition(SenseKey::data_protect, SenseCode::space_allocation_failed)},
        Row{Errc::disconnected, Access::write,
            check_condition(SenseKey::hardware_error, SenseCode::communication_failure)},
        Row{Errc::mismatch, Access::read, check_condition(SenseKey::miscompare, SenseCode::miscompare_during_verify)}));

TEST(Sense, AFailureIsNeverGood) {
    for (std::uint8_t code = 1; code < errc_count; ++code) {
        for (const Access access : {Access::read, Access::write}) {
            EXPECT_NE(outcome_of(static_cast<Errc>(code), access).status, Status::good) << unsigned{code};
        }
    }
}

TEST(Sense, APartlyDoneAtomicCommandNeverAsksToBeSentAgain) {
    for (std::uint8_t code = 1; code < errc_count; ++code) {
        const Outcome outcome = outcome_partly_done(static_cast<Errc>(code));
        EXPECT_EQ(outcome.status, Status::check_condition) << unsigned{code};
        EXPECT_FALSE(asks_to_send_again(outcome)) << unsigned{code};
    }
}

TEST(Sense, HeldRequestsAskToBeSentAgain) {
    EXPECT_TRUE(asks_to_send_again(outcome_of(Errc::not_ready, Access::write)));
    EXPECT_TRUE(asks_to_send_again(outcome_of(Errc::busy, Access::write)));
    EXPECT_FALSE(asks_to_send_again(outcome_of(Errc::fenced, Access::write)));
    EXPECT_FALSE(asks_to_send_again(outcome_of(Errc::disconnected, Access::write)));
}

}  // namespace
}  // namespace dst::tgt
