#include "tree/linear.h"

#include <gtest/gtest.h>

#include <memory>

#include "support/fake_device.h"
#include "support/test_request.h"

namespace dst {
namespace {

constexpr std::uint64_t part = 64u << 10;

class LinearTest : public ::testing::Test {
protected:
    LinearTest() {
        for (int i = 0; i < 3; ++i) devices.push_back(std::make_unique<FakeDevice>(loop, part));
        remake();
    }
    ~LinearTest() override {
        bool closed = false;
        linear->close([&] { closed = true; });
        EXPECT_TRUE(loop.run_until([&] { return closed; }));
    }
    void remake() {
        std::vector<BlockDevice*> children;
        for (const auto& device : devices) children.push_back(device.get());
        linear = std::make_unique<Linear>(loop, "l0", children);
        for (const auto& device : devices) device->set_observer(&linear->child_observer());
    }

    sim::SimLoop loop;
    std::vector<std::unique_ptr<FakeDevice>> devices;
    std::unique_ptr<Linear> linear;
};

TEST_F(LinearTest, SizesAreSummed) { EXPECT_EQ(linear->geometry().size_bytes, 3 * part); }

TEST_F(LinearTest, ChildrenAreRoundedDownToTheLargestBlock) {
    devices[0] = std::make_unique<FakeDevice>(loop, part + 512);
    devices[1]->geometry_.logical_block_bytes = 4096;
    remake();
    EXPECT_EQ(linear->geometry().logical_block_bytes, 4096u);
    EXPECT_EQ(linear->geometry().size_bytes, 3 * part);
}

TEST_F(LinearTest, ChildOfUnknownSizeLeavesTheSizeUnknown) {
    devices[1]->geometry_.size_bytes = 0;
    linear->refresh_geometry();
    EXPECT_EQ(linear->geometry().size_bytes, 0u);
}

TEST_F(LinearTest, WriteAcrossASeamIsSplit) {
    Bytes bytes = filled(4096, 1);
    std::fill(bytes.begin() + 1024, bytes.end(), std::byte{2});
    EXPECT_EQ(write(loop, *linear, part - 1024, bytes), Errc::ok);
    EXPECT_EQ(devices[0]->bytes(part - 1024, 1024), filled(1024, 1));
    EXPECT_EQ(devices[1]->bytes(0, 3072), filled(3072, 2));
}

TEST_F(LinearTest, ReadOverAllChildrenIsJoined) {
    for (std::uint64_t i = 0; i < 3; ++i) {
        EXPECT_EQ(write(loop, *linear, i * part, filled(part, static_cast<unsigned char>(i + 1))), Errc::ok);
    }
    TestRequest request(Operation::read, {0, 3 * part});
    EXPECT_EQ(run(loop, *linear, request), Errc::ok);
    EXPECT_EQ(request.bytes[part - 1], std::byte{1});
    EXPECT_EQ(request.bytes[part], std::byte{2});
    EXPECT_EQ(request.bytes[2 * part], std::byte{3});
}

TEST_F(LinearTest, FlushGoesToAllChildren) {
    EXPECT_EQ(flush(loop, *linear), Errc::ok);
    for (const auto& device : devices) EXPECT_EQ(device->log.size(), 1u);
}

TEST_F(LinearTest, FirstErrorByAddressIsTheAnswer) {
    devices[0]->fail(Operation::read, Errc::medium_error);
    devices[1]->fail(Operation::read, Errc::no_space);
    devices[0]->hold();
    TestRequest request(Operation::read, {0, 2 * part});
    request.submit(*linear);
    loop.run_for(std::chrono::milliseconds(1));
    EXPECT_FALSE(request.done);
    devices[0]->release();
    loop.run_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::medium_error);
}

TEST_F(LinearTest, ChildThatIsDownStopsOnlyWhatTouchesIt) {
    devices[1]->go_down();
    EXPECT_FALSE(linear->up());
    EXPECT_EQ(write(loop, *linear, 0, filled(4096, 1)), Errc::ok);
    EXPECT_EQ(write(loop, *linear, part, filled(4096, 1)), Errc::disconnected);
    EXPECT_TRUE(linear->up(Extent{0, 4096}));
    EXPECT_FALSE(linear->up(Extent{part - 512, 1024}));
}

TEST_F(LinearTest, M6TellsThatAChildIsFencedAlsoWhenItIsDownAlready) {
    class Above : public BlockDevice::Observer {
    public:
        void on_up(BlockDevice&) override {}
        void on_down(BlockDevice&, const Error& why) override { reasons.push_back(why.code); }
        std::vector<Errc> reasons;
    } above;
    linear->set_observer(&above);
    devices[1]->go_down();
    devices[1]->stay_down({Errc::fenced, "a newer head has taken over"});
    loop.run_for(std::chrono::milliseconds(1));
    ASSERT_FALSE(above.reasons.empty());
    EXPECT_EQ(above.reasons.back(), Errc::fenced);
    linear->set_observer(nullptr);
}

/// Incarnations before and after one part is another file.
struct LinearFiles : LinearTest {
    void all_are_files() {
        for (std::size_t i = 0; i < devices.size(); ++i) {
            devices[i]->set_incarnation(of_file(Id{{static_cast<std::uint8_t>(i + 1)}}));
        }
    }
    void move(std::size_t index) { devices[index]->set_incarnation(of_file(Id{{99}})); }
};

TEST_F(LinearFiles, AnotherFileOfAnyPartIsSeen) {
    all_are_files();
    const Incarnation before = linear->incarnation();
    move(1);
    EXPECT_FALSE(same_file(before, linear->incarnation()));
    EXPECT_TRUE(same_data(before, linear->incarnation()));
}

TEST_F(LinearFiles, AnotherFileBesideADiskIsSeen) {
    all_are_files();
    devices[0]->set_incarnation({});
    const Incarnation before = linear->incarnation();
    EXPECT_TRUE(same_file(before, linear->incarnation()));
    move(1);
    EXPECT_FALSE(same_file(before, linear->incarnation()));
    all_are_files();
    EXPECT_FALSE(same_file(before, linear->incarnation())) << "what is learnt may be of another file";
}

TEST_F(LinearFiles, OfDisksNothingIsKnown) {
    const Incarnation before = linear->incarnation();
    all_are_files();
    EXPECT_TRUE(same_file(before, linear->incarnation()));
}

TEST_F(LinearFiles, BesideAMirrorItSaysNothingOfTheData) {
    all_are_files();
    const Incarnation mirror{Id{{0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7}}};
    devices[0]->set_incarnation(mirror);
    const Incarnation before = linear->incarnation();
    move(1);
    EXPECT_TRUE(same_data(before, linear->incarnation()));
    EXPECT_FALSE(same_file(before, linear->incarnation()));
    all_are_files();
    devices[0]->set_incarnation(with_other_file(mirror, Id{{9}}));
    EXPECT_TRUE(same_data(before, linear->incarnation()));
    EXPECT_FALSE(same_file(before, linear->incarnation())) << "the mirror stands on other files";
    devices[0]->set_incarnation({Id{{0, 0, 0, 0, 0, 0, 0, 0, 8}}});
    EXPECT_FALSE(same_data(before, linear->incarnation())) << "it was started from older data";
}

TEST_F(LinearTest, IncarnationChangesWithAnyChild) {
    const Incarnation before = linear->incarnation();
    devices[2]->change_incarnation();
    EXPECT_NE(linear->incarnation(), before);
}

TEST_F(LinearTest, ChecksumAcrossASeamIsThatOfTheBytes) {
    const std::uint32_t piece = 24u << 10;  // neither seam is on a piece's edge
    Bytes all(3 * part);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 7 + i / 251);
    EXPECT_EQ(write(loop, *linear, 0, all), Errc::ok);
    FakeDevice whole(loop, 3 * part);
    EXPECT_EQ(write(loop, whole, 0, all), Errc::ok);
    const Extent extent{512, 3 * part - 1024};
    const Bytes room(checksum_result_bytes(extent, piece));
    TestRequest mine(Operation::checksum, extent, room);
    mine.request.checksum_piece_bytes = piece;
    EXPECT_EQ(run(loop, *linear, mine), Errc::ok);
    TestRequest expected(Operation::checksum, extent, room);
    expected.request.checksum_piece_bytes = piece;
    EXPECT_EQ(run(loop, whole, expected), Errc::ok);
    EXPECT_EQ(mine.bytes, expected.bytes);
}

}  // namespace
}  // namespace dst
