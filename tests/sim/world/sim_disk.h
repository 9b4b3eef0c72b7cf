#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/counters.h"
#include "block/raw_medium.h"
#include "simworld/sim_loop.h"
#include "simworld/sim_sectors.h"

namespace dst::sim {

class SimDisk;

struct SimPlatterOptions {
    std::uint64_t size_bytes = 16u << 20;
    std::uint32_t logical_block_bytes = 512;
    std::uint32_t physical_block_bytes = 512;
    bool can_unmap = true;
    bool fast_zeroes = true;
    Duration latency_min = std::chrono::microseconds(20);
    Duration latency_max = std::chrono::microseconds(400);
};

struct SimDiskOptions {
    /// M12, as disk/options.h: payload goes through buffers of the disk's own, cut() and `answer_limit` end requests
    /// (disconnected, timed_out) while the disk still works on them. False: requests end only when the disk answers.
    bool own_buffers = true;
    Duration answer_limit = std::chrono::seconds(30);
};

/// What a simulated disk's bytes lie on. Outlives the process that has it open (a SimDisk) and its machine. Every
/// 512-byte sector remembers what it held before each write that was not flushed yet; at power_loss() each such sector
/// falls back to any of these by itself. Faults are set here, by the test or the simulator.
class SimPlatter {
public:
    static constexpr std::uint64_t sector_bytes = SimSectors::sector_bytes;
    using Sector = SimSectors::Sector;

    /// What lies on a medium that is not in its place: one that was taken out, a copy, another one.
    struct Content {
        SimSectors sectors;
        std::uint64_t size_bytes = 0;
        std::uint64_t file = 0;  ///< names it as a file; 0: put in place, it is another one than ever before
        std::string found;       ///< set_found()

        Bytes read(const Extent& extent) const { return sectors.read(extent); }
        void write(std::uint64_t offset, std::span<const std::byte> bytes);
        /// Cuts off what lies behind.
        void resize(std::uint64_t bytes);
    };

    explicit SimPlatter(SimLoop& loop, const SimPlatterOptions& options = {});
    ~SimPlatter();
    SimPlatter(const SimPlatter&) = delete;
    SimPlatter& operator=(const SimPlatter&) = delete;

    const Geometry& geometry() const noexcept { return geometry_; }

    // --- Bytes, past any opener: durable at once, no latency, no faults.
    Bytes read(const Extent& extent) const { return sectors_.read(extent); }
    void write(std::uint64_t offset, std::span<const std::byte> bytes);
    bool all_zero() const { return sectors_.all_zero(); }
    /// What the sector may hold when power is lost, what it does now first. After it, of a medium that was taken out.
    std::vector<Sector> may_hold(std::uint64_t index) const;
    /// Sectors with writes that would be in doubt if power went now.
    std::size_t volatile_sectors() const noexcept { return volatile_.size(); }

    // --- What happens to it.
    /// The process that has it open, or is about to open it, dies: requests in flight are carried out in part, the lock
    /// is released when they are (while hung: when the hang ends). A death in the middle of a flush changes the
    /// incarnation, and nobody knows then what the cache has lost.
    void crash();
    /// crash(), and unflushed writes survive in any subset. Changes the incarnation.
    void power_loss();
    /// As a tree of another machine that was started with loss of data: what was flushed may be older, too. For a disk
    /// that is missing.
    void lose_data();
    /// Another, empty medium of `size_bytes` in its place; the opener hears it as down. Changes the incarnation.
    void replace_blank(std::uint64_t size_bytes);
    /// What it would hold after it was taken out: nothing that was not flushed.
    Content durable() const;
    /// Another medium in its place, until put_back(); the opener hears both as down. Changes the incarnation.
    void take_out(Content in_place);
    /// A blank one of the same size.
    void take_out() { take_out({{}, geometry_.size_bytes}); }
    /// As take_out(), as by a rename: who has the medium open keeps it and hears nothing. What is in its place is found
    /// when it is opened next, or by SimDisk::look_at_name(); and so is what put_back() puts there.
    void rename_over(Content in_place);
    /// What was taken out is there again, as durable() then; but a blank one that has been labelled meanwhile stays,
    /// since it was taken in. False: nothing was taken out.
    bool put_back();
    /// The two media change places, until put_back() of one of them: then both are where they were, with all that was
    /// written and flushed meanwhile. Openers hear both as down. Changes the incarnations.
    void exchange_with(SimPlatter& other);
    /// This says whether what was taken out last comes back, instead of that it does as long as what is in its place
    /// was not labelled.
    void set_comes_back(std::function<bool()> asked) { comes_back_ = std::move(asked); }
    /// An older copy is held by whoever opened it, and what comes back lies under its name: as if that one were started
    /// again.
    void end_older_copy() {
        if (comes_back_ && names_another()) open_named();
    }
    /// Every fourth one is a file; of the others nobody knows whether another disk lies in their place.
    bool is_file() const noexcept { return is_file_; }
    bool taken_out() const noexcept { return taken_out_ || renamed_ || exchanged_ != nullptr; }
    /// Grows or shrinks in place; the opener hears it as down.
    void resize(std::uint64_t size_bytes);

    // --- Faults.
    /// The next `times` requests of `operation` (none: any) that touch `range` answer `code` and do nothing; with
    /// Landing::in_part what should be written is, sector by sector or not. A failed flush: what was not flushed is
    /// kept or survives in any subset, the incarnation changes, the opener goes down.
    enum class Landing { nothing, in_part };
    void fail(std::optional<Operation> operation, const Extent& range, Errc code, unsigned times = ~0u,
              Landing landing = Landing::nothing);
    void clear_failures() { failures_.clear(); }
    /// The sectors cannot be read until they are written: with the whole physical blocks that they are of.
    void spoil(const Extent& range);
    /// They can be read again, and hold what they held.
    void unspoil() { spoilt_.clear(); }
    /// Of the spoilt ones, those that somebody tried to read.
    std::vector<std::uint64_t> missed() const;
    /// Hung: nothing is answered until it ends; or no flush; or reads alone, as of what lies in memory.
    enum class Hang { none, all, flushes, changes };
    void set_hung(Hang hang);
    void set_hung(bool hung) { set_hung(hung ? Hang::all : Hang::none); }
    bool hung() const noexcept { return hang_ != Hang::none; }
    void set_latency(Duration min, Duration max);
    /// Not there: open() fails with not_found, an opener goes down.
    void set_missing(bool missing);
    /// What probe() says libblkid knows of it, until byte 0 is zeroed.
    void set_found(std::string found) { found_ = std::move(found); }
    const std::string& found() const noexcept { return found_; }

    const Counters& counters() const noexcept { return counters_; }
    const Incarnation& incarnation() const noexcept { return incarnation_; }
    bool is_open() const noexcept { return opener_ != nullptr; }
    /// Writes of a process that is gone are still to land, whole or torn.
    bool writes_linger() const noexcept { return !orphans_.empty(); }
    /// Whether anything of what is above has ever happened to it, or was written past its opener.
    bool touched() const noexcept { return touched_; }

    /// Called before each request is carried out, for tests that watch orders of writes.
    std::function<void(const Request&)> on_carry_out;
    /// Acknowledged writes that were not flushed may be gone: the incarnation has changed.
    std::function<void()> on_cache_lost;

private:
    friend class SimDisk;
    struct Version {
        std::uint64_t written = 0;  ///< sequence of the write that made it; 0: durable
        std::unique_ptr<const Sector> bytes;
    };
    struct Failure {
        std::optional<Operation> operation;
        Extent range;
        Errc code;
        unsigned times;
        Landing landing;
    };
    struct Failed {
        Errc code = Errc::ok;
        Landing landing = Landing::nothing;
    };
    /// A write whose request was ended early: the disk carries it out when it gets to it.
    struct Orphan {
        Extent extent;
        Bytes bytes;  ///< empty: zeroes
        bool torn;
    };

    void store(std::uint64_t index, const Sector& bytes, bool durable);
    void carry_out(const Request& request, const Bytes& copy, std::uint64_t flush_upto);
    void write_sectors(const Extent& extent, std::span<const std::byte> bytes, bool fua, bool torn);
    void land_orphans();
    void make_durable(std::uint64_t upto);
    void lose_unflushed();
    void put_in(Content content);
    bool is_held() const noexcept { return opener_ != nullptr || lock_lingers_; }
    bool names_another() const;
    void open_named();
    void change_places(SimPlatter& other);
    void flush_failed();
    Failed take_failure(const Request& request);
    bool hangs(Operation operation) const noexcept;
    bool meets_spoilt(const Extent& extent) const;
    bool covers_spoilt_in_part(const Extent& extent) const;
    void change_incarnation();
    void name_file();

    SimLoop& loop_;
    Geometry geometry_;
    Duration latency_min_;
    Duration latency_max_;
    Incarnation incarnation_;
    bool is_file_ = false;
    std::uint64_t file_ = 1;
    std::uint64_t files_ = 1;  ///< that there have been
    std::string found_;
    Hang hang_ = Hang::none;
    bool missing_ = false;
    bool touched_ = false;
    SimDisk* opener_ = nullptr;
    std::vector<SimDisk*> disks_;  ///< of all processes, open or not
    bool lock_lingers_ = false;    ///< the kernel still works on requests of nobody
    std::vector<Orphan> orphans_;
    std::uint64_t sequence_ = 0;
    SimSectors sectors_;  ///< what reads see
    std::optional<Content> taken_out_;
    std::optional<Content> renamed_;  ///< what is found at the next opening
    bool by_rename_ = false;          ///< what was taken out comes back so, too
    bool returning_ = false;          ///< renamed_ is what was taken out
    std::function<bool()> comes_back_;
    bool stays_in_place() const;
    Bytes label_in_place_;             ///< of the other medium when it was put in
    SimPlatter* exchanged_ = nullptr;  ///< whose medium is here
    static constexpr std::uint64_t label_bytes = 8192;
    Bytes label_area() const;
    std::map<std::uint64_t, std::vector<Version>> volatile_;  ///< per sector: durable first, then what followed
    std::vector<Failure> failures_;
    std::map<std::uint64_t, bool> spoilt_;  ///< by sector: whether somebody tried to read it
    Counters counters_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

/// A RawMedium on a platter: one process' open disk. The platter must outlive it.
class SimDisk final : public RawMedium {
public:
    SimDisk(SimLoop& loop, SimPlatter& platter, std::string name, const SimDiskOptions& options = {});
    ~SimDisk() override;

    void open() override;
    void probe(Callback<Probe> done) override;
    void look_at_name(std::function<void(NameFinding)> done) override;
    const std::string& name() const override { return name_; }

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return up_; }
    Incarnation incarnation() const override { return incarnation_; }
    void submit(Request& request) override;
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

private:
    friend class SimPlatter;
    struct Flight {
        Request* request;
        std::uint64_t sequence_at_submit;  ///< what a flush covers
        Bytes copy;                        ///< of a write's payload, own_buffers only
        bool due = false;                  ///< would have been answered: waits for a hang to end
    };

    void guarded_after(Duration delay, std::function<void()> run);
    void finish(std::uint64_t id);
    void finish_due();
    void end_all(const Error& why, Errc unanswered);
    void go_down(const Error& why, Errc unanswered = Errc::disconnected);
    void sever();
    void orphan_writes(bool torn);
    void fail_all(Errc code);
    void check_closed();

    SimLoop& loop_;
    SimPlatter& platter_;
    std::string name_;
    SimDiskOptions options_;
    Geometry geometry_;
    Incarnation incarnation_;
    bool opening_ = false;
    bool up_ = false;
    bool severed_ = false;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, Flight> flights_;
    std::function<void()> closed_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
