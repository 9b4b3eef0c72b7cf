#include "session/server_session.h"

#include "support/server_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

TEST(ServerSessionHandshake, AnswersHelloWithTheVersionAndTheFeaturesBothKnow) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.connect();
    const auto answers = rig.ask(peer, rig.hello(wire::known_features | 0x100));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.kind, Kind::hello);
    EXPECT_TRUE(answers[0].header.answer);
    const auto hello = wire::decode_hello(answers[0].payload);
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->version_max, 1);
    EXPECT_EQ(hello->features, wire::known_features);
    EXPECT_EQ(hello->program, "dst-netnode");
}

TEST(ServerSessionHandshake, OpenAnswersGeometryIncarnationAndLimits) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.connect();
    rig.ask(peer, rig.hello());
    const auto answers = rig.ask(peer, rig.open(rig.open_of(1)));
    ASSERT_EQ(answers.size(), 1u);
    const auto opened = wire::decode_open_answer(answers[0].payload);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->geometry, rig.medium->geometry());
    EXPECT_EQ(opened->incarnation, rig.medium->incarnation());
    EXPECT_EQ(opened->label_state, LabelState::absent);
    EXPECT_FALSE(opened->epoch_accepted);
    EXPECT_EQ(opened->requests_max, 256u);
    EXPECT_EQ(opened->request_bytes_max, 8u << 20);
    EXPECT_EQ(peer.session->export_name(), "disk0");
    EXPECT_EQ(peer.session->head(), "tgtd[1] on alpha");
    EXPECT_EQ(peer.session->medium(), rig.medium.get());
}

TEST(ServerSessionHandshake, TakesEveryByteAlone) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.connect();
    peer.wire.read_max = 1;
    peer.wire.room = 0;
    rig.send(peer, rig.hello());
    rig.send(peer, rig.open(rig.open_of(1)));
    for (int i = 0; i < 400; ++i) {
        rig.loop.run_for(milliseconds(1));
        peer.wire.room = 1;
        peer.wire.observer->on_writable();
        while (!peer.wire.to_read.empty()) peer.wire.observer->on_readable();
    }
    const auto answers = take_frames(peer.wire.written);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[1].header.kind, Kind::open);
    EXPECT_EQ(answers[1].header.status, Errc::ok);
}

TEST(ServerSessionHandshake, RefusesAVersionItDoesNotSpeakWithAReason) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.connect();
    wire::Hello hello;
    hello.version_min = 2;
    hello.version_max = 3;
    const auto answers = rig.ask(peer, frame_bytes(order(Kind::hello, 1), wire::encode(hello)));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::not_supported);
    EXPECT_TRUE(answers[0].header.reason);
}

struct RefusedOpen {
    const char* name;
    Errc code;
    void (*prepare)(ServerRig&);
    wire::Open (*open)();
};

class ServerSessionRefusedOpen : public testing::TestWithParam<RefusedOpen> {};

TEST_P(ServerSessionRefusedOpen, IsAnsweredWithItsReasonAndClosed) {
    ServerRig rig;
    GetParam().prepare(rig);
    ServerRig::Peer& peer = rig.connect();
    rig.ask(peer, rig.hello());
    const auto answers = rig.ask(peer, rig.open(GetParam().open()));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.kind, Kind::open);
    EXPECT_EQ(answers[0].header.status, GetParam().code);
    EXPECT_TRUE(answers[0].header.reason);
    rig.loop.run_for(seconds(2));
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_TRUE(peer.ended);
}

INSTANTIATE_TEST_SUITE_P(All, ServerSessionRefusedOpen,
                         testing::Values(RefusedOpen{"AnUnknownExport", Errc::not_found, [](ServerRig&) {},
                                                     [] {
                                                         wire::Open open = ServerRig::open_of(1);
                                                         open.export_name = "nope";
                                                         return open;
                                                     }},
                                         RefusedOpen{"APeerNotOnTheList", Errc::refused,
                                                     [](ServerRig& rig) { rig.exports.refuse = true; },
                                                     [] { return ServerRig::open_of(1); }},
                                         RefusedOpen{"AMediumThatIsNotThere", Errc::not_ready,
                                                     [](ServerRig& rig) {
                                                         rig.platter.set_missing(true);
                                                         rig.settle();
                                                     },
                                                     [] { return ServerRig::open_of(1); }}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(ServerSessionHandshake, AnEpochThatTheLabelNeverSawOpensWithoutIt) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.connect();
    rig.ask(peer, rig.hello());
    wire::Open open = rig.open_of(1);
    open.epoch = {7, id_of(9)};
    const auto answers = rig.ask(peer, rig.open(open));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
    const auto opened = wire::decode_open_answer(answers[0].payload);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(opened->epoch_accepted);
}

TEST(ServerSessionHandshake, ALabelThatTheDiskDidNotReadIsReadAgainForAHeadThatComesBack) {
    ServerRig rig;
    rig.give_label();
    rig.platter.set_missing(true);
    rig.platter.fail(Operation::read, {0, rig.platter.geometry().size_bytes}, Errc::medium_error);
    rig.settle();
    rig.platter.set_missing(false);
    EXPECT_TRUE(rig.loop.run_until([&] { return rig.medium->up(); }, std::chrono::seconds(60)));
    EXPECT_EQ(rig.medium->label_state(), LabelState::unreadable);
    rig.platter.clear_failures();
    rig.opened_with_epoch(1);
}

TEST(ServerSessionHandshake, M14AHeadThatFindsItsMediumKeepsItWhateverIsRenamedOverIt) {
    ServerRig rig;
    rig.give_label();
    rig.platter.rename_over({{}, rig.platter.geometry().size_bytes});
    rig.opened_with_epoch(1);
    EXPECT_EQ(rig.medium->label_state(), LabelState::valid);
}

TEST(ServerSessionHandshake, M7ALabelOfAnotherPlaceIsRefusedAlthoughItKnowsTheEpoch) {
    ServerRig rig;
    const Label& label = rig.give_label();
    for (const char* place : {".0", ".1"}) {
        ServerRig::Peer& peer = rig.connect();
        rig.ask(peer, rig.hello());
        wire::Open open = rig.open_of(1);
        open.storage = id_of(2);
        open.place = place;
        open.epoch = label.promised;
        const auto answers = rig.ask(peer, rig.open(open));
        ASSERT_EQ(answers.size(), 1u);
        EXPECT_EQ(answers[0].header.status, label.place == place ? Errc::ok : Errc::refused);
    }
}

TEST(ServerSessionHandshake, GivesUpOnAPeerThatAsksForNothing) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.connect();
    rig.loop.run_for(seconds(9));
    EXPECT_FALSE(peer.wire.closed);
    rig.loop.run_for(seconds(4));
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_TRUE(peer.ended);
    EXPECT_EQ(rig.events.count("session-timed-out"), 1u);
}

TEST(ServerSessionRequests, AWriteReachesTheDiskAndAReadGivesItBack) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    const Bytes data = filled(8192, 3);
    auto answers = rig.ask(peer, frame_bytes(order(Kind::write, 10, {4096, 8192}), data));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
    EXPECT_EQ(answers[0].header.request, 10u);
    EXPECT_EQ(answers[0].header.extent, (Extent{4096, 8192}));
    EXPECT_EQ(rig.platter.read({4096, 8192}), data);
    answers = rig.ask(peer, frame_bytes(order(Kind::read, 11, {4096, 8192})));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.payload_crc, wire::crc32c(data));
    EXPECT_EQ(answers[0].payload, data);
}

TEST(ServerSessionRequests, AnswersComeInTheOrderOfTheDisk) {
    sim::SimPlatterOptions disk;
    disk.latency_min = std::chrono::microseconds(10);
    disk.latency_max = milliseconds(1);
    ServerRig rig({}, 1u << 30, disk);
    ServerRig::Peer& peer = rig.opened();
    Bytes orders;
    for (std::uint64_t i = 0; i < 40; ++i) {
        const Bytes one = frame_bytes(order(Kind::read, 100 + i, {i * 512, 512}));
        orders.insert(orders.end(), one.begin(), one.end());
    }
    const auto answers = rig.ask(peer, orders);
    ASSERT_EQ(answers.size(), 40u);
    bool swapped = false;
    for (std::size_t i = 1; i < answers.size(); ++i) {
        swapped = swapped || answers[i].header.request < answers[i - 1].header.request;
    }
    EXPECT_TRUE(swapped);
}

TEST(ServerSessionRequests, ADiskErrorIsAnsweredAsAnError) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.platter.fail(Operation::read, {0, 4096}, Errc::medium_error, 1);
    const auto answers = rig.ask(peer, frame_bytes(order(Kind::read, 5, {0, 4096})));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::medium_error);
    EXPECT_TRUE(answers[0].payload.empty());
}

TEST(ServerSessionRequests, AFlushAnswersTheIncarnation) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    const auto answers = rig.ask(peer, frame_bytes(order(Kind::flush, 5)));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.incarnation, rig.medium->incarnation());
}

TEST(ServerSessionRequests, AFuaWriteIsDurableWhenItIsAnswered) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    wire::Header fua = order(Kind::write, 5, {0, 512});
    fua.fua = true;
    ASSERT_EQ(rig.ask(peer, frame_bytes(fua, filled(512, 1))).size(), 1u);
    EXPECT_EQ(rig.platter.volatile_sectors(), 0u);
    ASSERT_EQ(rig.ask(peer, frame_bytes(order(Kind::write, 6, {512, 512}), filled(512, 1))).size(), 1u);
    EXPECT_EQ(rig.platter.volatile_sectors(), 1u);
}

TEST(ServerSessionRequests, UnmapAndWriteZeroesReadAsZero) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.platter.write(0, filled(8192, 4));
    ASSERT_EQ(rig.ask(peer, frame_bytes(order(Kind::unmap, 5, {0, 4096}))).size(), 1u);
    ASSERT_EQ(rig.ask(peer, frame_bytes(order(Kind::write_zeroes, 6, {4096, 4096}))).size(), 1u);
    EXPECT_EQ(rig.platter.read({0, 8192}), Bytes(8192));
}

TEST(ServerSessionRequests, AHashAnswersOneDigestPerPiece) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.platter.write(0, filled(4096, 4));
    wire::Header hash = order(Kind::hash, 5, {0, 12288});
    hash.hash_piece_bytes = 4096;
    const auto answers = rig.ask(peer, frame_bytes(hash));
    ASSERT_EQ(answers.size(), 1u);
    ASSERT_EQ(answers[0].payload.size(), 48u);
    const Bytes& digests = answers[0].payload;
    EXPECT_FALSE(std::equal(digests.begin(), digests.begin() + 16, digests.begin() + 16));
    EXPECT_TRUE(std::equal(digests.begin() + 16, digests.begin() + 32, digests.begin() + 32));
}

TEST(ServerSessionRequests, BeyondTheEndIsInvalidAndTheSessionGoesOn) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    const std::uint64_t size = rig.medium->geometry().size_bytes;
    auto answers = rig.ask(peer, frame_bytes(order(Kind::read, 5, {size, 512})));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::invalid_argument);
    answers = rig.ask(peer, frame_bytes(order(Kind::read, 6, {100, 512})));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::invalid_argument);
    EXPECT_FALSE(peer.wire.closed);
}

TEST(ServerSessionRequests, AnswersOfOneTurnGoOutInOneWrite) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    Bytes orders;
    for (std::uint64_t i = 0; i < 20; ++i) {
        const Bytes one = frame_bytes(order(Kind::read, 100 + i, {100, 512}));  // misaligned: answered at once
        orders.insert(orders.end(), one.begin(), one.end());
    }
    peer.wire.write_calls = 0;
    ASSERT_EQ(rig.ask(peer, orders).size(), 20u);
    EXPECT_EQ(peer.wire.write_calls, 1u);
}

}  // namespace
}  // namespace dst::test
