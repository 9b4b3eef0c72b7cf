#include "session/server_session.h"

#include "support/server_rig.h"

/// What a netnode opens while an OPEN waits for it.
namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

/// A netnode that has just been started: a disk that answers nothing yet is opened for the first time.
class ServerSessionFirst : public testing::Test {
protected:
    ServerSessionFirst() {
        platter.set_hung(true);
        rig.exports.medium = &medium;
        medium.open();
        rig.settle();
    }
    ~ServerSessionFirst() override {
        platter.set_missing(false);
        platter.set_hung(false);
        for (auto& peer : rig.peers) {
            if (!peer->wire.closed) peer->wire.observer->on_closed({Errc::disconnected, "test over"});
        }
        bool closed = false;
        EXPECT_TRUE(rig.loop.run_until([this] { return rig.live == 0; }, seconds(60)));
        medium.close([&closed] { closed = true; });
        EXPECT_TRUE(rig.loop.run_until([&closed] { return closed; }, seconds(60)));
    }
    ServerRig::Peer& ask(const Id& replaces = {}) {
        ServerRig::Peer& peer = rig.connect();
        rig.ask(peer, rig.hello());
        wire::Open open = rig.open_of(static_cast<std::uint8_t>(rig.peers.size()));
        open.replaces = replaces;
        EXPECT_TRUE(rig.ask(peer, rig.open(open)).empty());
        return peer;
    }
    std::vector<test::Frame> answers_within(ServerRig::Peer& peer, Duration limit) {
        rig.loop.run_for(limit);
        return test::take_frames(peer.wire.written);
    }

    ServerRig rig;
    sim::SimPlatter platter{rig.loop, {}};
    Medium medium{rig.loop, rig.events,
                  std::make_unique<sim::SimDisk>(rig.loop, platter, "/dev/sim1", sim::SimDiskOptions{})};
};

TEST_F(ServerSessionFirst, AnOpenWaitsForIt) {
    ServerRig::Peer& peer = ask();
    platter.set_hung(false);
    const auto answers = answers_within(peer, seconds(1));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
}

TEST_F(ServerSessionFirst, AnOpenIsRefusedWhenItTakesTooLong) {
    const auto answers = answers_within(ask(), seconds(4));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::not_ready);
    EXPECT_EQ(rig.events.count("session-refused"), 1u);
}

TEST_F(ServerSessionFirst, AnOpenIsRefusedAtOnceWhenItIsNotThere) {
    ServerRig::Peer& peer = ask();
    platter.set_missing(true);
    platter.set_hung(false);
    const auto answers = answers_within(peer, milliseconds(100));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::not_ready);
}

TEST_F(ServerSessionFirst, AnEarlierConnectionOfTheSameHeadThatWaitsTooEnds) {
    ServerRig::Peer& earlier = ask();
    ServerRig::Peer& peer = ask(id_of(1));
    platter.set_hung(false);
    const auto answers = answers_within(peer, seconds(1));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
    EXPECT_TRUE(earlier.ended);
}

/// A netnode that has a blank medium open, over which the right one was renamed; and a head that asks for that.
class ServerSessionRenamed : public testing::Test {
protected:
    ServerSessionRenamed() {
        rig.give_label();
        const sim::SimPlatter::Content right = rig.platter.durable();
        rig.platter.replace_blank(right.size_bytes);
        rig.settle();
        EXPECT_TRUE(rig.loop.run_until([this] { return rig.medium->up(); }, seconds(60)));
        rig.platter.rename_over(right);
        peer = &rig.connect();
        rig.ask(*peer, rig.hello());
    }
    void ask(const Epoch& epoch) {
        wire::Open open = rig.open_of(1);
        open.epoch = epoch;
        EXPECT_TRUE(rig.ask(*peer, rig.open(open)).empty());
    }
    std::vector<test::Frame> answers_within(Duration limit) {
        rig.loop.run_for(limit);
        return test::take_frames(peer->wire.written);
    }

    ServerRig rig;
    ServerRig::Peer* peer = nullptr;
};

TEST_F(ServerSessionRenamed, AHeadFindsItsMediumWithTheSameOpen) {
    ask(rig.label.promised);
    const auto answers = answers_within(seconds(1));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.kind, Kind::open);
    EXPECT_EQ(answers[0].header.status, Errc::ok);
    EXPECT_TRUE(wire::decode_open_answer(answers[0].payload)->epoch_accepted);
    EXPECT_EQ(rig.events.count("session-medium-lost"), 0u);
}

TEST_F(ServerSessionRenamed, WhoeverAsksIsShownWhatLiesThere) {
    ask({});
    const auto answers = answers_within(seconds(1));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(wire::decode_open_answer(answers[0].payload)->medium, rig.label.medium);
}

TEST_F(ServerSessionRenamed, AnOpenIsRefusedWhenItCannotBeOpened) {
    ask(rig.label.promised);
    rig.platter.set_missing(true);
    const auto answers = answers_within(seconds(4));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].header.kind, Kind::open);
    EXPECT_EQ(answers[0].header.status, Errc::not_ready);
    rig.platter.set_missing(false);
}

TEST_F(ServerSessionRenamed, ANetnodeThatEndsMeanwhileWaitsForNothing) {
    ask(rig.label.promised);
    rig.platter.set_missing(true);
    // The answer would be due while the peer still has its time to take the farewell.
    rig.loop.run_for(milliseconds(2500));
    bool closed = false;
    peer->session->close({Errc::cancelled, "the netnode ends"}, [&closed] { closed = true; });
    EXPECT_TRUE(rig.loop.run_until([&closed] { return closed; }, seconds(30)));
    rig.platter.set_missing(false);
}

TEST_F(ServerSessionRenamed, APeerThatGoesAwayMeanwhileIsForgotten) {
    ask(rig.label.promised);
    peer->wire.observer->on_closed({Errc::disconnected, "gone"});
    rig.loop.run_for(seconds(1));
    EXPECT_TRUE(peer->ended);
    EXPECT_TRUE(rig.medium->up());
}

}  // namespace
}  // namespace dst::test
