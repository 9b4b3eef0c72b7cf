#include "server/netnode_server.h"

#include <gtest/gtest.h>

#include "support/raw_peer.h"
#include "support/server_fixture.h"

namespace dst {
namespace {

TEST_F(NetnodeServerTest, ServesADiskOverTcp) {
    make_file(folder.file("disk0"), 64 * mib);
    start({disk("disk0")});
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up()) << events.all();
    EXPECT_EQ(client.leaf->geometry().size_bytes, leaf_size_bytes(64 * mib));
    Bytes bytes(20 * mib);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 >> 9);
    EXPECT_EQ(client.write(mib, bytes), Errc::ok);
    EXPECT_EQ(client.flush(), Errc::ok);
    EXPECT_EQ(client.read(mib, bytes.size()), bytes);
    Bytes none;
    EXPECT_EQ(client.run(Operation::unmap, {2 * mib, mib}, none), Errc::ok);
    EXPECT_EQ(client.read(2 * mib, mib), Bytes(mib));
}

TEST_F(NetnodeServerTest, ServesManyRequestsOfManyClientsAtOnce) {
    make_file(folder.file("disk0"), 64 * mib);
    start({disk("disk0")});
    std::vector<std::unique_ptr<Client>> clients;
    for (unsigned i = 0; i < 8; ++i)
        clients.push_back(std::make_unique<Client>(loop, events, port, "disk0", 1 + i % 3));
    for (const auto& client : clients) ASSERT_TRUE(client->wait_up());
    std::vector<Bytes> memory;
    memory.reserve(800);
    std::vector<std::unique_ptr<Client::Order>> orders;
    for (unsigned i = 0; i < 800; ++i) {
        memory.emplace_back(16384, static_cast<std::byte>(i));
        orders.push_back(clients[i % 8]->start(Operation::write, {i * 16384u, 16384}, memory.back()));
    }
    ASSERT_TRUE(run_until(loop, [&] {
        return std::all_of(orders.begin(), orders.end(), [](const auto& order) { return order->done; });
    }));
    for (const auto& order : orders) ASSERT_EQ(order->request.result, Errc::ok);
    for (unsigned i = 0; i < 800; i += 41) {
        EXPECT_EQ(clients[(i + 1) % 8]->read(i * 16384u, 16384), Bytes(16384, static_cast<std::byte>(i)));
    }
}

TEST_F(NetnodeServerTest, KnowsNoOtherExport) {
    make_file(folder.file("disk0"), 8 * mib);
    start({disk("disk0")});
    Client client(loop, events, port, "disk1");
    ASSERT_TRUE(run_until(loop, [&] { return client.leaf->last_error().code == Errc::not_found; }));
    EXPECT_FALSE(client.leaf->up());
}

TEST_F(NetnodeServerTest, RefusesAPeerOutsideTheAllowList) {
    make_file(folder.file("disk0"), 8 * mib);
    spec::Export exported = disk("disk0");
    exported.allow = {{"192.0.2.0", 24}};
    start({exported, disk("disk1")});
    Client client(loop, events, port, "disk0");
    Client again(loop, events, port, "disk0");
    ASSERT_TRUE(run_until(loop, [&] {
        return client.leaf->last_error().code == Errc::refused && again.leaf->last_error().code == Errc::refused;
    }));
    EXPECT_EQ(events.count("peer-refused"), 1);
}

TEST_F(NetnodeServerTest, ServesOthersWhileAMediumIsMissingAndTakesItUpWhenItComes) {
    make_file(folder.file("disk0"), 8 * mib);
    start({disk("disk0"), disk("disk1")});
    Client here(loop, events, port, "disk0");
    Client missing(loop, events, port, "disk1");
    ASSERT_TRUE(here.wait_up());
    EXPECT_FALSE(missing.leaf->up());
    make_file(folder.file("disk1"), 8 * mib);
    EXPECT_TRUE(missing.wait_up()) << events.all();
}

TEST_F(NetnodeServerTest, ServesWhatIsRenamedOverADiskThatIsLookedAt) {
    make_file(folder.file("disk0"), 8 * mib);
    start({disk("disk0")});
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up());
    make_file(folder.file("new"), 16 * mib);
    std::filesystem::rename(folder.file("new"), folder.file("disk0"));
    EXPECT_EQ(client.write(0, Bytes(4096)), Errc::ok) << "nobody has looked yet";
    std::optional<Result<Peek>> peeked;
    client.leaf->peek([&](Result<Peek> result) { peeked = std::move(result); });
    ASSERT_TRUE(run_until(loop, [&] { return peeked.has_value() && client.downs == 1; })) << events.all();
    ASSERT_TRUE(client.wait_up()) << events.all();
    EXPECT_EQ(client.leaf->geometry().size_bytes, leaf_size_bytes(16 * mib));
    EXPECT_EQ(events.count("medium-replaced"), 1) << events.all();
}

TEST_F(NetnodeServerTest, AReloadDoesNotDisturbWhatStays) {
    make_file(folder.file("disk0"), 8 * mib);
    make_file(folder.file("disk1"), 8 * mib);
    make_file(folder.file("disk2"), 8 * mib);
    start({disk("disk0"), disk("disk1")});
    Client stays(loop, events, port, "disk0");
    Client goes(loop, events, port, "disk1");
    ASSERT_TRUE(stays.wait_up() && goes.wait_up());
    spec::Export moved = disk("disk0");
    moved.position = {7, 3};
    server->reload({{{"127.0.0.1", 0}}, {disk("disk2"), moved}, "netnode.yaml"});
    ASSERT_TRUE(run_until(loop, [&] { return goes.downs == 1 && goes.leaf->last_error().code == Errc::not_found; }))
        << events.all();
    EXPECT_EQ(stays.write(0, Bytes(4096)), Errc::ok);
    EXPECT_EQ(stays.downs, 0);
    Client comes(loop, events, port, "disk2");
    EXPECT_TRUE(comes.wait_up());
}

TEST_F(NetnodeServerTest, AReloadMayExportTheSameDiskUnderAnotherName) {
    make_file(folder.file("disk0"), 8 * mib);
    start({disk("disk0")});
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up());
    spec::Export renamed = disk("disk0");
    renamed.name = "other";
    server->reload({{{"127.0.0.1", 0}}, {renamed}, "netnode.yaml"});
    Client other(loop, events, port, "other");
    EXPECT_TRUE(other.wait_up()) << events.all();
}

TEST_F(NetnodeServerTest, AReloadEndsSessionsThatAreNoLongerAllowed) {
    make_file(folder.file("disk0"), 8 * mib);
    start({disk("disk0")});
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up());
    spec::Export closed = disk("disk0");
    closed.allow = {{"192.0.2.0", 24}};
    server->reload({{{"127.0.0.1", 0}}, {closed}, "netnode.yaml"});
    EXPECT_TRUE(run_until(loop, [&] { return client.leaf->last_error().code == Errc::refused; }));
}

TEST_F(NetnodeServerTest, EndsWithRequestsUnderWay) {
    make_file(folder.file("disk0"), 64 * mib);
    start({disk("disk0")});
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up());
    Bytes bytes(32 * mib);
    const auto order = client.start(Operation::write, {0, bytes.size()}, bytes);
    close();
    ASSERT_TRUE(run_until(loop, [&] { return order->done; }));
}

TEST_F(NetnodeServerTest, PeersThatReadNothingDoNotHoldUpOthersAndAreCut) {
    make_file(folder.file("disk0"), 64 * mib);
    SessionLimits limits;
    limits.stall_timeout = std::chrono::seconds(2);
    server = std::make_unique<NetnodeServer>(loop, events, options(), limits);
    start({disk("disk0")});
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up());
    std::vector<OwnedFd> stuck;
    for (unsigned i = 0; i < 20; ++i) stuck.push_back(connect_raw(port, opening_and_reads("disk0", 256, mib)));
    for (unsigned i = 0; i < 30; ++i) {
        EXPECT_EQ(client.write(i * mib, Bytes(mib)), Errc::ok);
        EXPECT_EQ(client.read(i * mib, mib).size(), mib);
    }
    EXPECT_TRUE(run_until(loop, [&] { return events.count("session-timed-out") == 20; })) << events.all();
    EXPECT_EQ(client.downs, 0);
    EXPECT_TRUE(run_until(loop, [&] { return server->sessions() == 1; }));
}

TEST_F(NetnodeServerTest, SaysWhyItCannotListenAnywhere) {
    make_file(folder.file("disk0"), 8 * mib);
    start({disk("disk0")});
    NetnodeServer second(loop, events, options());
    const Result<void> started = second.start({{{"127.0.0.1", port}}, {disk("disk0")}, "netnode.yaml"});
    ASSERT_TRUE(started.has_error());
    EXPECT_NE(started.error().text.find(std::to_string(port)), std::string::npos);
    EXPECT_EQ(events.count("listen-failed"), 1);
    EXPECT_EQ(events.all().find("tried again"), std::string::npos) << "the process ends:\n" << events.all();
}

/// A netnode that listens on a free port of its own, and another one whose port is taken.
class NetnodeListenTest : public NetnodeServerTest {
protected:
    void SetUp() override {
        const Result<void> started = taken_.start({{{"127.0.0.1", 0}}, {}, "netnode.yaml"});
        ASSERT_TRUE(started) << to_string(started.error());
        taken_port = port_of(taken_);
    }
    void TearDown() override {
        bool closed = false;
        taken_.close([&] { closed = true; });
        EXPECT_TRUE(run_until(loop, [&] { return closed; }));
    }
    static std::uint16_t port_of(const NetnodeServer& server) {
        const std::string endpoint = server.endpoints().at(0);
        return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    }
    bool told(const std::string& text) const { return events.all().find(text) != std::string::npos; }

    std::uint16_t taken_port = 0;

private:
    EventLog others_;
    NetnodeServer taken_{loop, others_, options()};
};

TEST_F(NetnodeListenTest, AnAddressThatIsTakenIsTriedAgainWhileOthersAreServed) {
    const Result<void> started = server->start({{{"127.0.0.1", taken_port}, {"127.0.0.1", 0}}, {}, "netnode.yaml"});
    ASSERT_TRUE(started) << to_string(started.error());
    EXPECT_TRUE(told("; it is tried again, other addresses are served")) << events.all();
}

TEST_F(NetnodeListenTest, AReloadThatLeavesNoAddressSaysSo) {
    start({});
    server->reload({{{"127.0.0.1", port}, {"127.0.0.1", taken_port}}, {}, "netnode.yaml"});
    EXPECT_TRUE(told("; it is tried again, other addresses are served")) << events.all();
    events.lines.clear();
    server->reload({{{"127.0.0.1", port}}, {}, "netnode.yaml"});
    server->reload({{{"127.0.0.1", taken_port}}, {}, "netnode.yaml"});
    EXPECT_TRUE(server->endpoints().empty());
    EXPECT_TRUE(told("; it is tried again; until then the netnode listens nowhere")) << events.all();
}

}  // namespace
}  // namespace dst
