#include "asio/tcp_link.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "asio/owned_fd.h"
#include "asio/resolver.h"
#include "support/run_loop.h"

namespace dst {
namespace {

/// What only getaddrinfo(3) takes for an address, so that it is looked up as any name is, and found on every machine:
/// a bare one may have no /etc/hosts that knows localhost.
constexpr const char* a_name = "127.1";

using std::chrono::milliseconds;

/// One end of a link: sends what it is given, keeps what comes.
class End : public Link::Observer {
public:
    void adopt(std::unique_ptr<Link> link) {
        link_ = std::move(link);
        link_->set_observer(this);
    }
    void send(std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; ++i) to_send_.push_back(static_cast<std::byte>((sent_ + i) * 7 % 251));
        write();
    }
    void write() {
        while (at_ < to_send_.size()) {
            // Two pieces, so that gathering is used.
            const std::size_t half = std::min<std::size_t>(to_send_.size() - at_, 1000) / 2;
            const std::array<Piece, 2> pieces{Piece{to_send_.data() + at_, half},
                                              Piece{to_send_.data() + at_ + half, to_send_.size() - at_ - half}};
            const std::size_t taken = link_->write(pieces);
            at_ += taken;
            sent_ += taken;
            if (at_ < to_send_.size()) return;
        }
    }
    void on_connected() override { connected = true; }
    void on_readable() override {
        if (!reads) return;
        std::array<std::byte, 40000> buffer;
        for (;;) {
            const std::array<Piece, 2> pieces{Piece{buffer.data(), 3}, Piece{buffer.data() + 3, buffer.size() - 3}};
            const std::size_t got = link_->read(pieces);
            for (std::size_t i = 0; i < got; ++i) {
                intact = intact && buffer[i] == static_cast<std::byte>((received + i) * 7 % 251);
            }
            received += got;
            if (got < buffer.size()) return;
        }
    }
    void on_writable() override { write(); }
    void on_closed(const Error& why) override {
        closed = true;
        reason = why;
    }

    bool connected = false;
    bool closed = false;
    bool intact = true;
    bool reads = true;
    std::size_t received = 0;
    Error reason;
    std::unique_ptr<Link> link_;

private:
    Bytes to_send_;
    std::size_t at_ = 0;
    std::size_t sent_ = 0;
};

/// Listens, but answers nothing: its queue is full.
class SilentListener {
public:
    SilentListener(const std::string& host, std::uint16_t port) {
        const auto address = parse_address(host, port);
        EXPECT_EQ(::bind(listener_.get(), address->get(), address->length), 0);
        EXPECT_EQ(::listen(listener_.get(), 0), 0);
        for (int i = 0; i < 4; ++i) {
            filling_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(filling_.back().get(), address->get(), address->length);
        }
    }

private:
    OwnedFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::vector<OwnedFd> filling_;
};

class TcpLinkTest : public testing::Test {
protected:
    void listen(const std::string& address = "127.0.0.1") {
        auto made = TcpListener::listen(loop, address, 0, [this](std::unique_ptr<Link> link) {
            ++accepted;
            server.adopt(std::move(link));
        });
        ASSERT_TRUE(made.has_value()) << to_string(made.error());
        listener = std::move(*made);
    }
    void connect(const std::string& host = "127.0.0.1") {
        client.adopt(make_tcp_link(loop, host, listener->port()));
        client.link_->connect();
        EXPECT_FALSE(client.connected);
        ASSERT_TRUE(run_until(loop, [&] { return client.connected && accepted == 1; })) << to_string(client.reason);
    }

    AsioLoop loop;
    std::unique_ptr<TcpListener> listener;
    End server;
    End client;
    int accepted = 0;
};

TEST_F(TcpLinkTest, MovesManyBytesBothWaysAtOnce) {
    listen();
    connect();
    constexpr std::size_t bytes = 20u << 20;
    client.send(bytes);
    server.send(bytes);
    ASSERT_TRUE(run_until(loop, [&] { return server.received == bytes && client.received == bytes; }));
    EXPECT_TRUE(server.intact && client.intact);
}

TEST_F(TcpLinkTest, KnowsWhatThePeerHasNotTaken) {
    listen();
    connect();
    EXPECT_EQ(server.link_->untaken_bytes(), 0u);
    client.reads = false;
    constexpr std::size_t bytes = 64u << 20;
    server.send(bytes);
    // Both sockets fill up, and then nothing moves any more.
    std::uint64_t before = 0;
    for (unsigned same = 0, looks = 0; same < 3 && looks < 100; ++looks) {
        run_for(loop, milliseconds(50));
        same = std::exchange(before, server.link_->untaken_bytes()) == server.link_->untaken_bytes() ? same + 1 : 0;
    }
    EXPECT_GT(before, 0u);
    EXPECT_LT(before, bytes);
    client.reads = true;
    client.on_readable();
    ASSERT_TRUE(run_until(loop, [&] { return client.received == bytes && server.link_->untaken_bytes() == 0; }));
}

TEST_F(TcpLinkTest, NamesItsPeer) {
    listen();
    connect();
    EXPECT_EQ(client.link_->peer(), "127.0.0.1:" + std::to_string(listener->port()));
    EXPECT_EQ(server.link_->peer().substr(0, 10), "127.0.0.1:");
    EXPECT_EQ(listener->endpoint(), client.link_->peer());
}

TEST_F(TcpLinkTest, LooksUpNames) {
    listen();
    connect(a_name);
    EXPECT_TRUE(client.connected);
}

TEST_F(TcpLinkTest, ConnectsOverIpv6) {
    auto made = TcpListener::listen(loop, "::1", 0, [](std::unique_ptr<Link>) {});
    if (made.has_error()) GTEST_SKIP() << "no IPv6 here: " << to_string(made.error());
    listen("::1");
    connect("::1");
    EXPECT_EQ(client.link_->peer(), "[::1]:" + std::to_string(listener->port()));
}

TEST_F(TcpLinkTest, TellsThatThePeerClosed) {
    listen();
    connect();
    client.send(1000);
    client.link_->close();
    ASSERT_TRUE(run_until(loop, [&] { return server.closed; }));
    EXPECT_EQ(server.received, 1000u);
    EXPECT_EQ(server.reason.code, Errc::disconnected);
    EXPECT_FALSE(client.closed) << "the own close is not told";
}

TEST_F(TcpLinkTest, TellsThatThePeerReset) {
    // The raw socket ends with a reset instead of an orderly end.
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    listen();
    const auto address = parse_address("127.0.0.1", listener->port());
    ASSERT_EQ(::connect(fd, address->get(), address->length), 0);
    ASSERT_TRUE(run_until(loop, [&] { return accepted == 1; }));
    const linger reset{1, 0};
    ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    ::close(fd);
    ASSERT_TRUE(run_until(loop, [&] { return server.closed; }));
    EXPECT_EQ(server.reason.code, Errc::disconnected);
}

TEST_F(TcpLinkTest, ReadsEverythingBeforeAHalfClosedPeerCountsAsGone) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    listen();
    const auto address = parse_address("127.0.0.1", listener->port());
    ASSERT_EQ(::connect(fd, address->get(), address->length), 0);
    const std::array<std::byte, 3> bytes{std::byte{0}, std::byte{7}, std::byte{14}};
    ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), 0), 3);
    ASSERT_EQ(::shutdown(fd, SHUT_WR), 0);
    ASSERT_TRUE(run_until(loop, [&] { return server.closed; }));
    EXPECT_EQ(server.received, 3u);
    EXPECT_TRUE(server.intact);
    ::close(fd);
}

TEST_F(TcpLinkTest, IsRefusedWithAReasonThatNamesTheAddress) {
    listen();
    const std::uint16_t port = listener->port();
    listener.reset();
    client.adopt(make_tcp_link(loop, "127.0.0.1", port));
    client.link_->connect();
    ASSERT_TRUE(run_until(loop, [&] { return client.closed; }));
    EXPECT_NE(client.reason.text.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << client.reason.text;
    EXPECT_EQ(client.reason.code, Errc::disconnected);
}

class TcpLinkAddresses : public TcpLinkTest {
protected:
    ~TcpLinkAddresses() override { Lookup::set_resolve(nullptr); }
};

TEST_F(TcpLinkAddresses, OneOfAFamilyThatIsNotThereIsPassedOver) {
    Lookup::set_resolve([](const std::string&) -> Result<std::vector<SocketAddress>> {
        SocketAddress unknown = *parse_address("192.0.2.7", 0);
        unknown.storage.ss_family = 255;
        return std::vector{unknown, *parse_address("127.0.0.1", 0)};
    });
    listen();
    connect("two-families.test");
    EXPECT_TRUE(client.connected);
}

TEST_F(TcpLinkAddresses, ManyThatDoNotAnswerLeaveTimeForTheLast) {
    Lookup::set_resolve([](const std::string&) -> Result<std::vector<SocketAddress>> {
        std::vector<SocketAddress> found(10, *parse_address("127.0.0.2", 0));
        found.push_back(*parse_address("127.0.0.1", 0));
        return found;
    });
    listen();
    const SilentListener silent("127.0.0.2", listener->port());
    const TimePoint began = loop.now();
    connect("silent.test");
    // 2 s for all of them, which a busy machine may stretch; 750 ms for each would be 7.5 s.
    EXPECT_LT(loop.now() - began, std::chrono::seconds(5));
}

TEST_F(TcpLinkTest, TellsThatANameIsUnknown) {
    client.adopt(make_tcp_link(loop, "no-such-host.invalid", 7790));
    client.link_->connect();
    ASSERT_TRUE(run_until(loop, [&] { return client.closed; }));
    EXPECT_NE(client.reason.text.find("no-such-host.invalid"), std::string::npos) << client.reason.text;
}

TEST_F(TcpLinkTest, MayBeClosedAndDestroyedWhileItConnectsOrLooksUp) {
    listen();
    for (const char* host : {"127.0.0.1", "localhost", "no-such-host.invalid"}) {
        End end;
        end.adopt(make_tcp_link(loop, host, listener->port()));
        end.link_->connect();
        end.link_->close();
        end.link_.reset();
        run_for(loop, milliseconds(20));
        EXPECT_FALSE(end.connected || end.closed);
    }
}

TEST_F(TcpLinkTest, TakesNoMoreWhileNobodyReadsAndGoesOnAfterwards) {
    listen();
    class Silent : public End {
        void on_readable() override { told = true; }

    public:
        bool told = false;
        void resume() { End::on_readable(); }
    };
    Silent silent;
    auto made =
        TcpListener::listen(loop, "127.0.0.1", 0, [&](std::unique_ptr<Link> link) { silent.adopt(std::move(link)); });
    ASSERT_TRUE(made.has_value());
    client.adopt(make_tcp_link(loop, "127.0.0.1", (*made)->port()));
    client.link_->connect();
    ASSERT_TRUE(run_until(loop, [&] { return client.connected; }));
    constexpr std::size_t bytes = 64u << 20;
    client.send(bytes);
    run_for(loop, milliseconds(50));
    EXPECT_TRUE(silent.told);
    ASSERT_TRUE(run_until(loop, [&] {
        silent.resume();
        return silent.received == bytes;
    }));
    EXPECT_TRUE(silent.intact);
}

TEST(TcpListener, SaysWhyItCannotListen) {
    AsioLoop loop;
    auto first = TcpListener::listen(loop, "127.0.0.1", 0, [](std::unique_ptr<Link>) {});
    ASSERT_TRUE(first.has_value());
    auto second = TcpListener::listen(loop, "127.0.0.1", (*first)->port(), [](std::unique_ptr<Link>) {});
    ASSERT_TRUE(second.has_error());
    EXPECT_NE(second.error().text.find("another process listens there"), std::string::npos) << second.error().text;
    auto third = TcpListener::listen(loop, "not-an-address", 1, [](std::unique_ptr<Link>) {});
    ASSERT_TRUE(third.has_error());
    EXPECT_EQ(third.error().code, Errc::invalid_argument);
}

TEST(TcpListener, OthersHaveTheirTurnWhileManyConnectAtOnce) {
    AsioLoop loop;
    int accepted = 0;
    int accepted_before = 0;
    Task other(loop, [&] { accepted_before = accepted; });
    auto listener = TcpListener::listen(loop, "127.0.0.1", 0, [&](std::unique_ptr<Link>) {
        if (++accepted == 17) other.post();  // the first of the second helping
    });
    ASSERT_TRUE(listener.has_value());
    const auto address = parse_address("127.0.0.1", (*listener)->port());
    std::vector<OwnedFd> clients;
    while (clients.size() < 50) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(clients.back().get(), address->get(), address->length), 0);
    }
    EXPECT_TRUE(run_until(loop, [&] { return accepted == 50; }));
    EXPECT_GT(accepted_before, 0);
    EXPECT_LT(accepted_before, 50);
}

TEST(TcpListener, RestsWithoutDescriptorsAndGoesOn) {
    AsioLoop loop;
    int accepted = 0;
    auto listener = TcpListener::listen(loop, "127.0.0.1", 0, [&](std::unique_ptr<Link>) { ++accepted; });
    ASSERT_TRUE(listener.has_value());
    End client;
    client.adopt(make_tcp_link(loop, "127.0.0.1", (*listener)->port()));
    client.link_->connect();
    ASSERT_TRUE(run_until(loop, [&] { return client.connected && accepted == 1; }));

    End waiting;
    waiting.adopt(make_tcp_link(loop, "127.0.0.1", (*listener)->port()));
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    waiting.link_->connect();
    Task starve(loop, [&] {
        // Room for the client's own socket was taken in connect's first step; nothing is left for the accepted one.
        rlimit none = before;
        none.rlim_cur = 3;
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    });
    starve.post();
    run_for(loop, milliseconds(30));
    EXPECT_EQ(accepted, 1);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(run_until(loop, [&] { return accepted == 2; }));
}

}  // namespace
}  // namespace dst
