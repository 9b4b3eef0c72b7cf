// A label that lies there already, asked for again: whether both copies have it, durably.
#include "support/medium_fixture.h"

namespace dst {
namespace {

class MediumLabelAgain : public test::MediumFixture {
protected:
    MediumLabelAgain() {
        label();
        open();
        EXPECT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
        EXPECT_TRUE(mark_served(*first, epoch(4, 0xa)).has_value());
    }

    /// As a process leaves it that died between the two copies.
    void only_the_first_copy(const std::function<void(Label&)>& change) {
        const LabelChoice there = on_disk();
        Label label = *there.label;
        change(label);
        label.sequence = there.next_sequence;
        platter.write(label_copy(medium_bytes, there.next_copy).offset, encode_label(label));
    }
    /// The next write fails; some of it, or all, is there when the disk is read.
    void fail_next_write() {
        platter.clear_failures();
        platter.fail(Operation::write, {0, medium_bytes}, Errc::io_error, 1, sim::SimPlatter::Landing::in_part);
    }
    /// A promise that failed, and lies there all the same.
    Epoch promise_that_arrived() {
        for (std::uint64_t number = 5; number < 50; ++number) {
            fail_next_write();
            EXPECT_FALSE(promise(*first, epoch(number, 0xa)).has_value());
            if (medium->label()->promised.number == number) return medium->label()->promised;
        }
        ADD_FAILURE() << "none arrived";
        return {};
    }
    /// What the label says when one of its copies rots, and then only the other one.
    std::vector<Label> when_one_rots() {
        std::vector<Label> labels;
        for (unsigned copy = 0; copy < 2; ++copy) {
            const Bytes kept = platter.read(label_copy(medium_bytes, copy));
            platter.write(label_copy(medium_bytes, copy).offset, Bytes(512, std::byte{0xee}));
            labels.push_back(on_disk().label.value_or(Label{}));
            platter.write(label_copy(medium_bytes, copy).offset, kept);
        }
        return labels;
    }
    void expect_both_promise(const Epoch& promised) {
        for (const Label& label : when_one_rots()) EXPECT_EQ(label.promised, promised);
    }
    void expect_both_served(const Epoch& served) {
        for (const Label& label : when_one_rots()) EXPECT_EQ(label.served, served);
    }
};

TEST_F(MediumLabelAgain, M6PromiseOfWhichACrashLeftOneCopyGetsTheOther) {
    only_the_first_copy([](Label& label) { label.promised = epoch(5, 0xa); });
    restart();
    ASSERT_EQ(medium->label()->promised, epoch(5, 0xa));
    ASSERT_TRUE(promise(*first, epoch(5, 0xa)).has_value());
    expect_both_promise(epoch(5, 0xa));
}

TEST_F(MediumLabelAgain, M6PromiseThatFailedAndArrivedIsWrittenAgain) {
    const Epoch arrived = promise_that_arrived();
    ASSERT_TRUE(promise(*first, arrived).has_value());
    expect_both_promise(arrived);
}

/// Its pages may be in a memory above the disk.
TEST_F(MediumLabelAgain, M6PromiseThatWasOnlyReadIsWrittenAgain) {
    restart();
    const std::uint64_t writes = platter.counters().writes;
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(platter.counters().writes, writes + 2);
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(platter.counters().writes, writes + 2) << "by now it is known to be there";
}

TEST_F(MediumLabelAgain, M6PromiseWhoseCopyRottedMeanwhileIsWrittenAgain) {
    platter.write(label_copy(medium_bytes, 1).offset, Bytes(512, std::byte{0xee}));
    ASSERT_TRUE(promise(*first, epoch(4, 0xa)).has_value());
    expect_both_promise(epoch(4, 0xa));
}

TEST_F(MediumLabelAgain, M5MarkOfWhichACrashLeftOneCopyGetsTheOther) {
    ASSERT_TRUE(promise(*first, epoch(5, 0xa)).has_value());
    only_the_first_copy([](Label& label) { label.served = epoch(5, 0xa); });
    restart();
    ASSERT_EQ(medium->adopt_epoch(*first, epoch(5, 0xa)), Errc::ok);
    ASSERT_TRUE(mark_served(*first, epoch(5, 0xa)).has_value());
    expect_both_served(epoch(5, 0xa));
}

TEST_F(MediumLabelAgain, M5MarkThatFailedAndArrivedIsWrittenAgain) {
    for (std::uint64_t number = 5; number < 50; ++number) {
        ASSERT_TRUE(promise(*first, epoch(number, 0xa)).has_value());
        fail_next_write();
        ASSERT_FALSE(mark_served(*first, epoch(number, 0xa)).has_value());
        if (medium->label()->served.number != number) continue;
        ASSERT_TRUE(mark_served(*first, epoch(number, 0xa)).has_value());
        expect_both_served(epoch(number, 0xa));
        return;
    }
    FAIL() << "none arrived";
}

TEST_F(MediumLabelAgain, M5MarkThatIsKnownToBeThereIsNotWrittenAgain) {
    const std::uint64_t writes = platter.counters().writes;
    ASSERT_TRUE(mark_served(*first, epoch(4, 0xa)).has_value());
    EXPECT_EQ(platter.counters().writes, writes);
}

}  // namespace
}  // namespace dst
