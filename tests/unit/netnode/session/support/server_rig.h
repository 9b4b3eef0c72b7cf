#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "media/label.h"
#include "media/medium.h"
#include "session/server_session.h"
#include "simworld/null_events.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_loop.h"
#include "support/fake_link.h"
#include "support/frames.h"

namespace dst::test {

/// One export "disk0" on a simulated disk.
class OneExport final : public ExportDirectory {
public:
    explicit OneExport(std::uint64_t buffer_bytes = 1u << 30) : ExportDirectory(buffer_bytes, buffer_bytes) {}
    Result<Medium*> find(const std::string& name, const std::string& peer) override {
        if (refuse) return Error{Errc::refused, peer + " is not on its list"};
        if (name != "disk0") return Error{Errc::not_found, "no such export"};
        return medium;
    }
    Medium* medium = nullptr;
    bool refuse = false;
};

/// A server session over a link under the test's hand, in front of a real Medium.
class ServerRig {
public:
    explicit ServerRig(const SessionLimits& in_limits = {}, std::uint64_t pool_bytes = 1u << 30,
                       const sim::SimPlatterOptions& disk = {})
        : limits(in_limits), platter(loop, disk), exports(pool_bytes) {
        medium = std::make_unique<Medium>(loop, events, make_disk());
        exports.medium = medium.get();
        medium->open();
        loop.run_until([this] { return medium->up(); });
    }
    ~ServerRig() {
        for (auto& peer : peers) {
            if (!peer->wire.closed) peer->wire.observer->on_closed({Errc::disconnected, "test over"});
        }
        platter.set_hung(false);
        loop.run_until([this] { return live == 0; }, std::chrono::seconds(60));
        EXPECT_EQ(live, 0u);
        bool closed = false;
        medium->close([&closed] { closed = true; });
        EXPECT_TRUE(loop.run_until([&closed] { return closed; }, std::chrono::seconds(60)));
    }

    /// Whose requests end only when the disk answers.
    std::unique_ptr<sim::SimDisk> make_disk() {
        sim::SimDiskOptions options;
        options.own_buffers = false;
        return std::make_unique<sim::SimDisk>(loop, platter, "/dev/sim0", options);
    }

    /// One connection as its head sees it.
    struct Peer {
        FakeLink::Wire wire;
        std::unique_ptr<ServerSession> session;
        bool ended = false;
    };

    Peer& connect() {
        peers.push_back(std::make_unique<Peer>());
        Peer& peer = *peers.back();
        ++live;
        peer.session = std::make_unique<ServerSession>(
            loop, events, std::make_unique<FakeLink>(peer.wire), exports,
            [this, &peer](ServerSession&) {
                --live;
                peer.ended = true;
                peer.session.reset();
            },
            limits);
        return peer;
    }

    void send(Peer& peer, const Bytes& bytes) { receive(peer.wire, bytes); }
    void settle() { loop.run_for(std::chrono::milliseconds(5)); }

    /// Sends and gives what is answered within 5 ms.
    std::vector<Frame> ask(Peer& peer, const Bytes& bytes) {
        send(peer, bytes);
        settle();
        return take_frames(peer.wire.written);
    }

    static Bytes hello(std::uint64_t features = wire::known_features) {
        wire::Hello hello;
        hello.features = features;
        hello.program = "test";
        return frame_bytes(order(wire::Kind::hello, 1), wire::encode(hello));
    }

    static wire::Open open_of(std::uint8_t connection) {
        wire::Open open;
        open.export_name = "disk0";
        open.head = "tgtd[1] on alpha";
        open.connection = id_of(connection);
        return open;
    }

    static Bytes open(const wire::Open& open) { return frame_bytes(order(wire::Kind::open, 2), wire::encode(open)); }

    /// A connection that is open.
    Peer& opened(std::uint8_t connection = 1) {
        Peer& peer = connect();
        ask(peer, hello());
        const auto answers = ask(peer, open(open_of(connection)));
        EXPECT_EQ(answers.size(), 1u);
        EXPECT_EQ(answers.at(0).header.status, Errc::ok);
        return peer;
    }

    /// Puts a label on the medium that has promised an epoch.
    const Label& give_label() {
        label.medium = id_of(4);
        label.storage = id_of(2);
        label.storage_name = "vol0";
        label.place = ".1";
        label.size_bytes = 1u << 20;
        label.logical_block_bytes = 512;
        label.promised = {7, id_of(9)};
        platter.set_missing(true);
        settle();
        const std::uint64_t medium_bytes = medium->geometry().size_bytes + label_area_bytes;
        platter.write(label_copy(medium_bytes, 0).offset, encode_label(label));
        platter.set_missing(false);
        EXPECT_TRUE(loop.run_until([this] { return medium->up(); }, std::chrono::seconds(60)));
        return label;
    }

    /// A connection that is open and has the label's epoch.
    Peer& opened_with_epoch(std::uint8_t connection) {
        Peer& peer = connect();
        ask(peer, hello());
        wire::Open with_epoch = open_of(connection);
        with_epoch.epoch = label.promised;
        const auto answers = ask(peer, open(with_epoch));
        EXPECT_EQ(answers.size(), 1u);
        const auto answered = wire::decode_open_answer(answers.at(0).payload);
        EXPECT_TRUE(answered && answered->epoch_accepted);
        return peer;
    }

    SessionLimits limits;
    Label label;
    sim::SimLoop loop;
    sim::RecordingEvents events;
    sim::SimPlatter platter;
    std::unique_ptr<Medium> medium;
    OneExport exports;
    std::vector<std::unique_ptr<Peer>> peers;
    unsigned live = 0;
};

}  // namespace dst::test
