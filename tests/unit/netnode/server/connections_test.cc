// Who may connect to a netnode, and how often.
#include <gtest/gtest.h>

#include "server/daemon.h"
#include "support/raw_peer.h"
#include "support/server_fixture.h"

namespace dst {
namespace {

class Connections : public NetnodeServerTest {
protected:
    Connections() {
        raise_descriptor_limit();
        make_file(folder.file("disk0"), 8 * mib);
    }
    /// In bunches, so that the listener's queue does not overflow.
    void connect(unsigned count, const Bytes& bytes, const std::string& from) {
        for (unsigned i = 0; i < count; ++i) {
            sockets.push_back(connect_raw(port, bytes, from));
            if (i % 64 == 63) turn();
        }
        turn();
    }
    void turn() {
        run_until(
            loop, [] { return false; }, std::chrono::milliseconds(20));
    }
    std::vector<OwnedFd> sockets;
};

TEST_F(Connections, FromAnAddressThatNoExportAllowsAreClosedAtOnceAndToldOnce) {
    spec::Export exported = disk("disk0");
    exported.allow = {{"127.0.0.1", 32}};
    start({exported});
    connect(20, {}, "127.0.0.2");
    EXPECT_TRUE(std::all_of(sockets.begin(), sockets.end(), closed_by_peer));
    EXPECT_EQ(server->sessions(), 0u);
    EXPECT_EQ(events.count("peer-refused"), 1);
    connect(1, {}, "127.0.0.3");
    EXPECT_EQ(events.count("peer-refused"), 2);
    Client client(loop, events, port, "disk0");
    EXPECT_TRUE(client.wait_up());
}

TEST_F(Connections, ThatNoExportAllowsTellAHeadWhereToLook) {
    spec::Export exported = disk("disk0");
    exported.allow = {{"192.0.2.0", 24}};
    start({exported});
    Client client(loop, events, port, "disk0");
    EXPECT_TRUE(run_until(loop, [&] { return client.leaf->last_error().text.find("allow") != std::string::npos; }));
    EXPECT_EQ(server->sessions(), 0u);
}

TEST_F(Connections, OfAReloadedFileAreAllowedByIt) {
    spec::Export exported = disk("disk0");
    exported.allow = {{"192.0.2.0", 24}};
    start({exported});
    exported.allow = {{"127.0.0.0", 8}};
    server->reload({{{"127.0.0.1", 0}}, {exported}, "netnode.yaml"});
    Client client(loop, events, port, "disk0");
    EXPECT_TRUE(client.wait_up());
}

TEST_F(Connections, ThatOpenNothingAreBoundedForEachAddressAndTheOldestGivesWay) {
    start({disk("disk0")});
    connect(NetnodeServer::unopened_per_address_max + 10, {}, "127.0.0.1");
    EXPECT_EQ(server->sessions(), NetnodeServer::unopened_per_address_max);
    EXPECT_TRUE(closed_by_peer(sockets[0]) && closed_by_peer(sockets[9]));
    EXPECT_FALSE(closed_by_peer(sockets[10]));
    EXPECT_EQ(events.count("too-many-connections"), 1);
    Client client(loop, events, port, "disk0");
    EXPECT_TRUE(client.wait_up());
}

TEST_F(Connections, ThatOpenNothingAreBoundedInTotalAndTheOldestGivesWay) {
    start({disk("disk0")});
    for (const char* from : {"127.0.0.2", "127.0.0.3", "127.0.0.4"}) {
        connect(NetnodeServer::unopened_per_address_max, {}, from);
    }
    EXPECT_EQ(server->sessions(), NetnodeServer::unopened_max);
    EXPECT_TRUE(closed_by_peer(sockets.front()));
    EXPECT_FALSE(closed_by_peer(sockets.back()));
    Client client(loop, events, port, "disk0");
    EXPECT_TRUE(client.wait_up());
}

TEST_F(Connections, ThatAreOpenAreBoundedForEachAddressAndInTotal) {
    start({disk("disk0")});
    const Bytes opening = opening_and_reads("disk0", 0, 0);
    connect(NetnodeServer::connections_per_address_max + 10, opening, "127.0.0.2");
    EXPECT_EQ(server->sessions(), NetnodeServer::connections_per_address_max);
    EXPECT_EQ(events.count("too-many-connections"), 1);
    {
        Client client(loop, events, port, "disk0");
        EXPECT_TRUE(client.wait_up());
    }
    connect(NetnodeServer::connections_max, opening, "127.0.0.3");
    EXPECT_EQ(server->sessions(), NetnodeServer::connections_max);
    EXPECT_TRUE(closed_by_peer(sockets.back()));
    EXPECT_EQ(events.count("too-many-connections"), 2);
}

}  // namespace
}  // namespace dst
