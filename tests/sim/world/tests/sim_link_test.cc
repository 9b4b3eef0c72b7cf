#include "simworld/sim_link.h"

#include <gtest/gtest.h>

#include <string>

namespace dst::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Sends what it is told to and keeps what it gets.
struct End final : Link::Observer {
    void attach(std::unique_ptr<Link> taken) {
        link = std::move(taken);
        link->set_observer(this);
    }
    void on_connected() override { connected = true; }
    void on_readable() override {
        char buffer[333];
        const Piece piece{reinterpret_cast<std::byte*>(buffer), sizeof buffer};
        for (;;) {
            const std::size_t got = link->read({&piece, 1});
            received.append(buffer, got);
            if (got < sizeof buffer) return;
        }
    }
    void on_writable() override { send(); }
    void on_closed(const Error& error) override {
        closed = true;
        why = error;
    }
    void send(const std::string& text) {
        to_send += text;
        send();
    }
    void send() {
        while (!to_send.empty()) {
            const Piece piece{reinterpret_cast<std::byte*>(to_send.data()), to_send.size()};
            const std::size_t taken = link->write({&piece, 1});
            to_send.erase(0, taken);
            if (taken < piece.size) return;
        }
    }

    std::unique_ptr<Link> link;
    std::string to_send;
    std::string received;
    bool connected = false;
    bool closed = false;
    Error why;
};

struct SimLinkTest : testing::Test {
    void connect() {
        network.listen("node:1", [this](std::unique_ptr<Link> link) { server.attach(std::move(link)); });
        client.attach(network.factory("head", "node:1")());
        client.link->connect();
        loop.run_for(milliseconds(10));
    }
    static std::string pattern(std::size_t size) {
        std::string text(size, ' ');
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
        return text;
    }

    SimLoop loop{1};
    SimNetwork network{loop, {.window_bytes = 8192, .chunk_bytes_max = 700}};
    End client;
    End server;
    struct Deaf final : Link::Observer {
        void on_connected() override {}
        void on_readable() override {}
        void on_writable() override {}
        void on_closed(const Error&) override {}
    } deaf;
};

TEST_F(SimLinkTest, CarriesEveryByteInOrderBothWays) {
    connect();
    ASSERT_TRUE(client.connected);
    const std::string text = pattern(100'000);
    client.send(text);
    server.send(text);
    loop.run_for(seconds(5));
    EXPECT_EQ(server.received, text);
    EXPECT_EQ(client.received, text);
}

TEST_F(SimLinkTest, RefusesWhereNobodyListens) {
    client.attach(network.factory("head", "node:2")());
    client.link->connect();
    loop.run_for(seconds(1));
    EXPECT_TRUE(client.closed);
    EXPECT_FALSE(client.connected);
}

TEST_F(SimLinkTest, AConnectionThroughAPartitionTimesOut) {
    network.partition("node", "head");
    connect();
    EXPECT_FALSE(client.connected);
    loop.run_for(seconds(30));
    EXPECT_TRUE(client.closed);
    EXPECT_EQ(client.why.code, Errc::timed_out);
}

TEST_F(SimLinkTest, AOneWayPartitionHoldsOneDirection) {
    connect();
    network.partition("head", "node");
    client.send("ping");
    server.send("pong");
    loop.run_for(seconds(1));
    EXPECT_EQ(client.received, "pong");
    EXPECT_EQ(server.received, "");
    network.heal("head", "node");
    loop.run_for(seconds(1));
    EXPECT_EQ(server.received, "ping");
}

TEST_F(SimLinkTest, ClosingDeliversWhatWasSent) {
    connect();
    client.send("last words");
    client.link->close();
    loop.run_for(seconds(1));
    EXPECT_EQ(server.received, "last words");
    EXPECT_TRUE(server.closed);
    EXPECT_FALSE(client.closed) << "the own close is not reported";
}

TEST_F(SimLinkTest, AResetEndsBothSides) {
    connect();
    network.reset("head", "node");
    loop.run_for(seconds(1));
    EXPECT_TRUE(client.closed);
    EXPECT_TRUE(server.closed);
}

TEST_F(SimLinkTest, ADeadProcessFallsSilentAndItsPeersHearIt) {
    connect();
    network.crash_host("node");
    server.send("from the grave");
    loop.run_for(seconds(1));
    EXPECT_TRUE(client.closed);
    EXPECT_EQ(client.received, "");
    EXPECT_FALSE(server.closed);
}

TEST_F(SimLinkTest, AMachineWithoutPowerIsHeardOfLate) {
    connect();
    network.crash_host("node", true);
    loop.run_for(milliseconds(900));
    EXPECT_FALSE(client.closed);
    loop.run_for(seconds(31));
    EXPECT_TRUE(client.closed);
}

TEST_F(SimLinkTest, ADeadProcessConnectsNoMore) {
    const LinkFactory factory = network.factory("head", "node:1");
    network.crash_host("head");
    bool accepted = false;
    network.listen("node:1", [&](std::unique_ptr<Link>) { accepted = true; });
    client.attach(factory());
    client.link->connect();
    loop.run_for(seconds(60));
    EXPECT_FALSE(accepted);
    client.attach(network.factory("head", "node:1")());
    client.link->connect();
    loop.run_for(seconds(1));
    EXPECT_TRUE(accepted) << "a new process of the same host may";
}

TEST_F(SimLinkTest, AReaderThatStopsHoldsTheWriter) {
    connect();
    server.link->set_observer(&deaf);
    client.send(pattern(100'000));
    loop.run_for(seconds(5));
    EXPECT_GT(client.to_send.size(), 100'000u - 3 * 8192u);
}

}  // namespace
}  // namespace dst::sim
