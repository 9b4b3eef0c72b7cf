#include "session/remote_leaf.h"

#include <array>
#include <memory>
#include <vector>

#include "framed.h"
#include "simworld/null_events.h"
#include "simworld/sim_link.h"
#include "wire/payload.h"

namespace {

using namespace dst;
using namespace dst::sim;
using std::chrono::seconds;

/// A netnode that answers hello and open as it should (mode bit 1), and everything else with the input's bytes. Mode
/// bit 2: answers carry the number of the order they follow.
class Netnode final : public Link::Observer {
public:
    Netnode(std::unique_ptr<Link> link, unsigned mode, std::span<const std::byte> input)
        : link_(std::move(link)), mode_(mode), input_(input) {
        link_->set_observer(this);
        if ((mode_ & 2) == 0) answer_with_input(0);
    }
    void on_connected() override {}
    void on_writable() override { send(); }
    void on_closed(const Error&) override {}
    void on_readable() override {
        Bytes buffer(4096);
        const Piece piece{buffer.data(), buffer.size()};
        for (;;) {
            const std::size_t got = link_->read({&piece, 1});
            got_.insert(got_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
            if (got < piece.size) break;
        }
        while (take_order()) {
        }
    }

private:
    bool take_order() {
        if (got_.size() < wire::header_bytes) return false;
        const Result<wire::Header> header = wire::decode_header(std::span(got_).first<wire::header_bytes>());
        DST_ASSERT(header.has_value());
        const std::size_t whole = wire::header_bytes + header.value().payload_bytes;
        if (got_.size() < whole) return false;
        got_.erase(got_.begin(), got_.begin() + static_cast<std::ptrdiff_t>(whole));
        if ((mode_ & 2) != 0) answer(header.value());
        return true;
    }

    void answer(const wire::Header& order) {
        wire::Header header;
        header.kind = order.kind;
        header.answer = true;
        header.request = order.request;
        if (order.kind == wire::Kind::hello) {
            fuzz::append_frame(out_, header, wire::encode(wire::Hello{1, 1, wire::known_features, "fuzz"}));
            return send();
        }
        if (order.kind != wire::Kind::open) return answer_with_input(order.request);
        wire::OpenAnswer open;
        open.geometry.size_bytes = 1u << 20;
        open.incarnation.id.bytes[0] = 1;
        open.requests_max = 8;
        open.request_bytes_max = 1u << 20;
        open.range_bytes_max = 1u << 20;
        open.buffer_bytes_max = 8u << 20;
        fuzz::append_frame(out_, header, wire::encode(open));
        send();
    }

    void answer_with_input(std::uint64_t request) {
        Bytes bytes((input_.begin()), input_.end());
        if ((mode_ & 4) != 0 && bytes.size() >= wire::header_bytes) {
            for (unsigned i = 0; i < 8; ++i) bytes[8 + i] = static_cast<std::byte>(request >> (8 * i));
        }
        if ((mode_ & 1) != 0) bytes = fuzz::framed(bytes);
        out_.insert(out_.end(), bytes.begin(), bytes.end());
        send();
    }

    void send() {
        while (!out_.empty()) {
            const Piece piece{out_.data(), out_.size()};
            const std::size_t taken = link_->write({&piece, 1});
            out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(taken));
            if (taken < piece.size) return;
        }
    }

    std::unique_ptr<Link> link_;
    unsigned mode_;
    std::span<const std::byte> input_;
    Bytes got_;
    Bytes out_;
};

struct Order : Request {
    Order(Operation what, bool payload) {
        operation = what;
        if (what != Operation::flush) extent = {0, 8192};
        if (payload) pieces = {&piece, 1};
        owner = this;
        done = [](Request& request) { static_cast<Order*>(request.owner)->ended = true; };
    }
    Bytes memory = Bytes(8192);
    Piece piece{memory.data(), memory.size()};
    bool ended = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::span<const std::byte> in = fuzz::bytes_of(data, size);
    const unsigned mode = fuzz::take_mode(in);
    SimLoop loop(1);
    NullEvents events;
    SimNetwork network(loop);
    std::vector<std::unique_ptr<Netnode>> netnodes;
    network.listen("node:1", [&](std::unique_ptr<Link> link) {
        netnodes.push_back(std::make_unique<Netnode>(std::move(link), mode, in));
    });
    RemoteLeafOptions options;
    options.name = "node:1/disk0";
    options.export_name = "disk0";
    RemoteLeaf leaf(loop, events, options, network.factory("head", "node:1"));
    leaf.open();
    loop.run_for(seconds(1));
    Order read(Operation::read, true);
    Order write(Operation::write, true);
    Order flush(Operation::flush, false);
    for (Order* order : {&read, &write, &flush}) leaf.submit(*order);
    bool peeked = false;
    leaf.peek([&peeked](Result<Peek>) { peeked = true; });
    loop.run_for(seconds(2));
    bool closed = false;
    leaf.close([&closed] { closed = true; });
    DST_ASSERT(
        loop.run_until([&] { return closed && read.ended && write.ended && flush.ended && peeked; }, seconds(60)));
    return 0;
}
