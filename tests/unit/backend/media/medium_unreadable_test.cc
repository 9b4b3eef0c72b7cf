// M6: a promise that the disk neither took nor lets be looked at.
#include "support/medium_fixture.h"

namespace dst {
namespace {

class MediumUnreadable : public test::MediumFixture {
protected:
    MediumUnreadable() {
        label();
        open();
        EXPECT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    }
    /// A disk whose label area answers nothing but errors.
    Result<LabelImage> promise_in_vain(test::FakeSession& session, const Epoch& to) {
        const Peek seen = *peek(session);
        platter.fail(std::nullopt, {medium_bytes - label_area_bytes, label_area_bytes}, Errc::io_error);
        Result<LabelImage> result = promise(session, seen, to);
        platter.clear_failures();
        return result;
    }
    void write_past_programs(const Epoch& promised) {
        Label written = *decode_label(*promise(*first, *peek(*first), epoch(4, 0xa)));
        written.promised = promised;
        written.sequence += 1;
        for (const unsigned copy : {0u, 1u}) {
            platter.write(label_copy(medium_bytes, copy).offset, encode_label(written));
        }
    }
};

TEST_F(MediumUnreadable, M6HeadThatHasItGoesOn) {
    ASSERT_FALSE(promise_in_vain(*second, epoch(9, 0xb)).has_value());
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
    EXPECT_EQ(io(*second, Operation::write), Errc::refused);
}

TEST_F(MediumUnreadable, M6HeadThatAsksAgainGetsIt) {
    ASSERT_FALSE(promise_in_vain(*second, epoch(9, 0xb)).has_value());
    ASSERT_TRUE(promise(*second, epoch(9, 0xb)).has_value());
    EXPECT_EQ(io(*second, Operation::write), Errc::ok);
    EXPECT_EQ(io(*first, Operation::write), Errc::fenced);
}

TEST_F(MediumUnreadable, M6HeadThatAsksAgainGetsWhatHadBeenWrittenAllTheSame) {
    ASSERT_FALSE(promise_in_vain(*second, epoch(9, 0xb)).has_value());
    write_past_programs(epoch(9, 0xb));
    ASSERT_TRUE(promise(*second, epoch(9, 0xb)).has_value());
    EXPECT_EQ(io(*second, Operation::write), Errc::ok);
    EXPECT_EQ(io(*first, Operation::write), Errc::fenced);
}

TEST_F(MediumUnreadable, M6HeadThatHasItIsMarkedAndGoesOnWhateverHadBeenWritten) {
    ASSERT_FALSE(promise_in_vain(*second, epoch(9, 0xb)).has_value());
    write_past_programs(epoch(9, 0xb));
    ASSERT_EQ(decode_label(peek(*second)->label)->promised, epoch(9, 0xb));
    ASSERT_TRUE(mark_served(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(io(*first, Operation::write), Errc::ok);
    kill_and_restart([] {});
    EXPECT_EQ(medium->label()->promised, epoch(4, 0xa));
}

}  // namespace
}  // namespace dst
