#include "support/storage_world.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "asio/asio_loop.h"
#include "asio/file_store.h"
#include "head/leaves.h"
#include "head/log_events.h"
#include "start/initializer.h"

namespace dst {

StorageWorld::StorageWorld() = default;

HeadOptions StorageWorld::options() const { return {folder_ / "run", folder_ / "state", "headtest"}; }

std::string StorageWorld::make_disk(const std::string& name, std::uint64_t size_bytes) const {
    const std::string path = folder_ / name;
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_GE(file, 0);
    EXPECT_EQ(::ftruncate(file, static_cast<off_t>(size_bytes)), 0);
    ::close(file);
    return path;
}

spec::Storage StorageWorld::mirror_of_disks(const std::string& name, unsigned disks) const {
    spec::Mirror mirror;
    for (unsigned number = 0; number < disks; ++number) {
        const std::string path = make_disk(name + "-" + std::to_string(number));
        mirror.members.push_back({.name = path, .what = spec::Disk{path}});
    }
    spec::Storage storage;
    storage.name = name;
    storage.tree = {.name = "mirror0", .what = std::move(mirror)};
    storage.journal = folder_ / ("state/" + name + ".journal");
    return storage;
}

spec::Storage StorageWorld::single_disk(const std::string& name) const {
    const std::string path = make_disk(name + "-0");
    spec::Storage storage;
    storage.name = name;
    storage.tree = {.name = path, .what = spec::Disk{path}};
    storage.journal = folder_ / ("state/" + name + ".journal");
    return storage;
}

spec::Storage StorageWorld::single_netnode(const std::string& name, const std::string& address,
                                           std::uint16_t port) const {
    spec::Storage storage;
    storage.name = name;
    storage.tree = {.name = address + ":" + std::to_string(port) + "/disk0",
                    .what = spec::Netnode{address, port, "disk0"}};
    storage.journal = folder_ / ("state/" + name + ".journal");
    return storage;
}

void StorageWorld::init(const spec::Storage& spec) const {
    AsioLoop loop;
    LogEvents events(Log::shared("headtest"), spec.name);
    Initializer initializer(spec,
                            EngineEnvironment{loop, events, make_leaf_factory(loop, events, options()),
                                              std::make_unique<FileStore>(loop, spec.journal), options().head_name()},
                            InitOptions{});
    Result<InitReport> report = Error{};
    loop.defer([&] {
        initializer.run([&](Result<InitReport> done) {
            report = std::move(done);
            loop.stop();
        });
    });
    loop.run();
    ASSERT_TRUE(report) << report.error().text;
    ASSERT_TRUE(report->done) << report->error.text;
}

std::unique_ptr<Storage> StorageWorld::open(const spec::Storage& spec) const {
    auto opened = Storage::open(spec, options(), open_limit);
    if (opened) return std::move(*opened);
    ADD_FAILURE() << "storage " << spec.name << " does not open: " << to_string(opened.error());
    return nullptr;
}

Error StorageWorld::fail_to_open(const spec::Storage& spec, std::chrono::milliseconds limit) const {
    auto opened = Storage::open(spec, options(), limit);
    if (!opened) return opened.error();
    ADD_FAILURE() << "storage " << spec.name << " opens";
    close(std::move(*opened));
    return {Errc::ok, ""};
}

/// Lives until both sides have let go of it, so that a test may give up on a request that is held.
struct PendingIo::State {
    Request request;
    Bytes bytes;
    Piece piece;
    std::shared_ptr<State> self;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Errc> result;
};

PendingIo::PendingIo(Storage& storage, Operation operation, const Extent& extent, const Bytes& bytes)
    : state_(std::make_shared<State>()) {
    State& state = *state_;
    state.bytes = bytes;
    state.piece = {state.bytes.data(), state.bytes.size()};
    state.request.operation = operation;
    state.request.extent = extent;
    if (!state.bytes.empty()) state.request.pieces = Pieces(&state.piece, 1);
    state.request.owner = &state;
    state.request.done = [](Request& request) {
        const auto ended = std::exchange(static_cast<State*>(request.owner)->self, nullptr);
        const std::lock_guard guard(ended->mutex);
        ended->result = request.result;
        ended->changed.notify_all();
    };
    state.self = state_;
    storage.run_on_loop([&storage, &state] { storage.root().submit(state.request); });
}

std::optional<Errc> PendingIo::result_within(std::chrono::milliseconds limit) const {
    std::unique_lock guard(state_->mutex);
    state_->changed.wait_for(guard, limit, [this] { return state_->result.has_value(); });
    return state_->result;
}

const Bytes& PendingIo::bytes() const { return state_->bytes; }

Errc do_io(Storage& storage, Operation operation, const Extent& extent, Bytes& bytes) {
    const PendingIo pending(storage, operation, extent, bytes);
    const Errc result = pending.result_within(std::chrono::seconds(20)).value_or(Errc::timed_out);
    if (operation == Operation::read && result == Errc::ok) bytes = pending.bytes();
    return result;
}

Bytes pattern_bytes(std::size_t size, unsigned seed) {
    Bytes bytes(size);
    std::uint32_t value = seed * 2654435761u + 1;
    for (std::byte& byte : bytes) {
        value = value * 1664525u + 1013904223u;
        byte = static_cast<std::byte>(value >> 24);
    }
    return bytes;
}

namespace {

unsigned entries_of(const char* folder) {
    const std::filesystem::directory_iterator entries(folder);
    return static_cast<unsigned>(std::distance(begin(entries), end(entries)));
}

}  // namespace

unsigned open_descriptors() { return entries_of("/proc/self/fd"); }

unsigned threads() { return entries_of("/proc/self/task"); }

bool threads_become(unsigned count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (threads() > count && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return threads() <= count;
}

}  // namespace dst
