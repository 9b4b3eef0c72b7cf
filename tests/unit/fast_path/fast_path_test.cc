/*
 * What a request costs beside its I/O, from the module's door to the netnodes and back: nothing is allocated, and the
 * threads rarely have to wake each other. The module's own code, netnodes on TCP and disks, without tgtd around them.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "asio/asio_loop.h"
#include "server/netnode_server.h"
#include "tgt/bridge.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// All that the C library allocates for anybody, operator new included, under the names that glibc has for its own.
#pragma GCC visibility push(default)
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept { return memalign(alignment, size); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    *memory = memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"
#pragma GCC visibility pop

namespace dst {
namespace {

constexpr std::uint64_t mib = 1u << 20;
constexpr std::uint64_t disk_bytes = 96 * mib;
constexpr std::uint64_t span_bytes = 64 * mib;
constexpr std::uint32_t request_bytes_max = 1024 * 1024;
constexpr std::uint32_t short_bytes = 4096;
constexpr std::uint32_t block_bytes = 512;
constexpr unsigned depth = 32;
constexpr double wakes_max = 0.2;
constexpr int rounds_max = 5;

struct Silent : EventSink {
    void event(Severity, std::string_view, std::string_view, std::initializer_list<EventField>) override {}
};

/// A netnode on a thread of its own with one disk.
class Node {
public:
    Node(const std::string& folder, const std::string& name) {
        const std::string disk = folder + "/" + name;
        std::ofstream(disk).close();
        std::filesystem::resize_file(disk, disk_bytes);
        spec::NetnodeFile file;
        file.listen = {{"127.0.0.1", 0}};
        file.exports = {{"disk0", spec::Disk{disk}, {}, {}}};
        std::promise<std::string> endpoint;
        thread_ = std::thread([this, file, folder, &endpoint] {
            server_ = std::make_unique<NetnodeServer>(loop_, events_, HeadOptions{folder, folder, "node"});
            const Result<void> started = server_->start(file);
            endpoint.set_value(started ? server_->endpoints().front() : "nowhere");
            loop_.run();
        });
        endpoint_ = endpoint.get_future().get();
    }
    ~Node() {
        loop_.post_from_any_thread([this] { server_->close([this] { loop_.stop(); }); });
        thread_.join();
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    const std::string& endpoint() const { return endpoint_; }

private:
    Silent events_;
    AsioLoop loop_;
    std::unique_ptr<NetnodeServer> server_;
    std::string endpoint_;
    std::thread thread_;
};

/// The initiator's commands, `depth` at a time.
class FastPath : public ::testing::Test {
protected:
    struct Slot {
        FastPath* owner = nullptr;
        std::vector<std::byte> data = std::vector<std::byte>(request_bytes_max);
        std::array<std::uint8_t, 16> cdb{};
    };

    FastPath() {
        folder_ = std::filesystem::temp_directory_path().string() + "/dst-test-XXXXXX";
        if (::mkdtemp(folder_.data()) == nullptr) std::abort();
        ::setenv("DST_RUN_DIR", folder_.c_str(), 1);
        ::setenv("DST_STATE_DIR", folder_.c_str(), 1);
    }

    ~FastPath() override {
        if (lun_ != nullptr) {
            if (dst_lun_close(lun_) == 0) drain_until([this] { return free_due_; });
            dst_lun_free(lun_);
        }
        nodes_.clear();
        std::filesystem::remove_all(folder_);
    }

    void add_node(const std::string& name) {
        nodes_.push_back(std::make_unique<Node>(folder_, name));
        members_ += "    - netnode: " + nodes_.back()->endpoint() + "/disk0\n";
    }

    void add_disk(const std::string& name) {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path).close();
        std::filesystem::resize_file(path, disk_bytes);
        members_ += "    - disk: " + path + "\n";
    }

    void open() {
        const std::string file = folder_ + "/fast.yaml";
        std::ofstream(file) << "storage: fast\ntree:\n  mirror:\n" << members_;
        ASSERT_EQ(std::system((std::string(DST_DSTCTL) + " init " + file + " >/dev/null").c_str()), 0);
        const dst_callbacks callbacks{&FastPath::answered, [](const char* line) { std::cerr << line << "\n"; }};
        dst_properties properties{};
        lun_ = dst_lun_open(file.c_str(), block_bytes, &callbacks, &properties);
        ASSERT_NE(lun_, nullptr);
        for (Slot& slot : slots_) slot.owner = this;
    }

    /// READ (16) or WRITE (16), SBC-4 5.13 and 5.38.
    void submit(Slot& slot) {
        const std::uint64_t block = next_ % (span_bytes / request_bytes_) * request_bytes_ / block_bytes;
        next_ = next_ * 6364136223846793005u + 1442695040888963407u;
        slot.cdb = {static_cast<std::uint8_t>(writes_ ? 0x8a : 0x88)};
        for (unsigned i = 0; i < 8; ++i) slot.cdb[2 + i] = static_cast<std::uint8_t>(block >> (56 - 8 * i));
        for (unsigned i = 0; i < 4; ++i) {
            slot.cdb[10 + i] = static_cast<std::uint8_t>(request_bytes_ / block_bytes >> (24 - 8 * i));
        }
        dst_command command{};
        command.cdb = slot.cdb.data();
        command.cdb_bytes = slot.cdb.size();
        (writes_ ? command.data_out : command.data_in) = slot.data.data();
        (writes_ ? command.data_out_bytes : command.data_in_bytes) = request_bytes_;
        command.tag = &slot;
        ASSERT_EQ(dst_lun_submit(lun_, &command), 0);
    }

    static void answered(void* tag, const dst_answer* answer) {
        Slot& slot = *static_cast<Slot*>(tag);
        FastPath& self = *slot.owner;
        ++self.answers_;
        if (answer->status != 0) ++self.failures_;
        if (self.left_ == 0) {
            --self.out_;
            return;
        }
        --self.left_;
        self.submit(slot);
    }

    template <typename Done>
    void drain_until(Done done) {
        while (!done()) {
            pollfd poll{dst_lun_fd(lun_), POLLIN, 0};
            ASSERT_EQ(::poll(&poll, 1, 20'000), 1) << "no answer came";
            free_due_ = dst_lun_drain(lun_) == 1;
        }
    }

    void run(std::uint64_t requests) {
        left_ = requests - depth;
        out_ = depth;
        for (Slot& slot : slots_) submit(slot);
        drain_until([this] { return out_ == 0; });
    }

    /// Allocations and wakes for each request, once everything has found its size. Of requests of 4 KiB no round may
    /// allocate; with long ones the pools of all threads take some rounds to meet their deepest queue, so that the best
    /// round counts. So it does for wakes: how often the threads find each other asleep depends on what else the
    /// machine does, and long requests leave them time to fall asleep.
    void measure(std::uint32_t bytes, std::uint64_t requests, std::uint64_t allocations_max) {
        request_bytes_ = bytes;
        const bool brief = bytes <= short_bytes;
        for (const bool writes : {true, false}) {
            writes_ = writes;
            run(requests);
            double fewest_wakes = 1;
            std::uint64_t fewest_allocations = requests;
            for (int round = 0; round < rounds_max; ++round) {
                const std::string what = std::to_string(bytes) + (writes ? " bytes written" : " bytes read");
                const std::uint64_t woken = dst_lun_wakes(lun_);
                const std::uint64_t allocated = allocations;
                run(requests);
                const std::uint64_t more = allocations - allocated;
                const double each_wakes = static_cast<double>(dst_lun_wakes(lun_) - woken) / requests;
                std::cout << what << ": " << more << " allocations in " << requests << " requests, " << each_wakes
                          << " wakes a request\n";
                if (brief) {
                    EXPECT_LT(more, allocations_max) << what;
                }
                fewest_allocations = std::min(fewest_allocations, more);
                fewest_wakes = std::min(fewest_wakes, each_wakes);
                if (fewest_allocations < allocations_max && (!brief || fewest_wakes < wakes_max)) break;
            }
            EXPECT_LT(fewest_allocations, allocations_max) << bytes << " " << writes;
            if (brief) {
                EXPECT_LT(fewest_wakes, wakes_max) << writes;
            }
        }
        EXPECT_EQ(failures_, 0u);
    }

    void measure_all() {
        measure(short_bytes, 20'000, 200);
        measure(64 * 1024, 2'000, 20);
        // A netnode keeps few idle buffers of this size (session/buffer_pool.h), and now and then needs one more.
        measure(request_bytes_max, 500, 50);
    }

private:
    std::string folder_;
    std::string members_;
    std::vector<std::unique_ptr<Node>> nodes_;
    dst_lun* lun_ = nullptr;
    std::array<Slot, depth> slots_;
    std::uint64_t next_ = 1;
    std::uint64_t left_ = 0;
    std::uint64_t out_ = 0;
    std::uint64_t answers_ = 0;
    std::uint64_t failures_ = 0;
    std::uint32_t request_bytes_ = short_bytes;
    bool writes_ = false;
    bool free_due_ = false;
};

TEST_F(FastPath, OfAMirrorOfTwoNetnodes) {
    add_node("one");
    add_node("two");
    open();
    measure_all();
}

TEST_F(FastPath, OfAMirrorOfThreeNetnodes) {
    add_node("one");
    add_node("two");
    add_node("three");
    open();
    measure_all();
}

TEST_F(FastPath, OfAMirrorOfADiskAndANetnode) {
    add_disk("one");
    add_node("two");
    open();
    measure_all();
}

}  // namespace
}  // namespace dst
