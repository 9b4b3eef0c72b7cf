#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "session/remote_leaf.h"
#include "simworld/null_events.h"
#include "simworld/sim_loop.h"
#include "support/fake_link.h"
#include "support/frames.h"

namespace dst::test {

inline LeafIdentity identity_with_epoch() { return {id_of(1), "/2", {4, id_of(3)}, "tgtd[1] on alpha"}; }

/// A request with memory of its own, and whether it has completed.
struct TestRequest {
    explicit TestRequest(Operation operation, Extent extent, std::size_t payload_bytes = 0) : data(payload_bytes) {
        request.operation = operation;
        request.extent = extent;
        piece = {data.data(), data.size()};
        if (payload_bytes > 0) request.pieces = Pieces(&piece, 1);
        request.owner = this;
        request.done = [](Request& done) { static_cast<TestRequest*>(done.owner)->completed = true; };
    }
    Request request;
    Bytes data;
    Piece piece;
    bool completed = false;
};

/// A RemoteLeaf whose links are under the test's hand: the test plays the netnode.
class ClientRig : private BlockDevice::Observer {
public:
    static RemoteLeafOptions default_options() {
        RemoteLeafOptions options;
        options.name = "node1:7790/disk0";
        options.export_name = "disk0";
        options.program = "tester";
        return options;
    }

    explicit ClientRig(const RemoteLeafOptions& options = default_options()) {
        leaf = std::make_unique<RemoteLeaf>(loop, events, options, [this] {
            wires.push_back(std::make_unique<FakeLink::Wire>());
            return std::make_unique<FakeLink>(*wires.back());
        });
        leaf->set_observer(this);
        opened.geometry.size_bytes = 64u << 20;
        opened.geometry.physical_block_bytes = 4096;
        opened.incarnation.id = id_of(5);
        opened.medium = id_of(6);
        opened.label_state = LabelState::valid;
        opened.requests_max = 256;
        opened.request_bytes_max = 8u << 20;
        opened.range_bytes_max = 32u << 20;
        opened.buffer_bytes_max = 64u << 20;
    }
    ~ClientRig() override {
        if (closing) return;
        close();
    }

    void close() {
        closing = true;
        bool closed = false;
        leaf->close([&closed] { closed = true; });
        EXPECT_FALSE(closed);
        settle();
        EXPECT_TRUE(closed);
    }

    void settle() { loop.run_for(std::chrono::milliseconds(1)); }
    FakeLink::Wire& wire() { return *wires.back(); }

    /// The orders that have been sent on a wire since the last call.
    std::vector<Frame> orders(FakeLink::Wire& on) {
        settle();
        return take_frames(on.written);
    }
    std::vector<Frame> orders() { return orders(wire()); }

    void send(FakeLink::Wire& on, const wire::Header& header, const Bytes& payload = {}) {
        receive(on, frame_bytes(header, payload));
    }
    void send(const wire::Header& header, const Bytes& payload = {}) { send(wire(), header, payload); }

    /// Carries a new link through HELLO and answers OPEN; gives what OPEN said.
    wire::Open handshake(FakeLink::Wire& on) {
        on.observer->on_connected();
        const auto hello = orders(on);
        EXPECT_EQ(hello.size(), 1u);
        EXPECT_EQ(hello.at(0).header.kind, wire::Kind::hello);
        wire::Hello chosen;
        chosen.features = features;
        chosen.program = "dst-netnode 1";
        send(on, answer(hello.at(0).header), wire::encode(chosen));
        const auto open = orders(on);
        EXPECT_EQ(open.size(), 1u);
        EXPECT_EQ(open.at(0).header.kind, wire::Kind::open);
        open_order = open.at(0).header;
        return *wire::decode_open(open.at(0).payload);
    }
    wire::Open come_up(FakeLink::Wire& on) {
        const wire::Open open = handshake(on);
        send(on, answer(open_order), wire::encode(opened));
        settle();
        return open;
    }
    void come_up() {
        leaf->open();
        come_up(wire());
        EXPECT_TRUE(leaf->up());
    }

    void lose(FakeLink::Wire& on) {
        on.closed = true;
        on.observer->on_closed({Errc::disconnected, "connection reset"});
    }

    void on_up(BlockDevice&) override { ++ups; }
    void on_down(BlockDevice&, const Error& why) override {
        ++downs;
        last_down = why;
    }

    sim::SimLoop loop;
    sim::RecordingEvents events;
    std::vector<std::unique_ptr<FakeLink::Wire>> wires;
    std::unique_ptr<RemoteLeaf> leaf;
    wire::OpenAnswer opened;
    std::uint64_t features = wire::known_features;
    wire::Header open_order;
    unsigned ups = 0;
    unsigned downs = 0;
    Error last_down{Errc::ok, {}};
    bool closing = false;
};

}  // namespace dst::test
