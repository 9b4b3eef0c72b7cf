#include "transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ledger.h"
#include "pattern.h"
#include "session.h"

namespace initiator {
namespace {

constexpr unsigned mistakes_shown = 5;

/// Walks a range with several commands in flight.
class Transfer {
public:
    Transfer(const Args& args, bool writing)
        : args_(args), writing_(writing), session_(args.target, args.request_timeout_s) {
        next_ = args.offset_bytes;
        end_ = args.length_bytes == 0 ? session_.size_bytes() : args.offset_bytes + args.length_bytes;
        if (end_ > session_.size_bytes()) throw std::runtime_error("the range ends beyond the LUN");
        slots_.resize(args.depth);
    }

    int run() {
        const auto begin = std::chrono::steady_clock::now();
        for (Slot& slot : slots_) start(slot);
        while (session_.in_flight() != 0) session_.poll(1000);
        if (args_.flush && mistakes_ == 0) flush();
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        std::printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.3f, \"send_again\": %" PRIu64 ", \"mistakes\": %" PRIu64
                    "}\n",
                    end_ - args_.offset_bytes, seconds, again_, mistakes_);
        return mistakes_ == 0 ? 0 : 1;
    }

private:
    struct Slot {
        std::vector<std::byte> data;
        std::uint64_t offset = 0;
    };

    void start(Slot& slot) {
        if (next_ >= end_ || mistakes_ != 0) return;
        slot.offset = next_;
        slot.data.resize(std::min(args_.request_bytes, end_ - next_));
        next_ += slot.data.size();
        if (writing_) fill_sectors(slot.data, slot.offset / sector_bytes, args_.seed, args_.version);
        send(slot);
    }

    void send(Slot& slot) {
        const auto done = [this, &slot](const Outcome& outcome) { finished(slot, outcome); };
        if (writing_) {
            session_.write(slot.offset, slot.data, args_.fua, done);
        } else {
            session_.read(slot.offset, slot.data, done);
        }
    }

    void finished(Slot& slot, const Outcome& outcome) {
        if (outcome.send_again()) {
            ++again_;
            send(slot);
            return;
        }
        if (!outcome.good()) {
            mistake(slot.offset, outcome.text().c_str());
        } else if (!writing_) {
            const auto bad = first_difference(slot.data, slot.offset / sector_bytes, args_.seed, args_.version);
            if (bad) mistake(slot.offset + *bad * sector_bytes, "data differ");
        }
        start(slot);
    }

    void mistake(std::uint64_t offset, const char* text) {
        if (++mistakes_ <= mistakes_shown) std::fprintf(stderr, "at byte %" PRIu64 ": %s\n", offset, text);
    }

    void flush() {
        bool good = false;
        session_.flush([&](const Outcome& outcome) { good = outcome.good(); });
        while (session_.in_flight() != 0) session_.poll(1000);
        if (!good) mistake(0, "SYNCHRONIZE CACHE failed");
    }

    const Args& args_;
    bool writing_;
    Session session_;
    std::uint64_t next_ = 0;
    std::uint64_t end_ = 0;
    std::uint64_t again_ = 0;
    std::uint64_t mistakes_ = 0;
    std::vector<Slot> slots_;
};

}  // namespace

int run_fill(const Args& args) { return Transfer(args, true).run(); }
int run_verify(const Args& args) { return Transfer(args, false).run(); }

int run_verify_file(const Args& args) {
    const int file = ::open(args.target.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::runtime_error("cannot open " + args.target);
    const off_t size = ::lseek(file, 0, SEEK_END);
    std::uint64_t left =
        args.length_bytes != 0 ? args.length_bytes : static_cast<std::uint64_t>(size) - args.file_at_bytes;
    std::uint64_t at = args.file_at_bytes;
    std::uint64_t sector = args.offset_bytes / sector_bytes;
    std::vector<std::byte> data;
    int status = 0;
    while (left != 0) {
        data.resize(std::min<std::uint64_t>(left, 1u << 20));
        if (::pread(file, data.data(), data.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(data.size())) {
            ::close(file);
            throw std::runtime_error("short read of " + args.target);
        }
        const auto bad = first_difference(data, sector, args.seed, args.version);
        if (bad) {
            std::fprintf(stderr, "%s at byte %" PRIu64 ": data differ\n", args.target.c_str(),
                         at + *bad * sector_bytes);
            status = 1;
            break;
        }
        at += data.size();
        left -= data.size();
        sector += data.size() / sector_bytes;
    }
    ::close(file);
    return status;
}

int run_fill_file(const Args& args) {
    const int file = ::open(args.target.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) throw std::runtime_error("cannot open " + args.target);
    std::vector<std::byte> data(args.length_bytes);
    fill_sectors(data, args.offset_bytes / sector_bytes, args.seed, args.version);
    const bool good = ::pwrite(file, data.data(), data.size(), static_cast<off_t>(args.file_at_bytes)) ==
                      static_cast<ssize_t>(data.size());
    ::close(file);
    if (!good) throw std::runtime_error("short write to " + args.target);
    return 0;
}

int run_check_file(const Args& args) {
    std::uint64_t sectors = Ledger::sectors_of(args.record);
    Ledger ledger(args.record, sectors, args.seed, content_anything);
    if (args.length_bytes != 0) sectors = std::min(sectors, args.length_bytes / sector_bytes);
    const int file = ::open(args.target.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::runtime_error("cannot open " + args.target);
    std::vector<std::byte> data;
    std::optional<std::string> mistake;
    for (std::uint64_t sector = 0; sector < sectors && !mistake; sector += data.size() / sector_bytes) {
        data.resize(std::min<std::uint64_t>((sectors - sector) * sector_bytes, 1u << 20));
        if (::pread(file, data.data(), data.size(), static_cast<off_t>(sector * sector_bytes)) !=
            static_cast<ssize_t>(data.size())) {
            mistake = "short read";
        } else {
            mistake = ledger.check(sector, data);
        }
    }
    ::close(file);
    if (mistake) std::fprintf(stderr, "%s: %s\n", args.target.c_str(), mistake->c_str());
    return mistake ? 1 : 0;
}

int run_write_cache(const Args& args) {
    Session session(args.target, args.request_timeout_s);
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(args.request_timeout_s);
    Outcome outcome = session.set_write_cache(args.write_cache, args.six);
    while (outcome.send_again() && std::chrono::steady_clock::now() < limit) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        outcome = session.set_write_cache(args.write_cache, args.six);
    }
    std::printf("{\"write_cache\": %s, \"answer\": \"%s\"}\n", session.write_cache() ? "true" : "false",
                outcome.text().c_str());
    return outcome.good() ? 0 : 1;
}

int run_capacity(const Args& args) {
    const Session session(args.target, args.request_timeout_s);
    std::printf("{\"size_bytes\": %" PRIu64 ", \"block_bytes\": %u}\n", session.size_bytes(), session.block_bytes());
    return 0;
}

}  // namespace initiator
