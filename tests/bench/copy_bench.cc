// One storage copied to another from begin to end, by a program that does nothing else: what a resync is measured
// against. Each storage is one netnode, so that the bytes go the same way as those of a resync.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "block/request.h"
#include "head/storage.h"
#include "yaml/load.h"

namespace dst::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why) {
    std::cerr << "bench_copy: " << why << "\n";
    std::exit(1);
}

std::unique_ptr<Storage> open(const std::string& file) {
    auto loaded = yaml::load_storage(file);
    if (auto* mistakes = std::get_if<std::vector<yaml::Mistake>>(&loaded)) fail(yaml::to_string(*mistakes));
    auto opened = Storage::open(std::get<spec::Storage>(loaded), HeadOptions::from_environment("bench_copy"), 30s);
    if (!opened) fail(opened.error().text);
    return std::move(*opened);
}

/// Pieces in turn, `depth` of them under way: read on the one's thread, written on the other's.
class Copy {
public:
    Copy(Storage& from, Storage& to, std::uint64_t piece_bytes, unsigned depth)
        : from_(from), to_(to), piece_bytes_(piece_bytes) {
        size_bytes_ = std::min(from.root().geometry().size_bytes, to.root().geometry().size_bytes);
        for (unsigned i = 0; i < depth; ++i) slots_.push_back(std::make_unique<Slot>(*this));
    }

    /// Bytes a second.
    double run() {
        const auto begun = Clock::now();
        under_way_ = static_cast<unsigned>(slots_.size());
        for (const auto& slot : slots_) next(*slot);
        while (under_way_ != 0) std::this_thread::sleep_for(1ms);
        const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
        if (failed_) fail("a request failed");
        return static_cast<double>(size_bytes_) / seconds;
    }

private:
    struct Slot {
        explicit Slot(Copy& in_copy) : copy(in_copy), bytes(in_copy.piece_bytes_) {}
        Copy& copy;
        std::vector<std::byte> bytes;
        Piece piece;
        Request request;
    };

    void next(Slot& slot) {
        const std::uint64_t at = next_.fetch_add(piece_bytes_);
        if (at >= size_bytes_ || failed_) {
            --under_way_;
            return;
        }
        slot.request.extent = {at, std::min(piece_bytes_, size_bytes_ - at)};
        slot.piece = {slot.bytes.data(), static_cast<std::size_t>(slot.request.extent.length)};
        submit(slot, from_, Operation::read, [](Request& request) {
            Slot& done = *static_cast<Slot*>(request.owner);
            if (done.copy.ended(done)) return;
            done.copy.submit(done, done.copy.to_, Operation::write, [](Request& written) {
                Slot& ready = *static_cast<Slot*>(written.owner);
                if (!ready.copy.ended(ready)) ready.copy.next(ready);
            });
        });
    }

    bool ended(Slot& slot) {
        if (slot.request.result == Errc::ok) return false;
        failed_ = true;
        --under_way_;
        return true;
    }

    void submit(Slot& slot, Storage& storage, Operation operation, void (*done)(Request&)) {
        slot.request.operation = operation;
        slot.request.pieces = Pieces(&slot.piece, 1);
        slot.request.owner = &slot;
        slot.request.done = done;
        storage.run_on_loop([&storage, &slot] { storage.root().submit(slot.request); });
    }

    Storage& from_;
    Storage& to_;
    const std::uint64_t piece_bytes_;
    std::uint64_t size_bytes_ = 0;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::atomic<std::uint64_t> next_ = 0;
    std::atomic<unsigned> under_way_ = 0;
    std::atomic<bool> failed_ = false;
};

}  // namespace
}  // namespace dst::bench

int main(int argc, char** argv) {
    CLI::App app{"Copies one storage to another, and says how fast"};
    std::string from;
    std::string to;
    std::uint64_t bytes = 1u << 20;
    unsigned depth = 4;
    app.add_option("--bytes", bytes, "size of a request");
    app.add_option("--depth", depth, "requests in flight");
    app.add_option("FROM", from, "storage file")->required();
    app.add_option("TO", to, "storage file")->required();
    CLI11_PARSE(app, argc, argv);
    auto source = dst::bench::open(from);
    auto target = dst::bench::open(to);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    std::printf("{\"bytes_per_second\": %.0f}\n", dst::bench::Copy(*source, *target, bytes, depth).run());
    dst::Storage::close(std::move(source), std::chrono::seconds(30));
    dst::Storage::close(std::move(target), std::chrono::seconds(30));
    return 0;
}
