#pragma once

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "block/block_device.h"
#include "block/loop.h"

namespace dst::test {

/// A device in memory that answers at once, or when the test says; remembers what it was asked.
class MemoryDevice : public BlockDevice {
public:
    struct Asked {
        Operation operation;
        Extent extent;
        bool fua;
        bool operator==(const Asked&) const = default;
    };

    MemoryDevice(Loop& loop, std::uint64_t size_bytes) : loop_(loop), bytes(size_bytes) {
        geometry_.size_bytes = size_bytes;
        geometry_.can_unmap = true;
    }

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return true; }
    Incarnation incarnation() const override { return {}; }
    void close(std::function<void()> closed) override { loop_.defer(std::move(closed)); }

    void submit(Request& request) override {
        asked.push_back({request.operation, request.extent, request.fua});
        const Errc wrong = check_request(request, geometry_);
        if (wrong != Errc::ok) return loop_.complete_later(request, wrong);
        if (hold) {
            held.push_back(&request);
            return;
        }
        carry_out(request);
    }

    /// Answers the oldest held request.
    void release_one() {
        Request* const request = held.front();
        held.pop_front();
        carry_out(*request);
    }
    void release_all() {
        hold = false;
        while (!held.empty()) release_one();
    }

    std::size_t count(Operation operation) const {
        std::size_t found = 0;
        for (const Asked& one : asked) found += one.operation == operation ? 1 : 0;
        return found;
    }

    bool hold = false;
    std::deque<Request*> held;
    std::vector<Asked> asked;
    /// The next requests of this operation answer this error and do nothing.
    Operation failing_operation = Operation::read;
    Errc failing = Errc::ok;

private:
    void carry_out(Request& request) {
        if (failing != Errc::ok && request.operation == failing_operation)
            return loop_.complete_later(request, failing);
        std::byte* const at = bytes.data() + request.extent.offset;
        switch (request.operation) {
            case Operation::read: copy_to_pieces({at, request.extent.length}, request.pieces); break;
            case Operation::write: copy_from_pieces(request.pieces, {at, request.extent.length}); break;
            case Operation::write_zeroes:
            case Operation::unmap: std::memset(at, 0, request.extent.length); break;
            case Operation::flush:
            case Operation::checksum: break;
        }
        loop_.complete_later(request, Errc::ok);
    }

    Loop& loop_;
    Geometry geometry_;

public:
    std::vector<std::byte> bytes;
};

}  // namespace dst::test
