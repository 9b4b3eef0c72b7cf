#pragma once

#include <gtest/gtest.h>

#include "block/block_device.h"
#include "simworld/sim_loop.h"

namespace dst {

/// A request with memory of its own, that says when it is done.
struct TestRequest {
    TestRequest(Operation operation, const Extent& extent, Bytes payload = {}) : bytes(std::move(payload)) {
        request.operation = operation;
        request.extent = extent;
        if (operation == Operation::read) bytes.resize(extent.length);
        if (!bytes.empty()) {
            piece = {bytes.data(), bytes.size()};
            request.pieces = Pieces(&piece, 1);
        }
        request.owner = this;
        request.done = [](Request& ended) { static_cast<TestRequest*>(ended.owner)->done = true; };
    }

    TestRequest& submit(BlockDevice& device) {
        device.submit(request);
        EXPECT_FALSE(done) << "completed inside submit()";
        return *this;
    }
    Errc result() const { return request.result; }

    Request request;
    Bytes bytes;
    Piece piece;
    bool done = false;
};

inline Bytes filled(std::size_t size, unsigned char value) { return Bytes(size, static_cast<std::byte>(value)); }

/// A write of 4 KiB that hold `value`.
inline TestRequest write_of(std::uint64_t offset, unsigned char value) {
    return TestRequest(Operation::write, {offset, 4096}, filled(4096, value));
}

/// Submits and runs to the end.
inline Errc run(sim::SimLoop& loop, BlockDevice& device, TestRequest& request) {
    request.submit(device);
    EXPECT_TRUE(loop.run_until([&] { return request.done; }, std::chrono::minutes(5)));
    return request.result();
}

inline Errc write(sim::SimLoop& loop, BlockDevice& device, std::uint64_t offset, const Bytes& bytes) {
    TestRequest request(Operation::write, {offset, bytes.size()}, bytes);
    return run(loop, device, request);
}

inline Errc flush(sim::SimLoop& loop, BlockDevice& device) {
    TestRequest request(Operation::flush, {});
    return run(loop, device, request);
}

}  // namespace dst
