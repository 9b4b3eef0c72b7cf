// Pings, the bounds of a netnode's session, and its end.
#include "support/server_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

TEST(ServerSessionPing, GoesThroughTheDisk) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    auto answers = rig.ask(peer, frame_bytes(order(Kind::ping, 5)));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
    EXPECT_TRUE(answers[0].payload.empty());
    rig.platter.set_hung(true);
    EXPECT_TRUE(rig.ask(peer, frame_bytes(order(Kind::ping, 6))).empty());
}

/// Nobody waits for it any more, and a disk may hang for hours.
TEST(ServerSessionLimits, M12OpenOfADiskThatHangsEndsWithItsConnectionOrInTime) {
    for (const bool lost : {false, true}) {
        ServerRig rig;
        rig.give_label();
        rig.platter.set_hung(true);
        ServerRig::Peer& peer = rig.connect();
        rig.ask(peer, rig.hello());
        EXPECT_TRUE(rig.ask(peer, rig.open(rig.open_of(1))).empty());
        if (lost) peer.wire.observer->on_closed({Errc::disconnected, "it went away"});
        rig.loop.run_for(lost ? seconds(1) : seconds(40));
        EXPECT_TRUE(peer.ended) << lost;
        EXPECT_TRUE(peer.wire.closed);
        rig.platter.set_hung(false);
        rig.loop.run_for(seconds(1));
        const auto answers = rig.ask(rig.connect(), rig.hello());
        EXPECT_EQ(answers.size(), 1u) << "others are served";
    }
}

TEST(ServerSessionLimits, DoesNotTakeMoreRequestsThanAnnounced) {
    SessionLimits limits;
    limits.requests_max = 4;
    ServerRig rig(limits);
    ServerRig::Peer& peer = rig.opened();
    rig.platter.set_hung(true);
    Bytes orders;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const Bytes one = frame_bytes(order(Kind::flush, 100 + i));
        orders.insert(orders.end(), one.begin(), one.end());
    }
    EXPECT_TRUE(rig.ask(peer, orders).empty());
    EXPECT_GT(peer.wire.to_read.size(), 64u * 1500);
    rig.platter.set_hung(false);
    for (int i = 0; i < 2000 && !peer.wire.to_read.empty(); ++i) {
        peer.wire.observer->on_readable();
        rig.loop.run_for(milliseconds(1));
    }
    rig.loop.run_for(seconds(1));
    EXPECT_EQ(take_frames(peer.wire.written).size(), 2000u);
}

TEST(ServerSessionLimits, HoldsNoMoreMemoryThanAnnounced) {
    SessionLimits limits;
    limits.guest_buffer_bytes_max = 256u << 10;
    limits.request_bytes_max = 64u << 10;
    ServerRig rig(limits);
    ServerRig::Peer& peer = rig.opened();
    rig.platter.set_hung(true);
    Bytes orders;
    for (std::uint64_t i = 0; i < 20; ++i) {
        const Bytes one = frame_bytes(order(Kind::read, 100 + i, {i << 16, 64u << 10}));
        orders.insert(orders.end(), one.begin(), one.end());
    }
    rig.ask(peer, orders);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 256u << 10);
    rig.platter.set_hung(false);
    rig.loop.run_for(seconds(1));
    EXPECT_EQ(take_frames(peer.wire.written).size(), 20u);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
}

TEST(ServerSessionLimits, SessionsShareTheNetnodesMemoryAndWaitForIt) {
    ServerRig rig({}, 128u << 10);
    ServerRig::Peer& first = rig.opened(1);
    ServerRig::Peer& second = rig.opened(2);
    first.wire.room = 0;
    rig.ask(first, frame_bytes(order(Kind::read, 5, {0, 128u << 10})));
    EXPECT_TRUE(rig.ask(second, frame_bytes(order(Kind::write, 6, {0, 4096}), filled(4096, 1))).empty());
    first.wire.room = SIZE_MAX;
    first.wire.observer->on_writable();
    rig.settle();
    EXPECT_EQ(take_frames(second.wire.written).size(), 1u);
}

TEST(ServerSessionLimits, CutsAPeerThatDoesNotTakeItsAnswers) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    peer.wire.room = 100;
    rig.ask(peer, frame_bytes(order(Kind::read, 5, {0, 4096})));
    rig.loop.run_for(seconds(40));
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_EQ(rig.events.count("session-timed-out"), 1u);
}

TEST(ServerSessionLimits, CutsAPeerThatGivesNoSignOfLife) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.loop.run_for(seconds(15));
    EXPECT_FALSE(peer.wire.closed);
    rig.loop.run_for(seconds(15));
    EXPECT_TRUE(peer.wire.closed);
}

TEST(ServerSessionEnd, ALostLinkLetsWhatRunsEndIntoMemoryOfItsOwn) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.platter.set_hung(true);
    rig.ask(peer, frame_bytes(order(Kind::write, 5, {0, 4096}), filled(4096, 1)));
    peer.wire.observer->on_closed({Errc::disconnected, "reset"});
    rig.loop.run_for(seconds(60));
    EXPECT_FALSE(peer.ended);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 4096u);
    rig.platter.set_hung(false);
    rig.settle();
    EXPECT_TRUE(peer.ended);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
}

TEST(ServerSessionEnd, CloseIsAnsweredWhenNothingRunsAnyMore) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    Bytes orders = frame_bytes(order(Kind::write, 5, {0, 4096}), filled(4096, 1));
    const Bytes close = frame_bytes(order(Kind::close, 6));
    orders.insert(orders.end(), close.begin(), close.end());
    const auto answers = rig.ask(peer, orders);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].header.request, 5u);
    EXPECT_EQ(answers[1].header.request, 6u);
    rig.loop.run_for(seconds(2));
    EXPECT_TRUE(peer.ended);
}

TEST(ServerSessionEnd, AMediumThatGoesDownIsToldAtOnce) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.platter.set_missing(true);
    rig.settle();
    const auto notices = take_frames(peer.wire.written);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].header.kind, Kind::close);
    EXPECT_EQ(notices[0].header.request, 0u);
    EXPECT_EQ(notices[0].header.status, Errc::disconnected);
    EXPECT_TRUE(notices[0].header.reason);
    rig.loop.run_for(seconds(2));
    EXPECT_TRUE(peer.ended);
}

TEST(ServerSessionEnd, CloseByTheNetnodeAnswersWhatRunsAndSaysWhy) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.send(peer, frame_bytes(order(Kind::write, 5, {0, 4096}), filled(4096, 1)));
    bool closed = false;
    peer.session->close({Errc::cancelled, "the netnode is being stopped"}, [&closed] { closed = true; });
    rig.settle();
    const auto answers = take_frames(peer.wire.written);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].header.request, 5u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
    EXPECT_EQ(answers[1].header.kind, Kind::close);
    EXPECT_EQ(answers[1].payload, text_bytes("the netnode is being stopped"));
    rig.loop.run_for(seconds(2));
    EXPECT_TRUE(closed);
    EXPECT_TRUE(peer.ended);
}

TEST(ServerSessionEnd, CloseWhileItIsEndingIsCalledBackToo) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    peer.wire.observer->on_closed({Errc::disconnected, "reset"});
    bool closed = false;
    peer.session->close({Errc::cancelled, "stop"}, [&closed] { closed = true; });
    rig.settle();
    EXPECT_TRUE(closed);
    EXPECT_TRUE(peer.ended);
}

TEST(ServerSessionFence, IsToldOfASessionThatStillServesOnly) {
    ServerRig rig;
    rig.give_label();
    ServerRig::Peer& serves = rig.opened_with_epoch(1);
    ServerRig::Peer& closes = rig.opened_with_epoch(2);
    EXPECT_EQ(rig.ask(closes, frame_bytes(order(Kind::close, 5))).size(), 1u);
    EXPECT_FALSE(closes.ended);
    ServerRig::Peer& other = rig.opened(3);
    const auto peeked = rig.ask(other, frame_bytes(order(Kind::peek, 5)));
    const auto peek = wire::decode_peek(peeked.at(0).payload);
    ASSERT_TRUE(peek && peek->live);
    EXPECT_EQ(peek->live->name.find("tgtd[1] on alpha at "), 0u) << peek->live->name;
    const wire::PromiseOrder promise{*peek, {8, id_of(8)}};
    const auto promised = rig.ask(other, frame_bytes(order(Kind::promise, 6), wire::encode(promise)));
    EXPECT_EQ(promised.at(0).header.status, Errc::ok);
    EXPECT_FALSE(serves.wire.closed);
    EXPECT_EQ(rig.events.count("session-fenced"), 1u);
}

TEST(ServerSessionReplace, EndsTheConnectionBeforeAndWaitsForWhatRunsOfIt) {
    ServerRig rig;
    ServerRig::Peer& before = rig.opened(1);
    rig.platter.set_hung(true);
    rig.ask(before, frame_bytes(order(Kind::write, 5, {0, 4096}), filled(4096, 1)));
    ServerRig::Peer& after = rig.connect();
    rig.ask(after, rig.hello());
    wire::Open open = rig.open_of(2);
    open.replaces = id_of(1);
    EXPECT_TRUE(rig.ask(after, rig.open(open)).empty());
    EXPECT_TRUE(before.wire.closed);
    rig.platter.set_hung(false);
    rig.settle();
    EXPECT_TRUE(before.ended);
    const auto answers = take_frames(after.wire.written);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
}

TEST(ServerSessionReplace, IsBusyWhenTheConnectionBeforeDoesNotEnd) {
    ServerRig rig;
    ServerRig::Peer& before = rig.opened(1);
    rig.platter.set_hung(true);
    rig.ask(before, frame_bytes(order(Kind::write, 5, {0, 4096}), filled(4096, 1)));
    ServerRig::Peer& after = rig.connect();
    rig.ask(after, rig.hello());
    wire::Open open = rig.open_of(2);
    open.replaces = id_of(1);
    rig.ask(after, rig.open(open));
    rig.loop.run_for(seconds(6));
    const auto answers = take_frames(after.wire.written);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::busy);
}

}  // namespace
}  // namespace dst::test
