#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "client/leaf_factory.h"
#include "config/spec.h"

namespace dst {

constexpr std::uint64_t mib = 1u << 20;

inline bool run_until(AsioLoop& loop, const std::function<bool()>& done, Duration limit = std::chrono::seconds(40)) {
    const TimePoint end = loop.now() + limit;
    bool held = false;
    Timer look(loop, [&] {
        held = done();
        if (held || loop.now() >= end) {
            loop.stop();
        } else {
            look.start(std::chrono::milliseconds(1));
        }
    });
    look.start(Duration::zero());
    loop.run();
    return held;
}

/// A folder that is removed with its contents.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = std::filesystem::temp_directory_path().string() + "/dst-test-XXXXXX";
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

inline void make_file(const std::string& path, std::uint64_t size) {
    std::ofstream(path).close();
    std::filesystem::resize_file(path, size);
}

/// Remembers events as lines.
class EventLog : public EventSink {
public:
    void event(Severity severity, std::string_view id, std::string_view text,
               std::initializer_list<EventField> fields) override {
        ids.emplace_back(id);
        lines.push_back(format_event(severity, id, text, fields));
    }
    long count(const std::string& id) const { return std::count(ids.begin(), ids.end(), id); }
    std::string all() const {
        std::string text;
        for (const std::string& line : lines) text += line + "\n";
        return text;
    }
    std::vector<std::string> ids;
    std::vector<std::string> lines;
};

/// A leaf on an export, and calls that wait.
class Client : public BlockDevice::Observer {
public:
    Client(AsioLoop& loop, EventSink& events, std::uint16_t port, const std::string& export_name,
           unsigned connections = 1)
        : loop_(loop), leaf(make_netnode_leaf(loop, events, {"127.0.0.1", port, export_name, connections, ""})) {
        leaf->set_observer(this);
        leaf->open();
    }
    ~Client() override { close(); }
    void close() {
        if (!leaf) return;
        bool closed = false;
        leaf->close([&] { closed = true; });
        EXPECT_TRUE(run_until(loop_, [&] { return closed; }));
        leaf.reset();
    }
    /// What went wrong before it was up is not counted in `downs`.
    bool wait_up() {
        const bool is_up = run_until(loop_, [&] { return leaf->up(); });
        downs = 0;
        return is_up;
    }
    struct Order {
        Request request;
        Piece piece;
        bool done = false;
    };
    std::unique_ptr<Order> start(Operation operation, Extent extent, Bytes& bytes) {
        auto order = std::make_unique<Order>();
        order->piece = {bytes.data(), bytes.size()};
        order->request.operation = operation;
        order->request.extent = extent;
        if (!bytes.empty()) order->request.pieces = Pieces(&order->piece, 1);
        order->request.owner = order.get();
        order->request.done = [](Request& request) { static_cast<Order*>(request.owner)->done = true; };
        leaf->submit(order->request);
        return order;
    }
    Errc run(Operation operation, Extent extent, Bytes& bytes) {
        const auto order = start(operation, extent, bytes);
        EXPECT_TRUE(run_until(loop_, [&] { return order->done; }));
        return order->request.result;
    }
    Errc write(std::uint64_t offset, Bytes bytes) { return run(Operation::write, {offset, bytes.size()}, bytes); }
    Errc flush() {
        Bytes none;
        return run(Operation::flush, {}, none);
    }
    Bytes read(std::uint64_t offset, std::size_t length) {
        Bytes bytes(length, std::byte{0xee});
        EXPECT_EQ(run(Operation::read, {offset, length}, bytes), Errc::ok);
        return bytes;
    }

    void on_up(BlockDevice&) override { ++ups; }
    void on_down(BlockDevice&, const Error& why) override {
        ++downs;
        reason = why;
    }

    AsioLoop& loop_;
    std::unique_ptr<Leaf> leaf;
    int ups = 0;
    int downs = 0;
    Error reason;
};

}  // namespace dst
