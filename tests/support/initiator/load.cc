#include "load.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ledger.h"
#include "mix.h"
#include "pattern.h"
#include "session.h"
#include "tally.h"

namespace initiator {
namespace {

using Clock = Tally::Clock;
constexpr std::chrono::milliseconds pause{20};  // before a command or a login is tried again
constexpr std::uint64_t check_sectors = 128;
constexpr std::uint64_t errors_shown = 3;

volatile std::sig_atomic_t told_to_stop = 0;

Content start_content(const Args& args) {
    if (args.start == "zeroes") return content_zeroes;
    return args.start == "filled" ? Content{1} : content_anything;
}

class Load {
public:
    explicit Load(const Args& args)
        : args_(args),
          session_(std::make_unique<Session>(args.target, args.request_timeout_s)),
          block_sectors_(session_->block_bytes() / sector_bytes),
          range_{
              args.offset_bytes / sector_bytes,
              (args.length_bytes == 0 ? session_->size_bytes() - args.offset_bytes : args.length_bytes) / sector_bytes},
          ledger_(args.record, session_->size_bytes() / sector_bytes, args.seed, start_content(args)),
          mix_(args, range_, block_sectors_),
          busy_(session_->size_bytes() / sector_bytes),
          slots_(args.depth) {}

    int run() {
        end_ = Clock::now() + std::chrono::seconds(args_.seconds);
        turn_until_all_is_done();
        tally_.stop();
        return check();
    }

    int check() {
        checking_ = true;
        next_check_ = range_.first;
        turn_until_all_is_done();
        tally_.print(args_.rates);
        return tally_.mistakes() != 0 || (tally_.errors() != 0 && !args_.allow_errors) ? 1 : 0;
    }

private:
    enum class State { idle, sent, pausing };
    struct Slot {
        State state = State::idle;
        Kind kind = Kind::read;
        SectorRange range;
        Content content = content_zeroes;
        std::vector<std::byte> data;
        Clock::time_point since;
        Clock::time_point not_before;
    };

    void turn_until_all_is_done() {
        for (;;) {
            bool work = false;
            try {
                for (Slot& slot : slots_) work |= step(slot);
                if (!work) return;
                session_->poll(static_cast<int>(pause.count()));
                if (!timed_out_) continue;
            } catch (const std::runtime_error& error) {
                std::fprintf(stderr, "session lost: %s\n", error.what());
            }
            reopen();
        }
    }

    /// Returns whether the slot has something to do.
    bool step(Slot& slot) {
        if (slot.state == State::idle && !choose(slot)) return false;
        if (slot.state == State::pausing && Clock::now() >= slot.not_before) send(slot);
        return true;
    }

    void reopen() {
        timed_out_ = false;
        const auto limit = Clock::now() + std::chrono::seconds(args_.reopen_s);
        session_->give_up();
        session_.reset();  // ends every command that is under way
        for (Slot& slot : slots_) {
            if (slot.state == State::sent) finished(slot, Outcome{SCSI_STATUS_CANCELLED, 0, 0});  // never sent
        }
        for (;;) {
            try {
                session_ = std::make_unique<Session>(args_.target, args_.request_timeout_s);
                tally_.reopened();
                return;
            } catch (const std::runtime_error& error) {
                if (Clock::now() >= limit) throw;
            }
            std::this_thread::sleep_for(pause);
        }
    }

    bool choose(Slot& slot) {
        if (checking_) {
            if (next_check_ >= range_.first + range_.count) return false;
            slot.kind = Kind::read;
            slot.range = {next_check_, std::min(check_sectors, range_.first + range_.count - next_check_)};
            next_check_ += slot.range.count;
        } else {
            if (Clock::now() >= end_ || told_to_stop != 0) return false;
            slot.kind = mix_.kind();
            do {
                slot.range = mix_.place();
            } while (is_busy(slot.range));
            prepare(slot);
        }
        set_busy(slot, true);
        slot.since = Clock::now();
        slot.state = State::pausing;
        return true;
    }

    void prepare(Slot& slot) {
        if (slot.kind == Kind::read || slot.kind == Kind::flush) return;
        if (!ledger_.has_room(slot.range)) {
            slot.kind = Kind::read;
            return;
        }
        slot.content = content_zeroes;
        if (slot.kind != Kind::unmap && slot.kind != Kind::zeroes) slot.content = ledger_.next_version();
        if (slot.kind == Kind::same) slot.content |= content_same_bit;
        ledger_.trying(slot.range, slot.content);
    }

    void send(Slot& slot) {
        const auto done = [this, &slot](const Outcome& outcome) { finished(slot, outcome); };
        const std::uint64_t offset = slot.range.first * sector_bytes;
        const std::uint64_t length = slot.range.count * sector_bytes;
        const bool one_block = slot.kind == Kind::zeroes || slot.kind == Kind::same;
        slot.data.resize(one_block ? session_->block_bytes() : length);
        if (slot.kind != Kind::read) ledger_.fill(slot.data, slot.range.first, slot.content);
        slot.state = State::sent;
        switch (slot.kind) {
            case Kind::read: return session_->read(offset, slot.data, done);
            case Kind::write: return session_->write(offset, slot.data, false, done);
            case Kind::fua: return session_->write(offset, slot.data, true, done);
            case Kind::flush: return session_->flush(done);
            case Kind::unmap: return session_->unmap(offset, length, done);
            case Kind::zeroes:
            case Kind::same: return session_->write_same(offset, length, slot.data, done);
        }
    }

    void finished(Slot& slot, const Outcome& outcome) {
        if (outcome.good()) {
            tally_.done(slot.kind, slot.since);
            if (slot.kind == Kind::read) {
                const auto mistake = ledger_.check(slot.range.first, slot.data);
                if (mistake) tally_.mistake(*mistake);
            } else if (slot.kind != Kind::flush) {
                ledger_.written(slot.range, slot.content);
            }
        } else {
            const std::uint64_t times = tally_.other(outcome);
            timed_out_ |= outcome.status == SCSI_STATUS_TIMEOUT;
            // Whatever was lost while everything is read once more must still be read.
            if (outcome.send_again() || (checking_ && outcome.lost())) {
                slot.not_before = Clock::now() + pause;
                slot.state = State::pausing;
                return;
            }
            if (!outcome.lost() && times <= errors_shown) {
                std::fprintf(stderr, "%s at byte %llu: %s\n", kind_names[static_cast<unsigned>(slot.kind)],
                             static_cast<unsigned long long>(slot.range.first * sector_bytes), outcome.text().c_str());
            }
        }
        set_busy(slot, false);
        slot.state = State::idle;
    }

    bool is_busy(SectorRange range) const {
        return std::any_of(busy_.begin() + static_cast<std::ptrdiff_t>(range.first),
                           busy_.begin() + static_cast<std::ptrdiff_t>(range.first + range.count),
                           [](bool busy) { return busy; });
    }
    void set_busy(const Slot& slot, bool busy) {
        std::fill_n(busy_.begin() + static_cast<std::ptrdiff_t>(slot.range.first), slot.range.count, busy);
    }

    const Args& args_;
    std::unique_ptr<Session> session_;
    std::uint64_t block_sectors_;
    SectorRange range_;
    Ledger ledger_;
    Mix mix_;
    Tally tally_;
    std::vector<bool> busy_;
    std::vector<Slot> slots_;
    Clock::time_point end_;
    bool checking_ = false;
    bool timed_out_ = false;
    std::uint64_t next_check_ = 0;
};

}  // namespace

int run_load(const Args& args) {
    std::signal(SIGTERM, [](int) { told_to_stop = 1; });
    return Load(args).run();
}

int run_check(const Args& args) { return Load(args).check(); }

}  // namespace initiator
