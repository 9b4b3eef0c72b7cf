#include "media/label_area.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "simworld/sim_disk.h"
#include "support/samples.h"

namespace dst {
namespace {

/// Notes the order in which the disk carries requests out: "write 0", "flush"...
class LabelAreaTest : public testing::Test {
protected:
    static constexpr std::uint64_t medium_bytes = 1u << 20;

    LabelAreaTest() : platter(loop, {.size_bytes = medium_bytes}), disk(loop, platter, "/dev/sim"), area(disk) {
        disk.open();
        loop.run_until_idle();
        area.set_medium_bytes(medium_bytes);
        platter.on_carry_out = [this](const Request& request) {
            std::string text(to_string(request.operation));
            for (unsigned copy = 0; copy < 2; ++copy) {
                if (request.extent == label_copy(medium_bytes, copy)) text += " " + std::to_string(copy);
            }
            if (request.operation == Operation::write && request.fua) text += " fua";
            order.push_back(text);
        };
    }
    ~LabelAreaTest() override {
        disk.close([] {});
        loop.run_until_idle();
    }

    Errc read() {
        return wait([this](auto done) { area.read(std::move(done)); });
    }
    Errc write(std::uint64_t sequence) {
        Label label = test::sample_label();
        label.sequence = sequence;
        return wait([&](auto done) { area.write(encode_label(label), std::move(done)); });
    }
    Errc erase() {
        return wait([this](auto done) { area.erase(std::move(done)); });
    }
    Errc wait(const std::function<void(std::function<void(Errc)>)>& begin) {
        order.clear();
        std::optional<Errc> answer;
        begin([&](Errc code) { answer = code; });
        EXPECT_FALSE(answer);
        loop.run_until_idle();
        EXPECT_TRUE(answer.has_value());
        EXPECT_TRUE(area.idle());
        return answer.value_or(Errc::timed_out);
    }

    sim::SimLoop loop;
    sim::SimPlatter platter;
    sim::SimDisk disk;
    LabelArea area;
    std::vector<std::string> order;
};

using Order = std::vector<std::string>;

TEST_F(LabelAreaTest, ReadsBothCopies) {
    EXPECT_EQ(read(), Errc::ok);
    EXPECT_EQ(order, (Order{"read 0", "read 1"}));
    EXPECT_EQ(area.choice().state, LabelState::absent);
}

TEST_F(LabelAreaTest, WritesTheCopyThatDoesNotCountDurablyBeforeTheOther) {
    platter.write(label_copy(medium_bytes, 0).offset, encode_label(test::sample_label()));
    read();
    EXPECT_EQ(write(10), Errc::ok);
    EXPECT_EQ(order, (Order{"write 1 fua", "flush", "write 0 fua", "flush"}));
    EXPECT_EQ(area.choice().label->sequence, 10u);
    EXPECT_FALSE(area.choice().one_copy_bad);
}

TEST_F(LabelAreaTest, ErasesTheCopyThatCountsLast) {
    platter.write(label_copy(medium_bytes, 1).offset, encode_label(test::sample_label()));
    read();
    EXPECT_EQ(erase(), Errc::ok);
    EXPECT_EQ(order,
              (Order{std::string(to_string(Operation::write_zeroes)), "write 0 fua", "flush", "write 1 fua", "flush"}));
    EXPECT_EQ(area.choice().state, LabelState::absent);
}

TEST_F(LabelAreaTest, ErasesTheWholeAreaAndWhatLiesBehindIt) {
    const std::uint64_t odd_bytes = medium_bytes - 512;
    const std::uint64_t begin = label_copy(odd_bytes, 0).offset;
    area.set_medium_bytes(odd_bytes);
    platter.write(begin - 4096, Bytes(medium_bytes - begin + 4096, std::byte{7}));
    read();
    EXPECT_EQ(erase(), Errc::ok);
    EXPECT_EQ(platter.read({begin, odd_bytes - begin}), Bytes(odd_bytes - begin));
    EXPECT_EQ(platter.read({begin - 4096, 4096}), Bytes(4096, std::byte{7}));
}

TEST_F(LabelAreaTest, AFailedClearingLeavesTheLabel) {
    platter.write(label_copy(medium_bytes, 1).offset, encode_label(test::sample_label()));
    read();
    platter.fail(Operation::write_zeroes, {0, medium_bytes}, Errc::medium_error, 1);
    EXPECT_EQ(erase(), Errc::medium_error);
    EXPECT_EQ(area.choice().state, LabelState::valid);
}

TEST_F(LabelAreaTest, ReadsWhatIsThereAfterAFailedWrite) {
    read();
    platter.fail(Operation::write, {0, medium_bytes}, Errc::no_space, 1);
    EXPECT_EQ(write(1), Errc::no_space);
    EXPECT_EQ(order, (Order{"read 0", "read 1"}));
    EXPECT_EQ(area.choice().state, LabelState::absent);
}

TEST_F(LabelAreaTest, IsContentWithOneCopyWhenTheSecondFails) {
    read();
    platter.fail(Operation::write, label_copy(medium_bytes, 1), Errc::medium_error);
    EXPECT_EQ(write(1), Errc::ok);
    EXPECT_EQ(area.choice().state, LabelState::valid);
    EXPECT_TRUE(area.choice().one_copy_bad);
    EXPECT_EQ(area.choice().next_copy, 1u);
}

TEST_F(LabelAreaTest, KnowsAsDurableWhatItWroteTwiceAndStillFinds) {
    read();
    EXPECT_FALSE(area.durable());
    write(1);
    read();
    EXPECT_TRUE(area.durable());
    platter.write(label_copy(medium_bytes, 1).offset, Bytes(512, std::byte{0xee}));
    read();
    EXPECT_FALSE(area.durable());
    write(2);
    EXPECT_TRUE(area.durable());
    area.forget_what_is_durable();
    read();
    EXPECT_FALSE(area.durable()) << "what is read may be in a cache only";
}

TEST_F(LabelAreaTest, KnowsNothingAsDurableAfterEitherWriteFailed) {
    read();
    for (unsigned copy = 0; copy < 2; ++copy) {
        write(1 + copy);
        ASSERT_TRUE(area.durable());
        platter.fail(Operation::write, label_copy(medium_bytes, copy), Errc::medium_error, 1);
        write(11 + copy);
        EXPECT_FALSE(area.durable());
        read();
        EXPECT_FALSE(area.durable());
    }
}

TEST_F(LabelAreaTest, KeepsWhatItKnowsWhenTheMediumLeaves) {
    platter.write(label_copy(medium_bytes, 0).offset, encode_label(test::sample_label()));
    read();
    platter.fail(Operation::read, {0, medium_bytes}, Errc::disconnected, 1);
    EXPECT_EQ(read(), Errc::disconnected);
    EXPECT_EQ(area.choice().state, LabelState::valid);
}

TEST_F(LabelAreaTest, SendsNothingMoreWhenStopped) {
    std::optional<Errc> answer;
    order.clear();
    area.read([&](Errc code) { answer = code; });
    area.stop();
    loop.run_until_idle();
    EXPECT_EQ(answer, Errc::cancelled);
    EXPECT_EQ(order, (Order{"read 0"}));
}

}  // namespace
}  // namespace dst
