#include "media/local_leaf.h"

#include <gtest/gtest.h>

#include "simworld/null_events.h"
#include "simworld/sim_disk.h"
#include "support/samples.h"

namespace dst {
namespace {

using test::id_of;

class Watcher : public BlockDevice::Observer {
public:
    void on_up(BlockDevice&) override { ++ups; }
    void on_down(BlockDevice&, const Error& why) override { downs.push_back(why); }
    int ups = 0;
    std::vector<Error> downs;
};

/// A request with memory, that notes its end.
struct Order {
    Order(Operation operation, const Extent& extent) : memory(extent.length), piece{memory.data(), memory.size()} {
        request.operation = operation;
        request.extent = extent;
        if (operation == Operation::read || operation == Operation::write) request.pieces = {&piece, 1};
        request.owner = this;
        request.done = done;
    }
    static void done(Request& request) {
        auto& order = *static_cast<Order*>(request.owner);
        EXPECT_EQ(request.done, &Order::done);
        ++order.ends;
    }
    Bytes memory;
    Piece piece;
    Request request;
    int ends = 0;
};

class LocalLeafTest : public testing::Test {
protected:
    static constexpr std::uint64_t medium_bytes = 1u << 20;
    static constexpr Epoch own{3, {{0xa}}};

    LocalLeafTest() : platter(loop, {.size_bytes = medium_bytes}) { make(); }
    ~LocalLeafTest() override { close(); }

    void make() {
        leaf = std::make_unique<LocalLeaf>(loop, events, std::make_unique<sim::SimDisk>(loop, platter, "/dev/sim"));
        leaf->set_observer(&watcher);
    }
    void close() {
        if (!leaf) return;
        bool closed = false;
        leaf->close([&] { closed = true; });
        EXPECT_FALSE(closed);
        EXPECT_TRUE(loop.run_until([&] { return closed; }));
        loop.run_for(std::chrono::milliseconds(5));
        leaf.reset();
    }
    void label() {
        Label label = test::sample_label();
        label.size_bytes = leaf_size_bytes(medium_bytes);
        label.promised = {};
        platter.write(label_copy(medium_bytes, 0).offset, encode_label(label));
    }
    /// Another disk of the same size, with this label.
    void put_in_place(const Label& label) {
        platter.replace_blank(medium_bytes);
        platter.write(label_copy(medium_bytes, 0).offset, encode_label(label));
    }
    void open() {
        leaf->open();
        loop.run_until([&] { return leaf->up(); }, std::chrono::seconds(40));
    }
    void promise() {
        std::optional<Errc> answer;
        leaf->peek([&](Result<Peek> seen) {
            leaf->promise(*seen, own,
                          [&](Result<LabelImage> image) { answer = image ? Errc::ok : image.error().code; });
        });
        loop.run_until([&] { return answer.has_value(); });
        ASSERT_EQ(answer, Errc::ok);
    }
    Errc run(Order& order) {
        leaf->submit(order.request);
        EXPECT_EQ(order.ends, 0) << "completed from inside submit()";
        loop.run_until([&] { return order.ends != 0; });
        return order.request.result;
    }
    Errc run(Operation operation, const Extent& extent = {0, 4096}) {
        Order order(operation, extent);
        return run(order);
    }

    sim::SimLoop loop;
    sim::NullEvents events;
    sim::SimPlatter platter;
    Watcher watcher;
    std::unique_ptr<LocalLeaf> leaf;
};

TEST_F(LocalLeafTest, GoesUpWithTheDataAreaAsItsSize) {
    open();
    EXPECT_EQ(watcher.ups, 1);
    EXPECT_EQ(leaf->geometry().size_bytes, medium_bytes - label_area_bytes);
    EXPECT_EQ(leaf->name(), "/dev/sim");
}

TEST_F(LocalLeafTest, AssumesAGeometryUntilTheMediumSpeaks) {
    leaf->assume_geometry({.size_bytes = 12345 * 512});
    EXPECT_EQ(leaf->geometry().size_bytes, 12345u * 512);
    open();
    EXPECT_EQ(leaf->geometry().size_bytes, medium_bytes - label_area_bytes);
}

TEST_F(LocalLeafTest, GoesDownWithAReasonAndComesBack) {
    platter.set_missing(true);
    leaf->open();
    loop.run_for(std::chrono::seconds(1));
    ASSERT_EQ(watcher.downs.size(), 1u);
    EXPECT_EQ(leaf->last_error().code, Errc::not_found);
    platter.set_missing(false);
    loop.run_for(std::chrono::minutes(1));
    EXPECT_EQ(watcher.ups, 1);
}

TEST_F(LocalLeafTest, WritesAndReadsUnderItsPromisedEpoch) {
    label();
    open();
    promise();
    Order write(Operation::write, {8192, 4096});
    write.memory.assign(4096, std::byte{0x7e});
    EXPECT_EQ(run(write), Errc::ok);
    Order read(Operation::read, {8192, 4096});
    EXPECT_EQ(run(read), Errc::ok);
    EXPECT_EQ(read.memory, write.memory);
}

TEST_F(LocalLeafTest, GivesARequestBackAsItWas) {
    label();
    open();
    promise();
    Order order(Operation::write, {0, 4096});
    run(order);
    EXPECT_EQ(order.request.owner, &order);
    EXPECT_EQ(order.request.done, &Order::done);
    EXPECT_EQ(order.ends, 1);
}

TEST_F(LocalLeafTest, ChecksRequests) {
    label();
    open();
    promise();
    EXPECT_EQ(run(Operation::write, {medium_bytes - label_area_bytes, 4096}), Errc::invalid_argument);
    EXPECT_EQ(run(Operation::read, {100, 512}), Errc::invalid_argument);
}

TEST_F(LocalLeafTest, M6WritesNothingWithoutAPromise) {
    label();
    open();
    EXPECT_EQ(run(Operation::write), Errc::refused);
    EXPECT_EQ(run(Operation::read), Errc::ok);
}

TEST_F(LocalLeafTest, CompletesWithDisconnectedWhileDown) { EXPECT_EQ(run(Operation::read), Errc::disconnected); }

TEST_F(LocalLeafTest, KeepsItsEpochWhenTheMediumComesBack) {
    label();
    open();
    promise();
    platter.set_missing(true);
    loop.run_for(std::chrono::milliseconds(10));
    platter.set_missing(false);
    loop.run_for(std::chrono::seconds(2));
    ASSERT_TRUE(leaf->up());
    EXPECT_EQ(run(Operation::write), Errc::ok);
}

TEST_F(LocalLeafTest, TakesTheEpochOfItsIdentityWhenTheLabelKnowsIt) {
    label();
    open();
    promise();
    close();
    make();
    leaf->set_identity({id_of(0x22), "/2.0", own, "tgtd[1]"});
    open();
    EXPECT_EQ(run(Operation::write), Errc::ok);
}

TEST_F(LocalLeafTest, TakesItsEpochAgainWhenItsOwnDiskComesBackAfterAnother) {
    label();
    open();
    promise();
    const Bytes own_disk = platter.read({0, medium_bytes});
    platter.replace_blank(medium_bytes);
    loop.run_for(std::chrono::seconds(2));
    platter.set_missing(true);
    platter.write(0, own_disk);
    platter.set_missing(false);
    loop.run_for(std::chrono::seconds(5));
    ASSERT_TRUE(leaf->up());
    EXPECT_EQ(run(Operation::write), Errc::ok);
}

TEST_F(LocalLeafTest, M7ABlankMediumInThePlaceOfThePromisedOneIsNotTakenBack) {
    label();
    open();
    promise();
    platter.replace_blank(medium_bytes);
    loop.run_for(std::chrono::minutes(2));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::refused);
    EXPECT_TRUE(leaf->found_another());
    EXPECT_NE(leaf->last_error().text.find("without a label"), std::string::npos) << leaf->last_error().text;
    EXPECT_EQ(run(Operation::read), Errc::disconnected);
    EXPECT_EQ(watcher.downs.size(), 2u) << "that it went, and that another one is there; not at each retry";
}

TEST_F(LocalLeafTest, M7AnotherLabelledMediumIsNotTakenBackAndItsOwnIs) {
    label();
    open();
    promise();
    const Bytes own_disk = platter.read({0, medium_bytes});
    Label other = test::sample_label();
    other.size_bytes = leaf_size_bytes(medium_bytes);
    other.medium = id_of(0x77);
    other.promised = own;
    put_in_place(other);
    loop.run_for(std::chrono::minutes(2));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::refused);
    EXPECT_NE(leaf->last_error().text.find(short_string(id_of(0x77))), std::string::npos) << leaf->last_error().text;
    platter.set_missing(true);
    platter.write(0, own_disk);
    platter.set_missing(false);
    loop.run_for(std::chrono::minutes(1));
    ASSERT_TRUE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::ok);
    EXPECT_EQ(run(Operation::write), Errc::ok);
}

TEST_F(LocalLeafTest, M7AnOlderCopyOfItsMediumIsNotTakenBack) {
    label();
    open();
    const Bytes before = platter.read({0, medium_bytes});
    promise();
    platter.set_missing(true);
    loop.run_for(std::chrono::milliseconds(10));
    platter.write(0, before);
    platter.set_missing(false);
    loop.run_for(std::chrono::minutes(2));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::refused);
    EXPECT_TRUE(leaf->found_another());
    EXPECT_NE(leaf->last_error().text.find("older copy"), std::string::npos) << leaf->last_error().text;
}

TEST_F(LocalLeafTest, M6AMediumPromisedToANewerHeadIsNotTakenBack) {
    label();
    open();
    promise();
    Label taken = test::sample_label();
    taken.size_bytes = leaf_size_bytes(medium_bytes);
    taken.promised = {own.number + 1, id_of(0x0b)};
    put_in_place(taken);
    loop.run_for(std::chrono::minutes(1));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::fenced);
    EXPECT_FALSE(leaf->found_another());
}

TEST_F(LocalLeafTest, M7ItsMediumMadeSmallerIsNotTakenBack) {
    label();
    open();
    promise();
    Label shrunk = test::sample_label();
    shrunk.size_bytes = leaf_size_bytes(medium_bytes / 2);
    shrunk.promised = own;
    platter.replace_blank(medium_bytes / 2);
    platter.write(label_copy(medium_bytes / 2, 0).offset, encode_label(shrunk));
    loop.run_for(std::chrono::minutes(1));
    EXPECT_FALSE(leaf->up());
    EXPECT_EQ(leaf->last_error().code, Errc::refused);
    EXPECT_TRUE(leaf->found_another());
    EXPECT_NE(leaf->last_error().text.find("a smaller one"), std::string::npos) << leaf->last_error().text;
    EXPECT_EQ(leaf->geometry().size_bytes, medium_bytes - label_area_bytes) << "what the tree was built with";
}

TEST_F(LocalLeafTest, CloseCompletesWhatIsInFlightFirst) {
    label();
    open();
    promise();
    Order order(Operation::write, {0, 4096});
    leaf->submit(order.request);
    close();
    EXPECT_EQ(order.ends, 1);
}

TEST_F(LocalLeafTest, ClosesWithoutEverHavingBeenOpened) { close(); }

TEST_F(LocalLeafTest, M12CutEndsRequestsOfAHungDisk) {
    label();
    open();
    promise();
    platter.set_hung(true);
    Order order(Operation::write, {0, 4096});
    leaf->submit(order.request);
    loop.run_for(std::chrono::seconds(1));
    EXPECT_EQ(order.ends, 0);
    leaf->cut({Errc::timed_out, "hung"});
    loop.run_for(std::chrono::milliseconds(10));
    EXPECT_EQ(order.ends, 1);
    EXPECT_EQ(order.request.result, Errc::disconnected);
    EXPECT_FALSE(leaf->up());
    platter.set_hung(false);
}

TEST_F(LocalLeafTest, ManyRequestsAtOnceAllEnd) {
    label();
    open();
    promise();
    std::deque<Order> orders;
    for (std::uint64_t i = 0; i < 64; ++i) orders.emplace_back(Operation::write, Extent{i * 4096, 4096});
    for (Order& order : orders) leaf->submit(order.request);
    loop.run_for(std::chrono::seconds(1));
    for (const Order& order : orders) EXPECT_EQ(order.ends, 1);
}

TEST_F(LocalLeafTest, RemembersTheLastErrorOfTheMedium) {
    open();
    EXPECT_EQ(leaf->last_request_error().code, Errc::ok);
    platter.fail(Operation::read, {0, 4096}, Errc::medium_error, 1);
    Order order(Operation::read, {512, 1024});
    leaf->submit(order.request);
    loop.run_for(std::chrono::milliseconds(5));
    ASSERT_EQ(order.ends, 1);
    EXPECT_EQ(leaf->last_request_error().code, Errc::medium_error);
    EXPECT_EQ(to_string(leaf->last_request_error()), "read 512+1024 (medium error)");
}

}  // namespace
}  // namespace dst
