#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/netnode_server.h"
#include "support/served.h"

namespace dst {

class NetnodeServerTest : public testing::Test {
protected:
    NetnodeServerTest() { server = std::make_unique<NetnodeServer>(loop, events, options()); }
    ~NetnodeServerTest() override {
        if (server) close();
    }
    HeadOptions options() const { return {folder.file("run"), folder.file("state"), "dst-netnode"}; }
    void close() {
        bool closed = false;
        server->close([&] { closed = true; });
        EXPECT_TRUE(run_until(loop, [&] { return closed; })) << events.all();
        server.reset();
    }
    spec::Export disk(const std::string& name) { return {name, spec::Disk{folder.file(name)}, std::nullopt, {}}; }
    void start(std::vector<spec::Export> exports) {
        const Result<void> started = server->start({{{"127.0.0.1", 0}}, std::move(exports), "netnode.yaml"});
        ASSERT_TRUE(started.has_value()) << to_string(started.error());
        const std::string endpoint = server->endpoints().at(0);
        port = static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    }

    TemporaryFolder folder;
    EventLog events;
    AsioLoop loop;
    std::unique_ptr<NetnodeServer> server;
    std::uint16_t port = 0;
};

}  // namespace dst
