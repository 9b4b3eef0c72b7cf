#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "disk/file_disk.h"

namespace dst {

constexpr std::uint64_t mib = 1u << 20;

/// Runs the loop until `done` holds; false when it does not within `limit`.
inline bool run_until(AsioLoop& loop, const std::function<bool()>& done, Duration limit = std::chrono::seconds(30)) {
    const TimePoint end = loop.now() + limit;
    bool held = false;
    Timer look(loop, [&] {
        held = done();
        if (held || loop.now() >= end) {
            loop.stop();
        } else {
            look.start(std::chrono::microseconds(200));
        }
    });
    look.start(Duration::zero());
    loop.run();
    return held;
}

/// An empty file of `size` bytes.
inline void make_file(const std::string& path, std::uint64_t size) {
    std::ofstream(path).close();
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(size)), 0);
}

/// A folder that is removed with its contents.
class TemporaryFolder {
public:
    explicit TemporaryFolder(const std::string& above = std::filesystem::temp_directory_path()) {
        std::string name = above + "/dst-test-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string file(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// Remembers the ids of events.
class EventLog : public EventSink {
public:
    void event(Severity, std::string_view id, std::string_view, std::initializer_list<EventField>) override {
        ids.emplace_back(id);
    }
    bool has(const std::string& id) const { return std::find(ids.begin(), ids.end(), id) != ids.end(); }
    std::vector<std::string> ids;
};

/// A FileDisk with its loop, and calls that wait.
class DiskBench : public BlockDevice::Observer {
public:
    DiskBench(const std::string& path, DiskOptions options) : disk(loop, events, path, std::move(options)) {
        disk.set_observer(this);
    }
    ~DiskBench() override { close(); }

    /// Opens it; ok, or why it is down.
    Error open() {
        downs = 0;
        down_reason = {Errc::ok, {}};
        disk.open();
        EXPECT_TRUE(run_until(loop, [&] { return disk.up() || downs != 0; }));
        return down_reason;
    }
    void close() {
        if (closed) return;
        disk.close([&] { closed = true; });
        EXPECT_FALSE(closed);
        EXPECT_TRUE(run_until(loop, [&] { return closed; }));
    }
    struct Order {
        Request request;
        std::vector<Piece> pieces;
        bool done = false;
    };
    std::unique_ptr<Order> start(Operation operation, Extent extent, std::vector<Piece> pieces = {}, bool fua = false,
                                 std::uint32_t checksum_piece_bytes = 0) {
        auto order = std::make_unique<Order>();
        order->pieces = std::move(pieces);
        order->request.operation = operation;
        order->request.extent = extent;
        order->request.pieces = order->pieces;
        order->request.fua = fua;
        order->request.checksum_piece_bytes = checksum_piece_bytes;
        order->request.owner = order.get();
        order->request.done = [](Request& request) {
            auto& own = *static_cast<Order*>(request.owner);
            EXPECT_FALSE(own.done);
            own.done = true;
        };
        disk.submit(order->request);
        EXPECT_FALSE(order->done) << "completed inside submit()";
        return order;
    }
    Errc wait(const Order& order) {
        EXPECT_TRUE(run_until(loop, [&] { return order.done; }));
        return order.request.result;
    }
    Errc run(Operation operation, Extent extent, std::vector<Piece> pieces = {}, bool fua = false,
             std::uint32_t checksum_piece_bytes = 0) {
        const auto order = start(operation, extent, std::move(pieces), fua, checksum_piece_bytes);
        return wait(*order);
    }
    Errc write(std::uint64_t offset, Bytes& bytes, bool fua = false) {
        return run(Operation::write, {offset, bytes.size()}, {Piece{bytes.data(), bytes.size()}}, fua);
    }
    Bytes read(std::uint64_t offset, std::size_t length) {
        Bytes bytes(length, std::byte{0xee});
        EXPECT_EQ(run(Operation::read, {offset, length}, {Piece{bytes.data(), bytes.size()}}), Errc::ok);
        return bytes;
    }

    void on_up(BlockDevice&) override {}
    void on_down(BlockDevice&, const Error& why) override {
        ++downs;
        down_reason = why;
    }

    AsioLoop loop;
    EventLog events;
    FileDisk disk;
    int downs = 0;
    Error down_reason{Errc::ok, {}};
    bool closed = false;
};

}  // namespace dst
