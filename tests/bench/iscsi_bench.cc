#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "session.h"

/// Load on a LUN through libiscsi, and how fast it was answered. What is written is not looked at again: what the
/// storage keeps is another program's matter (dst-initiator).
namespace {

using Clock = std::chrono::steady_clock;

struct Load {
    std::string url;
    std::uint64_t block_bytes = 4096;
    unsigned depth = 1;
    unsigned read_percent = 100;
    bool sequential = false;
    double seconds = 3;
    std::uint64_t span_bytes = 0;  ///< from the beginning of the LUN; 0: all of it
};

class Bench {
public:
    explicit Bench(const Load& load) : load_(load), session_(load.url, 60) {
        std::uint64_t span = session_.size_bytes();
        if (load.span_bytes != 0) span = std::min(span, load.span_bytes);
        blocks_ = span / load.block_bytes;
        if (blocks_ == 0) throw std::runtime_error("the LUN is smaller than a block");
        slots_.resize(load.depth);
        std::mt19937_64 bytes(1);
        for (Slot& slot : slots_) {
            slot.bytes.resize(load.block_bytes);
            for (std::byte& byte : slot.bytes) byte = static_cast<std::byte>(bytes());
        }
        latencies_ns_.reserve(4'000'000);
    }

    void run() {
        begun_ = Clock::now();
        ends_ = begun_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(load_.seconds));
        for (Slot& slot : slots_) send(slot);
        while (session_.in_flight() != 0) session_.poll(1000);
        took_s_ = std::chrono::duration<double>(Clock::now() - begun_).count();
    }

    void print() {
        std::sort(latencies_ns_.begin(), latencies_ns_.end());
        const double requests = static_cast<double>(latencies_ns_.size());
        std::printf(
            "{\"requests\": %zu, \"errors\": %zu, \"iops\": %.1f, \"bytes_per_second\": %.0f, \"p50_us\": %.1f, "
            "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
            latencies_ns_.size(), errors_, requests / took_s_,
            requests * static_cast<double>(load_.block_bytes) / took_s_, percentile(0.5), percentile(0.99),
            percentile(0.999), percentile(1));
    }
    bool failed() const { return errors_ != 0; }

private:
    struct Slot {
        std::vector<std::byte> bytes;
        Clock::time_point sent;
    };

    void send(Slot& slot) {
        const std::uint64_t block = load_.sequential ? next_++ % blocks_ : random_() % blocks_;
        const std::uint64_t offset = block * load_.block_bytes;
        slot.sent = Clock::now();
        const auto done = [this, &slot](const initiator::Outcome& outcome) { answered(slot, outcome); };
        if (random_() % 100 < load_.read_percent) {
            session_.read(offset, slot.bytes, done);
        } else {
            session_.write(offset, slot.bytes, false, done);
        }
    }

    void answered(Slot& slot, const initiator::Outcome& outcome) {
        const Clock::time_point now = Clock::now();
        // A unit attention after the login says nothing.
        if (!outcome.good() && !outcome.send_again()) {
            if (++errors_ == 1) std::fprintf(stderr, "%s\n", outcome.text().c_str());
        }
        latencies_ns_.push_back(static_cast<std::uint64_t>((now - slot.sent).count()));
        if (now < ends_ && errors_ == 0) send(slot);
    }

    double percentile(double part) const {
        if (latencies_ns_.empty()) return 0;
        const auto index = static_cast<std::size_t>(part * static_cast<double>(latencies_ns_.size() - 1));
        return static_cast<double>(latencies_ns_[index]) / 1000;
    }

    const Load load_;
    initiator::Session session_;
    std::uint64_t blocks_ = 0;
    std::vector<Slot> slots_;
    std::mt19937_64 random_{7};
    std::uint64_t next_ = 0;
    std::vector<std::uint64_t> latencies_ns_;
    std::size_t errors_ = 0;
    Clock::time_point begun_;
    Clock::time_point ends_;
    double took_s_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Load on an iSCSI LUN; prints one line of JSON."};
    Load load;
    app.add_option("url", load.url, "iscsi://HOST:PORT/TARGET/LUN")->required();
    app.add_option("--block", load.block_bytes, "bytes of a request")->capture_default_str();
    app.add_option("--depth", load.depth, "requests in flight")->check(CLI::Range(1, 1024))->capture_default_str();
    app.add_option("--read", load.read_percent, "percentage of reads")
        ->check(CLI::Range(0, 100))
        ->capture_default_str();
    app.add_flag("--sequential", load.sequential, "one request after the other instead of random places");
    app.add_option("--seconds", load.seconds, "how long")->capture_default_str();
    app.add_option("--span", load.span_bytes, "bytes from the beginning of the LUN; 0: all")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        Bench bench(load);
        bench.run();
        bench.print();
        return bench.failed() ? 1 : 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", load.url.c_str(), error.what());
        return 1;
    }
}
