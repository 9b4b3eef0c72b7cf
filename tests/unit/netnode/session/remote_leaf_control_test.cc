// Orders beside the data path, several connections, and the end of a remote leaf.
#include "support/client_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

TEST(RemoteLeafControl, PeekIsOneOrderAndItsAnswer) {
    ClientRig rig;
    rig.come_up();
    std::optional<Result<Peek>> result;
    rig.leaf->peek([&result](Result<Peek> answered) { result = std::move(answered); });
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 1u);
    EXPECT_EQ(orders[0].header.kind, Kind::peek);
    Peek peek;
    peek.label_state = LabelState::valid;
    peek.label.fill(std::byte{3});
    peek.live = LiveHead{{5, id_of(5)}, "tgtd[7] on alpha at 10.0.0.1:5"};
    rig.send(answer(orders[0].header), wire::encode(peek));
    ASSERT_TRUE(result && *result);
    EXPECT_EQ((*result)->label, peek.label);
    EXPECT_EQ((*result)->live, peek.live);
}

TEST(RemoteLeafControl, AnErrorComesWithItsReason) {
    ClientRig rig;
    rig.come_up();
    std::optional<Result<Probe>> result;
    rig.leaf->probe([&result](Result<Probe> answered) { result = std::move(answered); });
    wire::Header failed = answer(rig.orders().at(0).header);
    failed.status = Errc::io_error;
    failed.reason = true;
    rig.send(failed, text_bytes("the disk is gone"));
    ASSERT_TRUE(result && !*result);
    EXPECT_EQ(result->error(), (Error{Errc::io_error, "the disk is gone"}));
}

TEST(RemoteLeafControl, AnswersDisconnectedWhileDownAndWhenTheConnectionIsLost) {
    ClientRig rig;
    std::optional<Result<Peek>> down;
    rig.leaf->open();
    rig.leaf->peek([&down](Result<Peek> answered) { down = std::move(answered); });
    EXPECT_FALSE(down);
    rig.settle();
    ASSERT_TRUE(down && !*down);
    EXPECT_EQ(down->error().code, Errc::disconnected);

    rig.come_up(rig.wire());
    std::optional<Result<Peek>> lost;
    rig.leaf->peek([&lost](Result<Peek> answered) { lost = std::move(answered); });
    rig.lose(rig.wire());
    rig.settle();
    ASSERT_TRUE(lost && !*lost);
    EXPECT_EQ(lost->error().code, Errc::disconnected);
}

TEST(RemoteLeafControl, AfterAPromiseReconnectsNameItsEpoch) {
    ClientRig rig;
    rig.come_up();
    bool promised = false;
    rig.leaf->promise(Peek{}, {9, id_of(2)}, [&promised](Result<LabelImage> label) { promised = label.has_value(); });
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 1u);
    EXPECT_EQ(wire::decode_promise(orders[0].payload)->epoch, (Epoch{9, id_of(2)}));
    rig.send(answer(orders[0].header), wire::encode(LabelImage{}));
    EXPECT_TRUE(promised);
    rig.lose(rig.wire());
    rig.loop.run_for(milliseconds(110));
    EXPECT_EQ(rig.come_up(rig.wire()).epoch, (Epoch{9, id_of(2)}));
}

class RemoteLeafConnections : public testing::Test {
protected:
    static RemoteLeafOptions two() {
        RemoteLeafOptions options = ClientRig::default_options();
        options.connections = 2;
        return options;
    }
    RemoteLeafConnections() : rig(two()) {
        rig.opened.epoch_accepted = true;
        rig.leaf->set_identity(identity_with_epoch());
    }
    ClientRig rig;
};

TEST_F(RemoteLeafConnections, AllNameTheSameGroupAndShareTheRequests) {
    rig.leaf->open();
    const wire::Open first = rig.come_up(*rig.wires[0]);
    EXPECT_EQ(rig.ups, 1u);
    ASSERT_EQ(rig.wires.size(), 2u);
    const wire::Open second = rig.come_up(*rig.wires[1]);
    EXPECT_EQ(second.connection, first.connection);
    EXPECT_EQ(rig.ups, 1u);
    TestRequest one(Operation::read, {0, 512}, 512);
    TestRequest other(Operation::read, {512, 512}, 512);
    rig.leaf->submit(one.request);
    rig.leaf->submit(other.request);
    EXPECT_EQ(rig.orders(*rig.wires[0]).size(), 1u);
    EXPECT_EQ(rig.orders(*rig.wires[1]).size(), 1u);
    rig.close();
}

TEST_F(RemoteLeafConnections, OneThatDoesNotComeUpDisturbsNobody) {
    rig.leaf->open();
    rig.come_up(*rig.wires[0]);
    ASSERT_EQ(rig.wires.size(), 2u);
    rig.lose(*rig.wires[1]);
    EXPECT_TRUE(rig.leaf->up());
    rig.loop.run_for(milliseconds(110));
    EXPECT_EQ(rig.wires.size(), 3u);
}

TEST_F(RemoteLeafConnections, M14WhenAnOpenOneBreaksAllAreCut) {
    rig.leaf->open();
    rig.come_up(*rig.wires[0]);
    rig.come_up(*rig.wires[1]);
    rig.lose(*rig.wires[1]);
    EXPECT_FALSE(rig.leaf->up());
    EXPECT_TRUE(rig.wires[0]->closed);
    EXPECT_EQ(rig.downs, 1u);
}

TEST_F(RemoteLeafConnections, WhatIsPartlySentCompletesWhicheverOfThemBreaks) {
    rig.opened.request_bytes_max = 64u << 10;
    rig.opened.buffer_bytes_max = 64u << 10;
    rig.leaf->open();
    for (const std::size_t broken : {0u, 1u}) {
        rig.come_up(*rig.wires[rig.wires.size() - 1]);
        rig.come_up(*rig.wires[rig.wires.size() - 1]);
        const std::size_t first = rig.wires.size() - 2;
        TestRequest request(Operation::read, {0, 192u << 10}, 192u << 10);
        rig.leaf->submit(request.request);
        EXPECT_EQ(rig.orders(*rig.wires[first]).size(), 1u);
        EXPECT_EQ(rig.orders(*rig.wires[first + 1]).size(), 1u);
        rig.lose(*rig.wires[first + broken]);
        rig.settle();
        EXPECT_TRUE(request.completed);
        EXPECT_EQ(request.request.result, Errc::disconnected);
        rig.loop.run_for(milliseconds(110));
    }
}

TEST(RemoteLeafClose, CompletesWhatIsInFlightAsCancelled) {
    ClientRig rig;
    rig.come_up();
    TestRequest request(Operation::read, {0, 4096}, 4096);
    rig.leaf->submit(request.request);
    rig.settle();
    rig.close();
    EXPECT_TRUE(request.completed);
    EXPECT_EQ(request.request.result, Errc::cancelled);
    EXPECT_TRUE(rig.wire().closed);
}

TEST(RemoteLeafClose, SaysCloseWhenNothingIsInFlight) {
    ClientRig rig;
    rig.come_up();
    rig.close();
    const auto orders = take_frames(rig.wire().written);
    ASSERT_EQ(orders.size(), 1u);
    EXPECT_EQ(orders[0].header.kind, Kind::close);
}

TEST(RemoteLeafClose, WorksBeforeItWasEverOpened) {
    ClientRig rig;
    rig.close();
}

TEST(RemoteLeafChecksums, AreLeftOutWhenTheNetnodeDoesNotKnowThem) {
    ClientRig rig;
    rig.features = 0;
    rig.come_up();
    TestRequest request(Operation::write, {0, 4096}, 4096);
    request.data = filled(4096, 2);
    request.piece.data = request.data.data();
    rig.leaf->submit(request.request);
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 1u);
    EXPECT_EQ(orders[0].header.payload_crc, 0u);
    EXPECT_EQ(orders[0].payload, filled(4096, 2));
    rig.send(answer(orders[0].header));
    EXPECT_TRUE(request.completed);
}

}  // namespace
}  // namespace dst::test
