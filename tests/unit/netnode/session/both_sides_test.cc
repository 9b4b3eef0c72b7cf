// Both sides of a connection over a simulated network, in front of a real Medium: random operations against a model.
#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "media/label.h"
#include "simworld/sim_link.h"
#include "support/client_rig.h"
#include "support/server_rig.h"

namespace dst::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t disk_bytes = 2u << 20;

class World {
public:
    explicit World(std::uint64_t seed, std::size_t chunk_bytes_max = 8192)
        : loop(seed), network(loop, network_options(chunk_bytes_max)), platter(loop, disk_options()) {
        sim::SimDiskOptions options;
        options.own_buffers = false;
        medium =
            std::make_unique<Medium>(loop, events, std::make_unique<sim::SimDisk>(loop, platter, "/dev/sim0", options));
        exports.medium = medium.get();
        medium->open();
        network.listen("node:1", [this](std::unique_ptr<Link> link) {
            sessions.push_back(std::make_unique<ServerSession>(
                loop, events, std::move(link), exports,
                [this](ServerSession& ended) {
                    std::erase_if(sessions, [&ended](const auto& session) { return session.get() == &ended; });
                },
                limits()));
        });
    }
    ~World() {
        EXPECT_TRUE(loop.run_until([this] { return sessions.empty(); }, seconds(60)));
        bool closed = false;
        medium->close([&closed] { closed = true; });
        EXPECT_TRUE(loop.run_until([&closed] { return closed; }, seconds(60)));
    }

    static sim::SimNetworkOptions network_options(std::size_t chunk_bytes_max) {
        sim::SimNetworkOptions options;
        options.chunk_bytes_max = chunk_bytes_max;
        return options;
    }
    static sim::SimPlatterOptions disk_options() {
        sim::SimPlatterOptions options;
        options.size_bytes = disk_bytes;
        return options;
    }
    /// Small, so that requests are split and have to wait.
    static SessionLimits limits() {
        SessionLimits limits;
        limits.requests_max = 16;
        limits.request_bytes_max = 64u << 10;
        limits.buffer_bytes_max = 256u << 10;
        return limits;
    }

    std::unique_ptr<RemoteLeaf> make_leaf(unsigned connections = 1) {
        RemoteLeafOptions options = ClientRig::default_options();
        options.connections = connections;
        return std::make_unique<RemoteLeaf>(loop, events, options, network.factory("head", "node:1"));
    }
    void open(RemoteLeaf& leaf) {
        leaf.open();
        ASSERT_TRUE(loop.run_until([&leaf] { return leaf.up(); }, seconds(20)));
    }
    void close(RemoteLeaf& leaf) {
        bool closed = false;
        leaf.close([&closed] { closed = true; });
        ASSERT_TRUE(loop.run_until([&closed] { return closed; }, seconds(20)));
    }

    template <typename T, typename Start>
    Result<T> wait(Start start) {
        std::optional<Result<T>> result;
        start([&result](Result<T> answered) { result = std::move(answered); });
        EXPECT_FALSE(result);
        EXPECT_TRUE(loop.run_until([&result] { return result.has_value(); }, seconds(30)));
        return *result;
    }
    Errc run(RemoteLeaf& leaf, TestRequest& request) {
        leaf.submit(request.request);
        EXPECT_TRUE(loop.run_until([&request] { return request.completed; }, seconds(90)));
        return request.request.result;
    }

    Result<Peek> peek(RemoteLeaf& leaf) {
        return wait<Peek>([&leaf](Callback<Peek> done) { leaf.peek(std::move(done)); });
    }
    Result<LabelImage> label(RemoteLeaf& leaf, std::uint8_t medium_id = 4) {
        Label label;
        label.medium = id_of(medium_id);
        label.storage = id_of(2);
        label.storage_name = "vol0";
        label.place = "-";
        label.size_bytes = leaf.geometry().size_bytes;
        label.logical_block_bytes = 512;
        const Peek seen = *peek(leaf);
        return wait<LabelImage>(
            [&](Callback<LabelImage> done) { leaf.write_label(seen, encode_label(label), std::move(done)); });
    }
    Result<LabelImage> promise(RemoteLeaf& leaf, const Epoch& epoch) {
        const Peek seen = *peek(leaf);
        return wait<LabelImage>([&](Callback<LabelImage> done) { leaf.promise(seen, epoch, std::move(done)); });
    }

    sim::SimLoop loop;
    sim::RecordingEvents events;
    sim::SimNetwork network;
    sim::SimPlatter platter;
    std::unique_ptr<Medium> medium;
    OneExport exports;
    std::vector<std::unique_ptr<ServerSession>> sessions;
};

TEST(BothSides, ALabelIsWrittenPromisedAndServed) {
    World world(1);
    const auto leaf = world.make_leaf();
    world.open(*leaf);
    ASSERT_TRUE(world.label(*leaf));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    const auto served = world.wait<LabelImage>([&leaf](Callback<LabelImage> done) {
        leaf->mark_served({3, id_of(7)}, std::move(done));
    });
    ASSERT_TRUE(served);
    const auto label = decode_label(*served);
    ASSERT_TRUE(label);
    EXPECT_EQ(label->promised, (Epoch{3, id_of(7)}));
    EXPECT_EQ(label->served, (Epoch{3, id_of(7)}));
    world.close(*leaf);
}

TEST(BothSides, M6AHigherEpochFencesTheOneBefore) {
    World world(2);
    const auto old_head = world.make_leaf();
    const auto new_head = world.make_leaf();
    world.open(*old_head);
    world.open(*new_head);
    ASSERT_TRUE(world.label(*old_head));
    ASSERT_TRUE(world.promise(*old_head, {3, id_of(7)}));
    const auto live = world.peek(*new_head)->live;
    ASSERT_TRUE(live);
    EXPECT_EQ(live->epoch, (Epoch{3, id_of(7)}));
    EXPECT_EQ(live->name.find("head:"), 0u) << live->name;
    TestRequest before(Operation::write, {0, 4096}, 4096);
    EXPECT_EQ(world.run(*old_head, before), Errc::ok);
    ASSERT_TRUE(world.promise(*new_head, {4, id_of(8)}));
    TestRequest after(Operation::write, {0, 4096}, 4096);
    EXPECT_EQ(world.run(*old_head, after), Errc::fenced);
    TestRequest mine(Operation::write, {0, 4096}, 4096);
    EXPECT_EQ(world.run(*new_head, mine), Errc::ok);
    // A reconnect does not get it back in.
    old_head->cut({Errc::timed_out, "test"});
    world.loop.run_for(seconds(3));
    EXPECT_FALSE(old_head->up());
    EXPECT_EQ(old_head->last_error().code, Errc::fenced);
    world.close(*old_head);
    world.close(*new_head);
}

TEST(BothSides, M6AnIdleHeadHearsThatItIsFenced) {
    World world(2);
    const auto old_head = world.make_leaf();
    const auto new_head = world.make_leaf();
    const auto onlooker = world.make_leaf();
    for (const auto* leaf : {&old_head, &new_head, &onlooker}) world.open(**leaf);
    ASSERT_TRUE(world.label(*old_head));
    ASSERT_TRUE(world.promise(*old_head, {3, id_of(7)}));
    ASSERT_TRUE(world.peek(*new_head));
    ASSERT_TRUE(world.promise(*new_head, {4, id_of(8)}));
    world.loop.run_for(seconds(3));
    EXPECT_FALSE(old_head->up());
    EXPECT_EQ(old_head->last_error().code, Errc::fenced);
    EXPECT_TRUE(new_head->up());
    EXPECT_TRUE(onlooker->up()) << "who only looks is not fenced off";
    for (const auto* leaf : {&old_head, &new_head, &onlooker}) world.close(**leaf);
}

TEST(BothSides, M14AReconnectKeepsItsEpochAndMayWriteAgain) {
    World world(3);
    const auto leaf = world.make_leaf(2);
    world.open(*leaf);
    ASSERT_TRUE(world.label(*leaf));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    for (int i = 0; i < 20; ++i) {
        world.network.reset("head", "node");
        world.loop.run_for(milliseconds(5));
        ASSERT_TRUE(world.loop.run_until([&leaf] { return leaf->up(); }, seconds(20)));
        TestRequest write(Operation::write, {0, 4096}, 4096);
        EXPECT_EQ(world.run(*leaf, write), Errc::ok);
    }
    world.close(*leaf);
}

TEST(BothSides, M14AReconnectWaitsUntilTheWriteOfTheConnectionBeforeHasEnded) {
    World world(4);
    const auto leaf = world.make_leaf();
    world.open(*leaf);
    world.platter.set_hung(true);
    TestRequest write(Operation::write, {0, 4096}, 4096);
    leaf->submit(write.request);
    world.loop.run_for(milliseconds(50));
    world.network.reset("head", "node");
    world.loop.run_for(seconds(3));
    EXPECT_TRUE(write.completed);
    EXPECT_FALSE(leaf->up());
    world.platter.set_hung(false);
    EXPECT_TRUE(world.loop.run_until([&leaf] { return leaf->up(); }, seconds(20)));
    world.close(*leaf);
}

TEST(BothSides, M7ABlankMediumInThePlaceOfThePromisedOneIsNotTakenBack) {
    World world(5);
    const auto leaf = world.make_leaf();
    world.open(*leaf);
    ASSERT_TRUE(world.label(*leaf));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    world.platter.replace_blank(disk_bytes / 2);
    world.loop.run_for(seconds(60));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::refused);
    EXPECT_EQ(world.events.count("medium-refused"), 1u);
    world.close(*leaf);
}

TEST(BothSides, M7ALeafThatLetsGoOfItsPinTakesTheNextPromisedMediumForIts) {
    World world(5);
    const auto leaf = world.make_leaf();
    world.open(*leaf);
    ASSERT_TRUE(world.label(*leaf));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    world.platter.replace_blank(disk_bytes);
    ASSERT_TRUE(world.loop.run_until([&leaf] { return leaf->last_error().code == Errc::refused; }, seconds(60)));
    // Looked at: without an epoch it comes up with whatever is there.
    leaf->set_identity({id_of(2), "-", {}, "tester"});
    ASSERT_TRUE(world.loop.run_until([&leaf] { return leaf->up(); }, seconds(60)));
    EXPECT_EQ(world.peek(*leaf)->label_state, LabelState::absent);
    ASSERT_TRUE(world.label(*leaf, 9));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    leaf->set_identity({id_of(2), "-", {3, id_of(7)}, "tester"});
    world.network.reset("head", "node");
    ASSERT_TRUE(world.loop.run_until([&leaf] { return !leaf->up(); }, seconds(60)));
    ASSERT_TRUE(world.loop.run_until([&leaf] { return leaf->up(); }, seconds(60)));
    // And the pin holds again.
    world.platter.replace_blank(disk_bytes);
    world.loop.run_for(seconds(60));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::refused);
    world.close(*leaf);
}

/// Random operations with a model of what every sector holds. Overlapping ones are not sent together, as the mirror's
/// range lock would see to (M11).
class RandomLoad {
public:
    RandomLoad(World& world, RemoteLeaf& leaf) : world_(world), leaf_(leaf), model_(leaf.geometry().size_bytes) {}

    void run(unsigned requests, bool with_resets) {
        for (unsigned i = 0; i < requests; ++i) {
            submit_one();
            if (with_resets && world_.loop.chance(20)) world_.network.reset("head", "node");
            if (world_.loop.chance(300)) world_.loop.run_for(std::chrono::microseconds(world_.loop.below(3000)));
            while (flying_.size() > 40) step();
        }
        while (!flying_.empty()) step();
    }

    unsigned succeeded = 0;

private:
    struct Flight : TestRequest {
        using TestRequest::TestRequest;
        std::vector<Piece> pieces;
    };

    void step() {
        ASSERT_TRUE(world_.loop.run_until(
            [this] { return std::any_of(flying_.begin(), flying_.end(), [](auto& one) { return one->completed; }); },
            seconds(120)));
        std::erase_if(flying_, [this](const auto& one) { return one->completed && (check(*one), true); });
    }

    void submit_one() {
        sim::SimLoop& loop = world_.loop;
        const std::uint64_t blocks = model_.size() / 512;
        Extent extent;
        extent.offset = loop.below(blocks) * 512;
        const std::uint64_t length_max = loop.chance(100) ? 400 : 16;
        extent.length = std::min((1 + loop.below(length_max)) * 512, model_.size() - extent.offset);
        for (const auto& one : flying_) {
            if (one->request.extent.overlaps(extent)) return;
        }
        const auto operation = static_cast<Operation>(1 + loop.below(6));
        std::size_t payload = 0;
        if (operation == Operation::read || operation == Operation::write) payload = extent.length;
        if (operation == Operation::checksum) payload = checksum_result_bytes(extent, 4096);
        if (operation == Operation::flush) extent = {};
        auto flight = std::make_unique<Flight>(operation, extent, payload);
        flight->request.checksum_piece_bytes = operation == Operation::checksum ? 4096 : 0;
        flight->request.fua = changes_data(operation) && loop.chance(200);
        if (operation == Operation::write) {
            for (std::byte& byte : flight->data) byte = static_cast<std::byte>(loop.random());
        }
        cut_into_pieces(*flight);
        Flight& sent = *flight;
        flying_.push_back(std::move(flight));
        leaf_.submit(sent.request);
    }

    void cut_into_pieces(Flight& flight) {
        for (std::size_t at = 0; at < flight.data.size();) {
            const std::size_t part = std::min<std::size_t>(1 + world_.loop.below(9000), flight.data.size() - at);
            flight.pieces.push_back({flight.data.data() + at, part});
            at += part;
        }
        flight.request.pieces = flight.pieces;
    }

    void check(Flight& flight) {
        const Request& request = flight.request;
        const auto begin = model_.begin() + static_cast<std::ptrdiff_t>(request.extent.offset);
        if (request.result != Errc::ok) {
            EXPECT_EQ(request.result, Errc::disconnected);
            if (changes_data(request.operation)) read_back(request.extent);
            return;
        }
        ++succeeded;
        switch (request.operation) {
            case Operation::read: EXPECT_TRUE(std::equal(flight.data.begin(), flight.data.end(), begin)); return;
            case Operation::write: std::copy(flight.data.begin(), flight.data.end(), begin); return;
            case Operation::write_zeroes:
            case Operation::unmap: std::fill_n(begin, request.extent.length, std::byte{0}); return;
            case Operation::flush:
            case Operation::checksum: return;
        }
    }

    /// A write that failed may or may not be there. Once the leaf is up again nothing of the connection before runs
    /// any more (M14), so that what the disk holds then stays.
    void read_back(const Extent& extent) {
        ASSERT_TRUE(world_.loop.run_until([this] { return leaf_.up(); }, seconds(60)));
        const Bytes now = world_.platter.read(extent);
        std::copy(now.begin(), now.end(), model_.begin() + static_cast<std::ptrdiff_t>(extent.offset));
    }

    World& world_;
    RemoteLeaf& leaf_;
    Bytes model_;
    std::vector<std::unique_ptr<Flight>> flying_;
};

class BothSidesRandom : public testing::TestWithParam<unsigned> {};

TEST_P(BothSidesRandom, OperationsDoWhatTheModelSays) {
    World world(GetParam(), GetParam() % 2 == 0 ? 8192 : 200000);
    const auto leaf = world.make_leaf(1 + GetParam() % 3);
    world.open(*leaf);
    ASSERT_TRUE(world.label(*leaf));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    RandomLoad load(world, *leaf);
    load.run(600, false);
    EXPECT_GT(load.succeeded, 300u);
    world.close(*leaf);
}

TEST_P(BothSidesRandom, M14WhatFailedWithALostConnectionDoesNotHappenLater) {
    World world(1000 + GetParam());
    const auto leaf = world.make_leaf(1 + GetParam() % 3);
    world.open(*leaf);
    ASSERT_TRUE(world.label(*leaf));
    ASSERT_TRUE(world.promise(*leaf, {3, id_of(7)}));
    RandomLoad load(world, *leaf);
    load.run(600, true);
    EXPECT_GT(load.succeeded, 100u);
    world.close(*leaf);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BothSidesRandom, testing::Range(0u, 12u));

}  // namespace
}  // namespace dst::test
