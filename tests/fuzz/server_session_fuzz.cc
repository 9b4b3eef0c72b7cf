#include "session/server_session.h"

#include <memory>

#include "framed.h"
#include "media/medium.h"
#include "simworld/null_events.h"
#include "simworld/sim_disk.h"
#include "simworld/sim_link.h"
#include "wire/payload.h"

namespace {

using namespace dst;
using namespace dst::sim;
using std::chrono::seconds;

class OneExport final : public ExportDirectory {
public:
    explicit OneExport(Medium& medium) : medium_(medium) {}
    Result<Medium*> find(const std::string& export_name, const std::string&) override {
        if (export_name != "disk0") return Error{Errc::not_found, "no such export"};
        return &medium_;
    }

private:
    Medium& medium_;
};

/// A peer that sends what it was given and throws away what it gets.
class Peer final : public Link::Observer {
public:
    Peer(std::unique_ptr<Link> link, Bytes bytes) : link_(std::move(link)), bytes_(std::move(bytes)) {
        link_->set_observer(this);
        link_->connect();
    }
    void on_connected() override { send(); }
    void on_writable() override { send(); }
    void on_readable() override {
        Bytes buffer(4096);
        const Piece piece{buffer.data(), buffer.size()};
        while (link_->read({&piece, 1}) == piece.size) {
        }
    }
    void on_closed(const Error&) override {}
    void close() { link_->close(); }

private:
    void send() {
        while (sent_ < bytes_.size()) {
            const Piece piece{bytes_.data() + sent_, bytes_.size() - sent_};
            const std::size_t taken = link_->write({&piece, 1});
            sent_ += taken;
            if (taken < piece.size) return;
        }
    }
    std::unique_ptr<Link> link_;
    Bytes bytes_;
    std::size_t sent_ = 0;
};

Bytes opening() {
    Bytes out;
    wire::Header header;
    header.kind = wire::Kind::hello;
    header.request = 1;
    fuzz::append_frame(out, header, wire::encode(wire::Hello{1, 1, wire::known_features, "fuzz"}));
    header.kind = wire::Kind::open;
    header.request = 2;
    wire::Open open;
    open.export_name = "disk0";
    open.head = "fuzz";
    open.connection.bytes[0] = 1;
    fuzz::append_frame(out, header, wire::encode(open));
    return out;
}

}  // namespace

// Mode bit 0: checksums are made right. Bit 1: the export is opened first.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::span<const std::byte> in = fuzz::bytes_of(data, size);
    const unsigned mode = fuzz::take_mode(in);
    Bytes bytes = (mode & 2) != 0 ? opening() : Bytes();
    const Bytes rest = (mode & 1) != 0 ? fuzz::framed(in) : Bytes(in.begin(), in.end());
    bytes.insert(bytes.end(), rest.begin(), rest.end());

    SimLoop loop(1);
    NullEvents events;
    SimPlatterOptions disk;
    disk.size_bytes = 1u << 20;
    SimPlatter platter(loop, disk);
    SimDiskOptions options;
    options.own_buffers = false;
    Medium medium(loop, events, std::make_unique<SimDisk>(loop, platter, "/dev/disk0", options));
    medium.open();
    loop.run_for(seconds(1));
    OneExport exports(medium);
    SimNetwork network(loop);
    std::unique_ptr<ServerSession> session;
    network.listen("node:1", [&](std::unique_ptr<Link> link) {
        session = std::make_unique<ServerSession>(loop, events, std::move(link), exports,
                                                  [&session](ServerSession&) { session.reset(); });
    });
    Peer peer(network.factory("peer", "node:1")(), std::move(bytes));
    loop.run_for(seconds(2));
    peer.close();
    DST_ASSERT(loop.run_until([&session] { return session == nullptr; }, seconds(60)));
    bool closed = false;
    medium.close([&closed] { closed = true; });
    DST_ASSERT(loop.run_until([&closed] { return closed; }, seconds(60)));
    return 0;
}
