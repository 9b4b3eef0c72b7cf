#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "block/loop.h"
#include "block/pool.h"
#include "disk/disk_job.h"
#include "disk/medium_file.h"
#include "disk/own_buffers.h"
#include "disk/read_history.h"
#include "disk/ring.h"

namespace dst {

/// The requests of one opening of a medium, carried out through one ring. FileDisk feeds it and decides what a failure
/// means; the engine knows no loop, so that it can be left to a thread that waits for the kernel to let go.
class DiskEngine {
public:
    DiskEngine(OpenedMedium medium, std::unique_ptr<Ring> ring, bool own_buffers);
    ~DiskEngine();  ///< idle
    DiskEngine(const DiskEngine&) = delete;
    DiskEngine& operator=(const DiskEngine&) = delete;

    const OpenedMedium& medium() const noexcept { return medium_; }
    Ring& ring() noexcept { return *ring_; }

    /// Takes a checked request and prepares its first step, or completes it at once, which runs its `done`. False when
    /// there is no room now: try again after reap().
    bool start(Request& request, TimePoint now);
    /// Completes what is there, which runs the requests' `done`, and prepares the next steps. True when there was
    /// something.
    bool reap();

    bool idle() const noexcept { return jobs_.empty(); }
    /// When the longest running job was started.
    std::optional<TimePoint> oldest() const noexcept;

    /// Ends every request that the kernel holds only through own buffers, by loop.complete_later. Requests on the
    /// caller's memory go on.
    void cut(Loop& loop, Errc code);

    /// Set when the medium can no longer be trusted: a flush failed.
    bool flush_failed() const noexcept { return flush_failed_; }
    /// An error came that may mean that the medium has gone; cleared by reading.
    bool take_suspicion() noexcept { return std::exchange(suspicious_, false); }

    /// The newest error that a request ended in; cleared by reading.
    struct Failure {
        Errc code;
        Operation operation;
        Extent extent;
    };
    std::optional<Failure> take_failure() noexcept { return std::exchange(failure_, std::nullopt); }

    /// Hands an idle or cut engine's rest to a thread of its own, which destroys it when the kernel has let go.
    static void abandon(std::unique_ptr<DiskEngine> engine);

protected:
    /// The kernel has ended the job's step.
    void arrived(DiskJob& job, int result);

private:
    bool start_transfer(DiskJob& job);
    void start_zeroing(DiskJob& job);
    bool start_hash(DiskJob& job);
    void prepare_transfer(DiskJob& job);
    void prepare_direct(DiskJob& job);
    void prepare_copied(DiskJob& job);
    void prepare_vector(DiskJob& job, Pieces pieces, bool writes);
    void prepare_allocate(DiskJob& job);
    void prepare_zero_fill(DiskJob& job);
    void prepare_hash(DiskJob& job);
    void prepare_sync(DiskJob& job);

    void again(DiskJob& job);
    bool writes_through(const DiskJob& job) const noexcept;
    bool written_through(DiskJob& job, int& result);
    void flush_known(bool flushed);
    void transferred(DiskJob& job, int result);
    void allocated(DiskJob& job, int result);
    void hashed(DiskJob& job, int result);
    void store_digest(DiskJob& job);
    void synced(DiskJob& job, int result);
    void durable(DiskJob& job);
    void doubt_ends();
    void data_done(DiskJob& job);
    void fail(DiskJob& job, int error);
    void finish(DiskJob& job, Errc code);
    void release(DiskJob& job);
    bool drain();

    enum class CacheUse {
        none,    ///< past it
        fill,    ///< through it; it hardly has it yet
        likely,  ///< it was read before
    };
    CacheUse use_of_page_cache(const Request& request, TimePoint now) const;
    bool answer_from_memory(Request& request);
    void make_way_for_write(const Extent& extent);
    void change_failed(const Extent& extent) noexcept;

    bool needs_copy(const DiskJob& job) const noexcept;
    int next_allocate_mode(const DiskJob& job, int after) const noexcept;

    OpenedMedium medium_;
    std::unique_ptr<Ring> ring_;
    bool own_buffers_;
    OwnBuffers buffers_;
    Pool<DiskJob> pool_;
    DiskJobList jobs_;  ///< in the order they were started
    std::size_t running_ = 0;
    std::size_t cached_reads_ = 0;  ///< that the kernel has, through the page cache
    std::size_t zeroing_ = 0;       ///< in the filesystem's hands, whose lock a read of the page cache would wait for
    bool can_punch_ = true;
    bool can_zero_range_ = true;
    bool flush_failed_ = false;
    std::size_t doubts_ = 0;         ///< writes of which it is not known yet whether a flush failed
    std::vector<DiskJob*> doubted_;  ///< wait for that: the kernel says that they are durable
    bool suspicious_ = false;
    std::optional<Failure> failure_;
    std::optional<ReadHistory> history_;  ///< where there is a page cache to read from
};

}  // namespace dst
