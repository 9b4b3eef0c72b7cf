#pragma once

#include <algorithm>
#include <deque>
#include <string>

#include "block/buffer.h"
#include "block/link.h"

namespace dst::test {

/// A link under the test's hand: what the peer sends is put in, what is written is taken out, each in as small parts
/// as the test likes. Calls back only when the test says so.
class FakeLink final : public Link {
public:
    /// What the test sees of a link, which outlives it.
    struct Wire {
        FakeLink* link = nullptr;
        Link::Observer* observer = nullptr;
        std::deque<std::byte> to_read;
        Bytes written;
        std::size_t read_max = SIZE_MAX;  ///< bytes per read() call
        std::size_t room = SIZE_MAX;      ///< bytes that write() still takes
        std::uint64_t untaken = 0;        ///< of what is written, as the link tells it
        std::size_t write_calls = 0;
        bool connecting = false;
        bool closed = false;
    };

    explicit FakeLink(Wire& wire) : wire_(wire) { wire_.link = this; }
    ~FakeLink() override {
        close();
        wire_.link = nullptr;
    }

    void set_observer(Observer* observer) override { wire_.observer = observer; }
    void connect() override { wire_.connecting = true; }
    std::size_t read(Pieces into) override {
        if (wire_.closed) return 0;
        std::size_t left = std::min(wire_.read_max, wire_.to_read.size());
        std::size_t done = 0;
        for (const Piece& piece : into) {
            const std::size_t part = std::min(piece.size, left);
            std::copy_n(wire_.to_read.begin(), part, piece.data);
            wire_.to_read.erase(wire_.to_read.begin(), wire_.to_read.begin() + static_cast<std::ptrdiff_t>(part));
            left -= part;
            done += part;
        }
        return done;
    }
    std::size_t write(Pieces from) override {
        if (wire_.closed) return 0;
        ++wire_.write_calls;
        std::size_t done = 0;
        for (const Piece& piece : from) {
            const std::size_t part = std::min(piece.size, wire_.room);
            wire_.written.insert(wire_.written.end(), piece.data, piece.data + part);
            if (wire_.room != SIZE_MAX) wire_.room -= part;
            done += part;
            if (part < piece.size) break;
        }
        return done;
    }
    std::uint64_t untaken_bytes() const override { return wire_.untaken; }
    void close() override { wire_.closed = true; }
    const std::string& peer() const override { return peer_; }

private:
    Wire& wire_;
    std::string peer_ = "192.0.2.7:40112";
};

/// Puts bytes in and says so, in calls of on_readable as long as something is left.
inline void receive(FakeLink::Wire& wire, std::span<const std::byte> bytes) {
    wire.to_read.insert(wire.to_read.end(), bytes.begin(), bytes.end());
    while (!wire.closed && !wire.to_read.empty()) {
        const std::size_t before = wire.to_read.size();
        wire.observer->on_readable();
        if (wire.to_read.size() == before) return;
    }
}

}  // namespace dst::test
