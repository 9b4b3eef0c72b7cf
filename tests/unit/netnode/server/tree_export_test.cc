// A whole tree exported as one node.
#include <gtest/gtest.h>

#include <variant>

#include "asio/file_store.h"
#include "disk/leaf_factory.h"
#include "server/netnode_server.h"
#include "start/initializer.h"
#include "support/served.h"

namespace dst {
namespace {

class TreeExportTest : public testing::Test {
protected:
    TreeExportTest() {
        storage.name = "pool";
        storage.journal = folder.file("pool.journal");
        storage.tree.name = "mirror0";
        spec::Mirror mirror;
        for (const char* name : {"left", "right"}) {
            make_file(folder.file(name), 32 * mib);
            spec::Node node;
            node.name = folder.file(name);
            node.what = spec::Disk{folder.file(name)};
            mirror.members.push_back(node);
        }
        storage.tree.what = mirror;
        std::filesystem::create_directories(folder.file("run"));
    }
    ~TreeExportTest() override {
        if (server) close(*server);
    }
    void close(NetnodeServer& ending) {
        bool closed = false;
        ending.close([&] { closed = true; });
        EXPECT_TRUE(run_until(loop, [&] { return closed; })) << events.all();
    }
    std::uint16_t port_of(const NetnodeServer& listening) const {
        const std::string endpoint = listening.endpoints().at(0);
        return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    }
    HeadOptions options() const { return {folder.file("run"), folder.file("state"), "dst-netnode"}; }
    void initialise() {
        DiskOptions disk_options;
        disk_options.run_dir = folder.file("run");
        EngineEnvironment environment{
            loop, events,
            [&, disk_options](const spec::Node& node) {
                if (const auto* far = std::get_if<spec::Netnode>(&node.what)) {
                    return make_netnode_leaf(loop, events, {far->address, far->port, far->export_name, 1, ""});
                }
                const auto& disk = std::get<spec::Disk>(node.what);
                return make_disk_leaf(loop, events, disk.path, disk_options);
            },
            std::make_unique<FileStore>(loop, storage.journal), "test"};
        Initializer initializer(storage, std::move(environment), {});
        std::optional<Result<InitReport>> report;
        initializer.run([&](Result<InitReport> result) { report = std::move(result); });
        ASSERT_TRUE(run_until(loop, [&] { return report.has_value(); }));
        ASSERT_TRUE(report->has_value()) << to_string(report->error());
        ASSERT_TRUE((*report)->done) << to_string((*report)->error);
    }
    void serve() {
        server = std::make_unique<NetnodeServer>(loop, events, options());
        spec::Export exported{"pool", storage, std::nullopt, {}};
        const Result<void> started = server->start({{{"127.0.0.1", 0}}, {exported}, "netnode.yaml"});
        ASSERT_TRUE(started.has_value()) << to_string(started.error());
        port = port_of(*server);
    }

    TemporaryFolder folder;
    EventLog events;
    AsioLoop loop;
    spec::Storage storage;
    std::unique_ptr<NetnodeServer> server;
    std::uint16_t port = 0;
};

TEST_F(TreeExportTest, WritesReachEveryMember) {
    initialise();
    serve();
    Client client(loop, events, port, "pool");
    ASSERT_TRUE(client.wait_up()) << events.all();
    const Bytes bytes(3 * mib, std::byte{0x3c});
    EXPECT_EQ(client.write(mib, bytes), Errc::ok);
    EXPECT_EQ(client.flush(), Errc::ok);
    EXPECT_EQ(client.read(mib, bytes.size()), bytes);
    for (const char* name : {"left", "right"}) {
        std::ifstream file(folder.file(name), std::ios::binary);
        file.seekg(mib);
        std::string data(3 * mib, '\0');
        file.read(data.data(), static_cast<std::streamsize>(data.size()));
        EXPECT_EQ(data, std::string(3 * mib, '\x3c')) << name;
    }
}

TEST_F(TreeExportTest, IsProbedLikeADisk) {
    initialise();
    serve();
    Client client(loop, events, port, "pool");
    ASSERT_TRUE(client.wait_up()) << events.all();
    std::optional<Result<Probe>> blank;
    client.leaf->probe([&](Result<Probe> result) { blank = std::move(result); });
    ASSERT_TRUE(run_until(loop, [&] { return blank.has_value(); }));
    ASSERT_TRUE(blank->has_value()) << to_string(blank->error());
    EXPECT_EQ((*blank)->found, "");
    EXPECT_EQ((*blank)->label_state, LabelState::absent);
}

TEST_F(TreeExportTest, ATreeThatWasNeverInitialisedStaysDownWithAReason) {
    serve();
    Client client(loop, events, port, "pool");
    ASSERT_TRUE(run_until(loop, [&] { return client.leaf->last_error().text.find("init") != std::string::npos; }))
        << events.all();
    EXPECT_FALSE(client.leaf->up());
}

/// A tree over the disk of another netnode, which can be taken away.
class FarTreeTest : public TreeExportTest {
protected:
    FarTreeTest() {
        make_file(folder.file("far"), 32 * mib);
        start_far(0);
        spec::Node node;
        node.name = "far";
        node.what = spec::Netnode{"127.0.0.1", port_of(*far), "disk0", 1};
        storage.tree = node;
    }
    ~FarTreeTest() override { stop_far(); }
    void start_far(std::uint16_t on) {
        far = std::make_unique<NetnodeServer>(
            loop, events, HeadOptions{folder.file("run-far"), folder.file("state-far"), "dst-netnode"});
        const spec::Export disk{"disk0", spec::Disk{folder.file("far")}, std::nullopt, {}};
        const Result<void> started = far->start({{{"127.0.0.1", on}}, {disk}, "far.yaml"});
        ASSERT_TRUE(started.has_value()) << to_string(started.error());
    }
    void stop_far() {
        if (!far) return;
        far_port = port_of(*far);
        close(*far);
        far.reset();
    }

    /// As another head does that starts on the same medium.
    void take_over(Leaf& leaf) {
        std::optional<Result<Peek>> seen;
        leaf.peek([&](Result<Peek> result) { seen = std::move(result); });
        ASSERT_TRUE(run_until(loop, [&] { return seen.has_value(); }));
        ASSERT_TRUE(seen->has_value()) << to_string(seen->error());
        std::optional<Result<LabelImage>> promised;
        leaf.promise(**seen, {1000, loop.random_id()},
                     [&](Result<LabelImage> result) { promised = std::move(result); });
        ASSERT_TRUE(run_until(loop, [&] { return promised.has_value(); }));
        ASSERT_TRUE(promised->has_value()) << to_string(promised->error());
    }

    std::unique_ptr<NetnodeServer> far;
    std::uint16_t far_port = 0;
};

TEST_F(FarTreeTest, M10LossOfItsLastNodeEndsRequestsAtOnce) {
    initialise();
    serve();
    Client client(loop, events, port, "pool");
    ASSERT_TRUE(client.wait_up()) << events.all();
    stop_far();
    const TimePoint asked = loop.now();
    Bytes bytes(4096);
    EXPECT_EQ(client.run(Operation::read, {0, bytes.size()}, bytes), Errc::disconnected);
    EXPECT_LT(loop.now() - asked, std::chrono::seconds(5));
    EXPECT_TRUE(run_until(loop, [&] { return client.downs > 0; })) << events.all();
}

TEST_F(FarTreeTest, M6ThatAnotherHeadTookItsNodeIsNotToldAsIfWhoUsesTheTreeWereFenced) {
    initialise();
    serve();
    Client client(loop, events, port, "pool");
    ASSERT_TRUE(client.wait_up()) << events.all();
    Client other(loop, events, port_of(*far), "disk0");
    ASSERT_TRUE(other.wait_up()) << events.all();
    take_over(*other.leaf);
    Bytes bytes(4096);
    EXPECT_EQ(client.run(Operation::read, {0, bytes.size()}, bytes), Errc::disconnected);
    EXPECT_TRUE(run_until(loop, [&] { return client.downs > 0; })) << events.all();
    EXPECT_EQ(client.reason.code, Errc::disconnected);
    const auto is_told_why = [&] { return client.leaf->last_error().text.find("taken over") != std::string::npos; };
    EXPECT_TRUE(run_until(loop, is_told_why)) << events.all();
    EXPECT_EQ(client.leaf->last_error().code, Errc::not_ready);
}

TEST_F(FarTreeTest, ServesAgainWhenItsNodeIsBack) {
    initialise();
    serve();
    Client client(loop, events, port, "pool");
    ASSERT_TRUE(client.wait_up()) << events.all();
    EXPECT_EQ(client.write(0, Bytes(4096, std::byte{0x3c})), Errc::ok);
    EXPECT_EQ(client.flush(), Errc::ok);
    stop_far();
    ASSERT_TRUE(run_until(loop, [&] { return client.downs > 0; })) << events.all();
    start_far(far_port);
    ASSERT_TRUE(client.wait_up()) << events.all();
    EXPECT_EQ(client.read(0, 4096), Bytes(4096, std::byte{0x3c}));
}

}  // namespace
}  // namespace dst
