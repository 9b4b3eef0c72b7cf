#include "session/remote_leaf.h"

#include "support/client_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

TEST(RemoteLeafHandshake, SaysHelloThenOpensUnderItsIdentity) {
    ClientRig rig;
    rig.opened.epoch_accepted = true;
    rig.leaf->set_identity(identity_with_epoch());
    rig.leaf->open();
    const wire::Open open = rig.come_up(rig.wire());
    EXPECT_EQ(open.export_name, "disk0");
    EXPECT_EQ(open.storage, id_of(1));
    EXPECT_EQ(open.place, "/2");
    EXPECT_EQ(open.epoch, (Epoch{4, id_of(3)}));
    EXPECT_EQ(open.head, "tgtd[1] on alpha");
    EXPECT_FALSE(open.connection.is_nil());
    EXPECT_TRUE(open.replaces.is_nil());
    EXPECT_EQ(rig.ups, 1u);
    EXPECT_EQ(rig.leaf->geometry(), rig.opened.geometry);
    EXPECT_EQ(rig.leaf->incarnation(), rig.opened.incarnation);
    EXPECT_EQ(rig.leaf->last_error().code, Errc::ok);
}

TEST(RemoteLeafHandshake, ATimeoutOfTheConnectIsToldAndTriedAgain) {
    ClientRig rig;
    rig.leaf->open();
    rig.loop.run_for(milliseconds(3050));
    EXPECT_EQ(rig.downs, 1u);
    EXPECT_EQ(rig.last_down.code, Errc::timed_out);
    EXPECT_TRUE(rig.wires[0]->closed);
    rig.loop.run_for(milliseconds(100));
    EXPECT_EQ(rig.wires.size(), 2u);
}

TEST(RemoteLeafHandshake, ARefusedOpenIsTheLastErrorAndIsTriedAgainSlowly) {
    ClientRig rig;
    rig.leaf->open();
    rig.handshake(rig.wire());
    wire::Header refused = answer(rig.open_order);
    refused.status = Errc::fenced;
    refused.reason = true;
    rig.send(refused, text_bytes("disk0: a newer head\nhas taken over"));
    EXPECT_FALSE(rig.leaf->up());
    EXPECT_EQ(rig.leaf->last_error(), (Error{Errc::fenced, "disk0: a newer head?has taken over"}));
    EXPECT_EQ(rig.last_down.code, Errc::fenced);
    rig.loop.run_for(milliseconds(2400));
    EXPECT_EQ(rig.wires.size(), 1u);
    rig.loop.run_for(milliseconds(2700));
    EXPECT_EQ(rig.wires.size(), 2u);
}

TEST(RemoteLeafHandshake, ANewIdentityIsTriedSoonAfterARefusal) {
    ClientRig rig;
    rig.leaf->open();
    rig.handshake(rig.wire());
    wire::Header refused = answer(rig.open_order);
    refused.status = Errc::fenced;
    rig.send(refused);
    rig.leaf->set_identity(identity_with_epoch());
    rig.loop.run_for(milliseconds(101));
    EXPECT_EQ(rig.wires.size(), 2u);
}

TEST(RemoteLeafHandshake, BackOffGrowsToItsMaximum) {
    ClientRig rig;
    rig.leaf->open();
    std::vector<TimePoint> tries;
    for (int i = 0; i < 10; ++i) {
        tries.push_back(rig.loop.now());
        const std::size_t before = rig.wires.size();
        rig.lose(rig.wire());
        rig.loop.run_until([&] { return rig.wires.size() > before; }, seconds(20));
    }
    EXPECT_LE(tries[1] - tries[0], milliseconds(100));
    EXPECT_GE(tries[2] - tries[1], milliseconds(100));
    EXPECT_GE(tries[9] - tries[8], milliseconds(2500));
    EXPECT_LE(tries[9] - tries[8], milliseconds(5000));
    EXPECT_EQ(rig.downs, 1u);  // the same error is told once
}

TEST(RemoteLeafRequests, ComplainsAtOnceButNotFromInsideWhileDown) {
    ClientRig rig;
    rig.leaf->open();
    TestRequest request(Operation::flush, {});
    rig.leaf->submit(request.request);
    EXPECT_FALSE(request.completed);
    rig.settle();
    EXPECT_TRUE(request.completed);
    EXPECT_EQ(request.request.result, Errc::disconnected);
}

TEST(RemoteLeafRequests, AllOfOneTurnGoOutInOneWrite) {
    ClientRig rig;
    rig.come_up();
    const std::size_t before = rig.wire().write_calls;
    std::vector<std::unique_ptr<TestRequest>> requests;
    for (std::uint64_t i = 0; i < 20; ++i) {
        requests.push_back(std::make_unique<TestRequest>(Operation::write, Extent{i * 4096, 4096}, 4096));
        requests.back()->data = filled(4096, static_cast<unsigned>(i));
        requests.back()->piece.data = requests.back()->data.data();
        rig.leaf->submit(requests.back()->request);
    }
    EXPECT_TRUE(rig.wire().written.empty());
    const auto orders = rig.orders();
    EXPECT_EQ(rig.wire().write_calls, before + 1);
    ASSERT_EQ(orders.size(), 20u);
    EXPECT_EQ(orders[7].header.extent, (Extent{7 * 4096, 4096}));
    EXPECT_EQ(orders[7].payload, filled(4096, 7));
    EXPECT_EQ(orders[7].header.payload_crc, wire::crc32c(orders[7].payload));
    for (const Frame& frame : orders) rig.send(answer(frame.header));
    for (const auto& request : requests) EXPECT_TRUE(request->completed);
}

TEST(RemoteLeafRequests, TakesAnswersInAnyOrder) {
    ClientRig rig;
    rig.come_up();
    TestRequest first(Operation::read, {0, 4096}, 4096);
    TestRequest second(Operation::read, {4096, 8192}, 8192);
    rig.leaf->submit(first.request);
    rig.leaf->submit(second.request);
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 2u);
    rig.send(answer(orders[1].header), filled(8192, 2));
    EXPECT_TRUE(second.completed);
    EXPECT_FALSE(first.completed);
    EXPECT_EQ(second.data, filled(8192, 2));
    rig.send(answer(orders[0].header), filled(4096, 1));
    EXPECT_TRUE(first.completed);
    EXPECT_EQ(first.data, filled(4096, 1));
    EXPECT_EQ(rig.leaf->counters().reads, 2u);
    EXPECT_EQ(rig.leaf->counters().read_bytes, 12288u);
}

TEST(RemoteLeafRequests, AnAnswerInPartsOfAnySizeArrivesWhole) {
    for (const std::size_t part : {1u, 3u, 63u, 64u, 65u, 4095u, 20000u}) {
        ClientRig rig;
        rig.come_up();
        rig.wire().read_max = part;
        TestRequest small(Operation::read, {0, 4096}, 4096);
        TestRequest large(Operation::read, {0, 65536}, 65536);
        TestRequest third(Operation::read, {0, 512}, 512);
        for (TestRequest* request : {&small, &large, &third}) rig.leaf->submit(request->request);
        const auto orders = rig.orders();
        ASSERT_EQ(orders.size(), 3u);
        Bytes stream;
        for (std::size_t i = 0; i < 3; ++i) {
            const std::size_t size = orders[i].header.extent.length;
            const Bytes one = frame_bytes(answer(orders[i].header), filled(size, static_cast<unsigned>(i)));
            stream.insert(stream.end(), one.begin(), one.end());
        }
        receive(rig.wire(), stream);
        EXPECT_TRUE(small.completed && large.completed && third.completed) << part;
        EXPECT_EQ(small.data, filled(4096, 0)) << part;
        EXPECT_EQ(large.data, filled(65536, 1)) << part;
        EXPECT_EQ(third.data, filled(512, 2)) << part;
    }
}

TEST(RemoteLeafRequests, AWriteLargerThanTheRoomGoesOnWhenThereIsMore) {
    ClientRig rig;
    rig.come_up();
    rig.wire().room = 1000;
    TestRequest request(Operation::write, {0, 65536}, 65536);
    request.data = filled(65536, 9);
    request.piece.data = request.data.data();
    rig.leaf->submit(request.request);
    EXPECT_TRUE(rig.orders().empty());
    for (int i = 0; i < 70; ++i) {
        rig.wire().room = 1000;
        rig.wire().observer->on_writable();
    }
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 1u);
    EXPECT_EQ(orders[0].payload, filled(65536, 9));
    rig.send(answer(orders[0].header));
}

TEST(RemoteLeafRequests, SplitsWhatIsOverTheLimitAndJoinsIt) {
    ClientRig rig;
    rig.opened.request_bytes_max = 64u << 10;
    rig.come_up();
    TestRequest request(Operation::read, {4096, 160u << 10}, 160u << 10);
    // Pieces that do not match the parts.
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at < request.data.size(); at += 10240) pieces.push_back({request.data.data() + at, 10240});
    request.request.pieces = pieces;
    rig.leaf->submit(request.request);
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 3u);
    EXPECT_EQ(orders[0].header.extent, (Extent{4096, 64u << 10}));
    EXPECT_EQ(orders[2].header.extent, (Extent{4096 + (128u << 10), 32u << 10}));
    Bytes expected;
    for (const int i : {2, 0, 1}) {
        EXPECT_FALSE(request.completed);
        const auto at = static_cast<std::size_t>(i);
        rig.send(answer(orders[at].header), filled(orders[at].header.extent.length, static_cast<unsigned>(i)));
    }
    EXPECT_TRUE(request.completed);
    for (std::size_t i = 0; i < 3; ++i) {
        const Bytes part = filled(orders[i].header.extent.length, static_cast<unsigned>(i));
        expected.insert(expected.end(), part.begin(), part.end());
    }
    EXPECT_EQ(request.data, expected);
}

TEST(RemoteLeafRequests, SplitsLargeDiscardsAndHashes) {
    ClientRig rig;
    rig.opened.geometry.size_bytes = 1u << 30;
    rig.come_up();
    TestRequest unmap(Operation::unmap, {0, 80u << 20});
    TestRequest hash(Operation::checksum, {0, 48u << 20}, 48 * 16);
    hash.request.checksum_piece_bytes = 1u << 20;
    rig.leaf->submit(unmap.request);
    rig.leaf->submit(hash.request);
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 5u);
    EXPECT_EQ(orders[2].header.extent, (Extent{64u << 20, 16u << 20}));
    EXPECT_EQ(orders[4].header.extent, (Extent{32u << 20, 16u << 20}));
    for (const Frame& frame : orders) {
        rig.send(answer(frame.header), filled(wire::hash_result_bytes(frame.header), 1));
    }
    EXPECT_TRUE(unmap.completed && hash.completed);
}

TEST(RemoteLeafRequests, TheErrorOfOnePartIsTheResultWhenAllHaveEnded) {
    ClientRig rig;
    rig.opened.request_bytes_max = 64u << 10;
    rig.come_up();
    TestRequest request(Operation::read, {0, 128u << 10}, 128u << 10);
    rig.leaf->submit(request.request);
    const auto orders = rig.orders();
    ASSERT_EQ(orders.size(), 2u);
    wire::Header failed = answer(orders[0].header);
    failed.status = Errc::medium_error;
    rig.send(failed);
    EXPECT_FALSE(request.completed);
    rig.send(answer(orders[1].header), Bytes(64u << 10));
    EXPECT_TRUE(request.completed);
    EXPECT_EQ(request.request.result, Errc::medium_error);
}

TEST(RemoteLeafRequests, KeepsWithinTheNetnodesLimits) {
    ClientRig rig;
    rig.opened.requests_max = 6;
    rig.come_up();
    std::vector<std::unique_ptr<TestRequest>> requests;
    for (int i = 0; i < 10; ++i) {
        requests.push_back(std::make_unique<TestRequest>(Operation::flush, Extent{}));
        rig.leaf->submit(requests.back()->request);
    }
    auto orders = rig.orders();
    EXPECT_EQ(orders.size(), 4u);  // two places are kept free
    for (int round = 0; round < 10 && !requests.back()->completed; ++round) {
        for (const Frame& frame : orders) {
            wire::Header ok = answer(frame.header);
            ok.incarnation = rig.opened.incarnation;
            rig.send(ok);
        }
        orders = rig.orders();
    }
    for (const auto& request : requests) EXPECT_TRUE(request->completed);
}

TEST(RemoteLeafRequests, FencedIsTheirResultAndTheLeafStaysUp) {
    ClientRig rig;
    rig.come_up();
    TestRequest request(Operation::flush, {});
    rig.leaf->submit(request.request);
    wire::Header fenced = answer(rig.orders().at(0).header);
    fenced.status = Errc::fenced;
    rig.send(fenced);
    EXPECT_EQ(request.request.result, Errc::fenced);
    EXPECT_TRUE(rig.leaf->up());
}

}  // namespace
}  // namespace dst::test
