#include "load.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <vector>

#include "pattern.h"
#include "session.h"

namespace initiator {
namespace {

using Clock = std::chrono::steady_clock;

class Load {
public:
    explicit Load(const Args& args) : args_(args), session_(args.target, args.request_timeout_s), random_(args.seed) {
        const std::uint64_t length =
            args.length_bytes == 0 ? session_.size_bytes() - args.offset_bytes : args.length_bytes;
        cells_.resize(length / args.request_bytes);
        if (cells_.size() < args.depth) throw std::runtime_error("the range is too small for this depth");
        slots_.resize(args.depth);
    }

    int run() {
        end_ = Clock::now() + std::chrono::seconds(args_.seconds);
        for (Slot& slot : slots_) start(slot);
        drain();
        checking_all_ = true;
        for (Slot& slot : slots_) start(slot);
        drain();
        std::printf("{\"reads\": %" PRIu64 ", \"writes\": %" PRIu64 ", \"send_again\": %" PRIu64
                    ", \"errors\": %" PRIu64 ", \"mistakes\": %" PRIu64 ", \"latency_ms_max\": %.1f}\n",
                    reads_, writes_, again_, errors_, mistakes_, latency_ms_max_);
        return mistakes_ != 0 || (errors_ != 0 && !args_.allow_errors) ? 1 : 0;
    }

private:
    /// One request-sized piece of the range. Versions possible now: acknowledged, or any tried since.
    struct Cell {
        std::uint64_t acknowledged = 0;
        std::uint64_t tried = 0;
        bool known = false;  ///< written by this run
        bool in_use = false;
    };
    struct Slot {
        std::vector<std::byte> data;
        std::size_t cell = 0;
        bool writing = false;
        Clock::time_point since;
    };

    void drain() {
        while (session_.in_flight() != 0) session_.poll(200);
    }

    std::optional<std::size_t> choose() {
        if (checking_all_) return next_check_ < cells_.size() ? std::optional(next_check_++) : std::nullopt;
        if (Clock::now() >= end_) return std::nullopt;
        for (;;) {
            const std::size_t cell = random_() % cells_.size();
            if (!cells_[cell].in_use) return cell;
        }
    }

    void start(Slot& slot) {
        const auto chosen = choose();
        if (!chosen) return;
        slot.cell = *chosen;
        Cell& cell = cells_[slot.cell];
        cell.in_use = true;
        slot.data.resize(args_.request_bytes);
        slot.writing = !checking_all_ && random_() % 100 < args_.write_percent;
        slot.since = Clock::now();
        if (slot.writing) fill_sectors(slot.data, sector_of(slot.cell), args_.seed, ++cell.tried);
        send(slot);
    }

    void send(Slot& slot) {
        const auto done = [this, &slot](const Outcome& outcome) { finished(slot, outcome); };
        if (slot.writing) {
            session_.write(sector_of(slot.cell) * sector_bytes, slot.data, false, done);
        } else {
            session_.read(sector_of(slot.cell) * sector_bytes, slot.data, done);
        }
    }

    void finished(Slot& slot, const Outcome& outcome) {
        if (outcome.send_again()) {
            ++again_;
            send(slot);
            return;
        }
        if (!running_) {
            running_ = true;
            std::fprintf(stderr, "running\n");  // for whoever waits for load
        }
        latency_ms_max_ =
            std::max(latency_ms_max_, std::chrono::duration<double, std::milli>(Clock::now() - slot.since).count());
        Cell& cell = cells_[slot.cell];
        if (!outcome.good()) {
            if (errors_++ < 3)
                std::fprintf(stderr, "cell %zu: %s: %s\n", slot.cell, slot.writing ? "write" : "read",
                             outcome.text().c_str());
        } else if (slot.writing) {
            ++writes_;
            cell.acknowledged = cell.tried;
            cell.known = true;
        } else {
            ++reads_;
            check(slot, cell);
        }
        cell.in_use = false;
        start(slot);
    }

    /// Each sector of a cell must hold the acknowledged version or one that was tried since.
    void check(Slot& slot, Cell& cell) {
        if (!cell.known) return;
        const std::size_t sectors = slot.data.size() / sector_bytes;
        for (std::size_t i = 0; i < sectors; ++i) {
            const std::span<const std::byte> sector(slot.data.data() + i * sector_bytes, sector_bytes);
            bool right = false;
            for (std::uint64_t version = cell.acknowledged; version <= cell.tried && !right; ++version) {
                right = !first_difference(sector, sector_of(slot.cell) + i, args_.seed, version);
            }
            if (right) continue;
            if (mistakes_++ < 5) {
                std::fprintf(stderr, "WRONG DATA at byte %" PRIu64 ": not version %" PRIu64 "..%" PRIu64 "\n",
                             (sector_of(slot.cell) + i) * sector_bytes, cell.acknowledged, cell.tried);
            }
            return;
        }
    }

    std::uint64_t sector_of(std::size_t cell) const {
        return (args_.offset_bytes + cell * args_.request_bytes) / sector_bytes;
    }

    const Args& args_;
    Session session_;
    std::mt19937_64 random_;
    std::vector<Cell> cells_;
    std::vector<Slot> slots_;
    Clock::time_point end_;
    bool checking_all_ = false;
    bool running_ = false;
    std::size_t next_check_ = 0;
    std::uint64_t reads_ = 0;
    std::uint64_t writes_ = 0;
    std::uint64_t again_ = 0;
    std::uint64_t errors_ = 0;
    std::uint64_t mistakes_ = 0;
    double latency_ms_max_ = 0;
};

}  // namespace

int run_load(const Args& args) { return Load(args).run(); }

}  // namespace initiator
