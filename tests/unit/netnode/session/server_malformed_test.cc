// What a netnode does with peers that break the protocol: one log line, the connection is closed, nothing else.
#include "support/server_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using wire::Header;
using wire::Kind;

struct Attack {
    const char* name;
    bool opened;
    Bytes (*make)();
};

class ServerSessionMalformed : public testing::TestWithParam<Attack> {};

TEST_P(ServerSessionMalformed, ClosesTheConnectionWithOneLogLine) {
    ServerRig rig;
    ServerRig::Peer& peer = GetParam().opened ? rig.opened() : rig.connect();
    rig.ask(peer, GetParam().make());
    EXPECT_TRUE(peer.wire.closed);
    EXPECT_TRUE(peer.ended);
    EXPECT_EQ(rig.events.count("protocol-error"), 1u);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
    EXPECT_EQ(rig.platter.counters().writes, 0u);
    // Others are not disturbed.
    EXPECT_EQ(rig.ask(rig.opened(2), frame_bytes(order(Kind::read, 5, {0, 512}))).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    All, ServerSessionMalformed,
    testing::Values(Attack{"Noise", false, [] { return filled(100, 1); }},
                    Attack{"AnOrderBeforeHello", false,
                           [] {
                               return frame_bytes(order(Kind::read, 1, {0, 512}));
                           }},
                    Attack{"OpenBeforeHello", false, [] { return ServerRig::open(ServerRig::open_of(1)); }},
                    Attack{"AnOrderBeforeOpen", false,
                           [] {
                               Bytes bytes = ServerRig::hello();
                               const Bytes write = frame_bytes(order(Kind::write, 1, {0, 512}), filled(512, 1));
                               bytes.insert(bytes.end(), write.begin(), write.end());
                               return bytes;
                           }},
                    Attack{"HelloOfRubbish", false, [] { return frame_bytes(order(Kind::hello, 1), filled(30, 1)); }},
                    Attack{"HelloWithAWrongChecksum", false,
                           [] {
                               Bytes bytes = ServerRig::hello();
                               bytes.back() ^= std::byte{1};
                               return bytes;
                           }},
                    Attack{"OpenOfRubbish", false,
                           [] {
                               Bytes bytes = ServerRig::hello();
                               const Bytes open = frame_bytes(order(Kind::open, 1), filled(100, 1));
                               bytes.insert(bytes.end(), open.begin(), open.end());
                               return bytes;
                           }},
                    Attack{"ASecondHello", true, [] { return ServerRig::hello(); }},
                    Attack{"ASecondOpen", true, [] { return ServerRig::open(ServerRig::open_of(1)); }},
                    Attack{"AnAnswer", true, [] { return frame_bytes(answer(order(Kind::flush, 5))); }},
                    Attack{"AWriteWithAWrongChecksum", true,
                           [] {
                               Bytes bytes = frame_bytes(order(Kind::write, 5, {0, 4096}), filled(4096, 1));
                               bytes.back() ^= std::byte{1};
                               return bytes;
                           }},
                    Attack{"APromiseOfRubbish", true,
                           [] { return frame_bytes(order(Kind::promise, 5), filled(100, 1)); }},
                    Attack{"APromiseOfNothing", true, [] { return frame_bytes(order(Kind::promise, 5)); }},
                    Attack{"ServedOfRubbish", true, [] { return frame_bytes(order(Kind::served, 5), filled(3, 1)); }},
                    Attack{"ALabelOfRubbish", true, [] { return frame_bytes(order(Kind::label, 5), filled(8000, 1)); }},
                    Attack{"ADamagedHeader", true,
                           [] {
                               Bytes bytes = frame_bytes(order(Kind::flush, 5));
                               bytes[9] ^= std::byte{4};
                               return bytes;
                           }}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(ServerSessionBroken, ARequestOverTheAnnouncedLimitIsMalformed) {
    SessionLimits limits;
    limits.request_bytes_max = 64u << 10;
    limits.guest_buffer_bytes_max = 64u << 10;
    ServerRig rig(limits);
    ServerRig::Peer& peer = rig.opened();
    rig.ask(peer, frame_bytes(order(Kind::read, 5, {0, 128u << 10})));
    EXPECT_TRUE(peer.ended);
}

TEST(ServerSessionBroken, AHalfReceivedWriteThatBreaksOffWritesNothingAndGivesItsMemoryBack) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    const Bytes whole = frame_bytes(order(Kind::write, 5, {0, 65536}), filled(65536, 1));
    rig.ask(peer, Bytes(whole.begin(), whole.begin() + 30000));
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 65536u);
    peer.wire.observer->on_closed({Errc::disconnected, "reset"});
    rig.settle();
    EXPECT_TRUE(peer.ended);
    EXPECT_EQ(rig.exports.guest_buffers().used_bytes(), 0u);
    EXPECT_EQ(rig.platter.counters().writes, 0u);
}

TEST(ServerSessionBroken, AControlOrderWhileAnotherRunsIsBusy) {
    ServerRig rig;
    ServerRig::Peer& peer = rig.opened();
    Bytes orders = frame_bytes(order(Kind::peek, 5));
    const Bytes second = frame_bytes(order(Kind::peek, 6));
    orders.insert(orders.end(), second.begin(), second.end());
    const auto answers = rig.ask(peer, orders);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].header.request, 6u);
    EXPECT_EQ(answers[0].header.status, Errc::busy);
    EXPECT_EQ(answers[1].header.status, Errc::ok);
}

}  // namespace
}  // namespace dst::test
