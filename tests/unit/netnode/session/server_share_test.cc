// What one peer may hold of a netnode's memory, and for how long it may take nothing.
#include "simworld/sim_link.h"
#include "support/server_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Kind;

constexpr std::uint64_t kib = 1024;

Bytes reads(unsigned count, std::uint64_t length) {
    Bytes orders;
    for (std::uint64_t i = 0; i < count; ++i) {
        const Bytes one = frame_bytes(order(Kind::read, 100 + i, {0, length}));
        orders.insert(orders.end(), one.begin(), one.end());
    }
    return orders;
}

Bytes write_order() { return frame_bytes(order(Kind::write, 6, {0, 4096}), filled(4096, 1)); }

SessionLimits small_limits() {
    SessionLimits limits;
    limits.request_bytes_max = 64 * kib;
    limits.buffer_bytes_max = 512 * kib;
    limits.guest_buffer_bytes_max = 128 * kib;
    return limits;
}

TEST(ServerSessionShare, OfAGuestIsSmallAndNothingIsLostOverIt) {
    ServerRig rig(small_limits(), 16u << 20);
    ServerRig::Peer& guest = rig.opened();
    guest.wire.room = 0;
    EXPECT_TRUE(rig.ask(guest, reads(20, 64 * kib)).empty());
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 128 * kib);
    guest.wire.room = SIZE_MAX;
    guest.wire.observer->on_writable();
    rig.loop.run_for(seconds(1));
    EXPECT_EQ(take_frames(guest.wire.written).size(), 20u);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
}

TEST(ServerSessionShare, WithAnAcceptedEpochIsWhatWasAnnounced) {
    ServerRig rig(small_limits(), 16u << 20);
    rig.give_label();
    ServerRig::Peer& head = rig.opened_with_epoch(1);
    head.wire.room = 0;
    rig.ask(head, reads(20, 64 * kib));
    EXPECT_EQ(rig.exports.buffers().used_bytes(), 512 * kib);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
}

TEST(ServerSessionShare, GuestsThatReadNothingTakeNothingOfAHead) {
    ServerRig rig(small_limits(), 256 * kib);
    rig.give_label();
    std::vector<ServerRig::Peer*> guests;
    for (std::uint8_t i = 0; i < 8; ++i) {
        guests.push_back(&rig.opened(static_cast<std::uint8_t>(10 + i)));
        guests.back()->wire.room = 0;
        rig.ask(*guests.back(), reads(40, 64 * kib));
    }
    ServerRig::Peer& head = rig.opened_with_epoch(1);
    EXPECT_EQ(rig.ask(head, write_order()).size(), 1u);
    EXPECT_EQ(rig.ask(head, reads(4, 64 * kib)).size(), 4u);
}

TEST(ServerSessionShare, HeadersOfWritesThatAreRefusedTakeNothingOfOtherGuests) {
    ServerRig rig(small_limits(), 1u << 20);
    rig.give_label();
    for (std::uint8_t i = 1; i <= 16; ++i) {
        wire::Header header = order(Kind::write, 5, {0, 64 * kib});
        header.payload_bytes = static_cast<std::uint32_t>(header.extent.length);
        wire::HeaderBytes raw;
        wire::encode_header(header, raw);
        rig.ask(rig.opened(i), Bytes(raw.begin(), raw.end()));
    }
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
    EXPECT_EQ(rig.ask(rig.opened(17), reads(1, 64 * kib)).size(), 1u);
}

/// In parts of so many bytes.
class ServerSessionRefusedWrite : public testing::TestWithParam<std::size_t> {
protected:
    std::vector<Frame> ask(ServerRig::Peer& peer, std::span<const std::byte> bytes) {
        std::vector<Frame> answers;
        for (; !bytes.empty(); bytes = bytes.subspan(std::min(GetParam(), bytes.size()))) {
            const auto part = bytes.first(std::min(GetParam(), bytes.size()));
            for (Frame& answer : rig_.ask(peer, Bytes(part.begin(), part.end()))) answers.push_back(std::move(answer));
        }
        return answers;
    }
    ServerRig rig_{small_limits(), 1u << 20};
};

TEST_P(ServerSessionRefusedWrite, IsAnsweredWhenAllOfItHasComeAndTheNextOrderIsUnderstood) {
    rig_.give_label();
    ServerRig::Peer& guest = rig_.opened();
    Bytes orders = frame_bytes(order(Kind::write, 6, {0, 64 * kib}), filled(64 * kib, 1));
    const std::size_t write_bytes = orders.size();
    const Bytes read = frame_bytes(order(Kind::read, 7, {0, 4 * kib}));
    orders.insert(orders.end(), read.begin(), read.end());
    const std::span<const std::byte> all(orders);
    EXPECT_TRUE(ask(guest, all.first(write_bytes - 1)).empty());
    const std::vector<Frame> answers = ask(guest, all.subspan(write_bytes - 1));
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].header.request, 6u);
    EXPECT_EQ(answers[0].header.status, Errc::refused);
    EXPECT_EQ(answers[1].header.request, 7u);
    EXPECT_EQ(answers[1].payload, Bytes(4 * kib)) << "nothing was written";
}

INSTANTIATE_TEST_SUITE_P(Parts, ServerSessionRefusedWrite, testing::Values(1, 1000, 20'000, 1u << 20));

TEST(ServerSessionRefused, AWriteWithAWrongChecksumEndsTheConnection) {
    ServerRig rig(small_limits(), 1u << 20);
    rig.give_label();
    ServerRig::Peer& guest = rig.opened();
    Bytes write = frame_bytes(order(Kind::write, 6, {0, 64 * kib}), filled(64 * kib, 1));
    write.back() ^= std::byte{1};
    EXPECT_TRUE(rig.ask(guest, write).empty());
    EXPECT_TRUE(guest.wire.closed);
    EXPECT_EQ(rig.events.count("protocol-error"), 1u);
}

TEST(ServerSessionRefused, AWriteThatBreaksOffEndsWithItsConnection) {
    ServerRig rig(small_limits(), 1u << 20);
    rig.give_label();
    ServerRig::Peer& guest = rig.opened();
    Bytes write = frame_bytes(order(Kind::write, 6, {0, 64 * kib}), filled(64 * kib, 1));
    write.resize(write.size() / 2);
    rig.ask(guest, write);
    guest.wire.observer->on_closed({Errc::disconnected, "gone"});
    rig.settle();
    EXPECT_TRUE(guest.ended);
}

TEST(ServerSessionShare, AHeadThatReadsNothingLeavesRoomForAnother) {
    SessionLimits limits = small_limits();
    limits.buffer_bytes_max = 4u << 20;
    ServerRig rig(limits, 1u << 20);
    rig.give_label();
    for (std::uint8_t i = 1; i <= 4; ++i) {
        ServerRig::Peer& stuck = rig.opened_with_epoch(i);
        stuck.wire.room = 0;
        rig.ask(stuck, reads(40, 64 * kib));
    }
    ServerRig::Peer& other = rig.opened_with_epoch(9);
    EXPECT_EQ(rig.ask(other, write_order()).size(), 1u);
    EXPECT_EQ(rig.ask(other, reads(1, 64 * kib)).size(), 1u);
}

TEST(ServerSessionShare, AGuestThatIsPromisedAnEpochIsAHeadFromThenOn) {
    ServerRig rig(small_limits(), 16u << 20);
    rig.give_label();
    ServerRig::Peer& peer = rig.opened(1);
    const auto peeked = rig.ask(peer, frame_bytes(order(Kind::peek, 5)));
    ASSERT_EQ(peeked.size(), 1u);
    const auto peek = wire::decode_peek(peeked[0].payload);
    ASSERT_TRUE(peek);
    peer.wire.room = 64;
    rig.ask(peer, reads(2, 64 * kib));
    const wire::PromiseOrder promise{*peek, {8, id_of(9)}};
    rig.ask(peer, frame_bytes(order(Kind::promise, 6), wire::encode(promise)));
    rig.ask(peer, reads(20, 64 * kib));
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 128 * kib);
    EXPECT_EQ(rig.exports.buffers().used_bytes(), 384 * kib);
}

TEST(ServerSessionShare, AnswersBesideTheDataPathDoNotPileUp) {
    ServerRig rig;
    rig.give_label();
    ServerRig::Peer& peer = rig.opened();
    peer.wire.room = 0;
    for (unsigned i = 0; i < 20; ++i) rig.ask(peer, frame_bytes(order(Kind::peek, 100 + i)));
    peer.wire.room = SIZE_MAX;
    peer.wire.observer->on_writable();
    rig.settle();
    const auto answers = take_frames(peer.wire.written);
    ASSERT_EQ(answers.size(), 20u);
    const auto peeks = std::count_if(answers.begin(), answers.end(),
                                     [](const Frame& answer) { return answer.header.status == Errc::ok; });
    EXPECT_EQ(peeks, 1);
    EXPECT_EQ(rig.ask(peer, frame_bytes(order(Kind::peek, 200))).at(0).header.status, Errc::ok);
}

TEST(ServerSessionStall, CutsAPeerWhoseAnswersStayInTheNetnodesOwnSocket) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    rig.loop.run_for(seconds(1));
    peer.wire.room = 0;
    rig.ask(peer, reads(8, 64 * kib));
    // The socket goes on taking bytes, and its peer none.
    for (unsigned i = 0; i < 40; ++i) {
        peer.wire.room = 4 * kib;
        peer.wire.untaken += 4 * kib;
        if (!peer.wire.closed) peer.wire.observer->on_writable();
        rig.loop.run_for(milliseconds(500));
    }
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_EQ(rig.events.count("session-timed-out"), 1u);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
}

TEST(ServerSessionStall, IsBoundedByTheKernelsPatienceAndLongerThanAHeadsOwn) {
    EXPECT_GT(SessionLimits().stall_timeout, seconds(8));
    EXPECT_LT(SessionLimits().stall_timeout, seconds(20));
}

/// Takes a few bytes now and then, whatever waits; shows that it lives as the protocol asks.
class SlowPeer final : private Link::Observer {
public:
    SlowPeer(sim::SimLoop& loop, std::unique_ptr<Link> link, Bytes orders, Duration pause_max)
        : loop_(loop), link_(std::move(link)), orders_(std::move(orders)), pause_max_(pause_max), timer_(loop, [this] {
              take_some();
          }) {
        link_->set_observer(this);
        link_->connect();
    }
    std::vector<Frame> answers;
    bool lost = false;

private:
    void on_connected() override { take_some(); }
    void on_readable() override {}
    void on_writable() override {}
    void on_closed(const Error&) override { lost = true; }
    void take_some() {
        if (sent_ == orders_.size() && loop_.now() - pinged_ >= seconds(5)) {
            pinged_ = loop_.now();
            const Bytes ping = frame_bytes(order(Kind::ping, 1000 + pings_++));
            orders_.insert(orders_.end(), ping.begin(), ping.end());
        }
        const Piece out{orders_.data() + sent_, orders_.size() - sent_};
        sent_ += link_->write({&out, 1});
        Bytes buffer(1 + loop_.below(4096));
        const Piece in{buffer.data(), buffer.size()};
        const std::size_t got = link_->read({&in, 1});
        stream_.insert(stream_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
        for (Frame& frame : take_frames(stream_)) {
            if (frame.header.kind != Kind::ping) answers.push_back(std::move(frame));
        }
        timer_.start(loop_.between(milliseconds(1), pause_max_));
    }

    sim::SimLoop& loop_;
    std::unique_ptr<Link> link_;
    Bytes orders_;
    Duration pause_max_;
    Timer timer_;
    std::size_t sent_ = 0;
    TimePoint pinged_;
    std::uint64_t pings_ = 0;
    Bytes stream_;
};

class ServerSessionSlow : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ServerSessionSlow, APeerThatReadsIsNeverCutHoweverSlowItIs) {
    sim::SimLoop loop(GetParam());
    sim::RecordingEvents events;
    sim::SimPlatter platter(loop, {});
    sim::SimDiskOptions disk;
    disk.own_buffers = false;
    Medium medium(loop, events, std::make_unique<sim::SimDisk>(loop, platter, "/dev/sim0", disk));
    medium.open();
    loop.run_until([&] { return medium.up(); });
    OneExport exports(1u << 20);
    exports.medium = &medium;
    sim::SimNetworkOptions options;
    options.window_bytes = std::size_t{4096} << loop.below(7);
    // A real window opens again in steps of some part of itself; here as soon as there is room.
    options.chunk_bytes_max = 4096;
    sim::SimNetwork network(loop, options);
    std::unique_ptr<ServerSession> session;
    network.listen("node:1", [&](std::unique_ptr<Link> link) {
        session = std::make_unique<ServerSession>(
            loop, events, std::move(link), exports, [&](ServerSession&) { session.reset(); }, small_limits());
    });
    Bytes orders = ServerRig::hello();
    for (const Bytes& part : {ServerRig::open(ServerRig::open_of(1)), reads(12, 64 * kib), write_order()}) {
        orders.insert(orders.end(), part.begin(), part.end());
    }
    // HELLO and OPEN have a limit of their own: every pause is shorter than a third of it.
    auto peer = std::make_unique<SlowPeer>(loop, network.factory("peer", "node:1")(), orders, seconds(3));
    loop.run_until([&] { return peer->lost || peer->answers.size() == 15; }, std::chrono::hours(2));
    EXPECT_FALSE(peer->lost);
    EXPECT_EQ(peer->answers.size(), 15u);
    EXPECT_EQ(events.count("session-timed-out"), 0u);
    peer.reset();
    EXPECT_TRUE(loop.run_until([&] { return session == nullptr; }, seconds(60)));
    bool closed = false;
    medium.close([&closed] { closed = true; });
    EXPECT_TRUE(loop.run_until([&closed] { return closed; }, seconds(60)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ServerSessionSlow, testing::Range<std::uint64_t>(1, 25));

}  // namespace
}  // namespace dst::test
