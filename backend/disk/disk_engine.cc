#include "disk/disk_engine.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "asio/worker.h"
#include "block/assert.h"

namespace dst {

static_assert(sizeof(Piece) == sizeof(iovec) && offsetof(Piece, data) == offsetof(iovec, iov_base) &&
              offsetof(Piece, size) == offsetof(iovec, iov_len));

namespace {

/// Own buffers of one request at once; a larger one goes in rounds.
constexpr std::uint64_t round_bytes_max = 4u << 20;

constexpr std::size_t zero_bytes = 256u << 10;
constexpr std::size_t zero_pieces_max = 16;

std::byte* zeroes() {
    alignas(OwnBuffers::alignment) static std::array<std::byte, zero_bytes> memory{};
    return memory.data();
}

bool missing_ability(int error) { return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL; }

bool transient(int error) { return error == EINTR || error == EAGAIN; }

/// What no failed flush is told as: no room, a bad sector, no permission, no memory.
bool of_the_write_alone(int error) {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
        case ENODATA:
        case EILSEQ:
        case EINVAL:
        case EROFS:
        case EPERM:
        case EACCES:
        case ENOMEM:
        case EOPNOTSUPP: return true;
        default: return false;
    }
}

/// What a disk's failure is to the caller, whose arguments and permissions were checked before. The kernel's own
/// time-out is a failure like others: the disk stays up, and that was its answer.
Errc disk_error(int error) {
    switch (errc_from_errno(error)) {
        case Errc::medium_error: return Errc::medium_error;
        case Errc::no_space: return Errc::no_space;
        case Errc::out_of_resources: return Errc::out_of_resources;
        default: return Errc::io_error;
    }
}

/// Cuts the list after `bytes`.
void trim(std::vector<Piece>& pieces, std::uint64_t bytes) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        pieces[i].size = static_cast<std::size_t>(std::min<std::uint64_t>(pieces[i].size, bytes));
        bytes -= pieces[i].size;
        if (bytes == 0) {
            pieces.resize(i + 1);
            return;
        }
    }
}

}  // namespace

DiskEngine::DiskEngine(OpenedMedium medium, std::unique_ptr<Ring> ring, bool own_buffers)
    : medium_(std::move(medium)), ring_(std::move(ring)), own_buffers_(own_buffers) {
    if (medium_.page_cache) history_.emplace(cacheable_bytes());
}

DiskEngine::~DiskEngine() { DST_ASSERT(jobs_.empty()); }

std::optional<TimePoint> DiskEngine::oldest() const noexcept {
    if (jobs_.empty()) return std::nullopt;
    return jobs_.front().started;
}

bool DiskEngine::needs_copy(const DiskJob& job) const noexcept {
    if (own_buffers_) return true;
    if (!medium_.direct || job.page_cache) return false;
    const std::uintptr_t mask = medium_.geometry.logical_block_bytes - 1;
    const Pieces pieces = job.request->pieces;
    return std::any_of(pieces.begin(), pieces.end(), [mask](const Piece& piece) {
        return ((reinterpret_cast<std::uintptr_t>(piece.data) | piece.size) & mask) != 0;
    });
}

bool DiskEngine::start(Request& request, TimePoint now) {
    if (running_ == Ring::entries) return false;
    const CacheUse use = use_of_page_cache(request, now);
    if (use == CacheUse::likely && answer_from_memory(request)) return true;
    DiskJob& job = pool_.take();
    job.request = &request;
    job.operation = request.operation;
    job.extent = request.extent;
    job.fua = request.fua;
    job.copied = false;
    job.zeroing = false;
    job.failed_through = 0;
    job.page_cache = use != CacheUse::none;
    job.done_bytes = 0;
    job.started = now;
    bool started = true;
    switch (request.operation) {
        case Operation::read:
        case Operation::write: started = start_transfer(job); break;
        case Operation::write_zeroes:
        case Operation::unmap: start_zeroing(job); break;
        case Operation::checksum: started = start_hash(job); break;
        case Operation::flush: prepare_sync(job); break;
    }
    if (!started) {
        pool_.give_back(job);
        return false;
    }
    if (history_ && request.operation == Operation::read) history_->read(request.extent);
    jobs_.push_back(job);
    ++running_;
    if (job.page_cache) ++cached_reads_;
    return true;
}

bool DiskEngine::start_transfer(DiskJob& job) {
    job.stage = DiskJob::Stage::transfer;
    job.copied = needs_copy(job);
    if (job.copied) {
        const auto wanted = static_cast<std::size_t>(std::min(job.extent.length, round_bytes_max));
        if (!buffers_.take(wanted, job.buffers)) return false;
    }
    prepare_transfer(job);
    return true;
}

void DiskEngine::prepare_transfer(DiskJob& job) {
    if (job.copied) {
        prepare_copied(job);
    } else {
        prepare_direct(job);
    }
}

void DiskEngine::prepare_direct(DiskJob& job) {
    const bool writes = job.operation == Operation::write;
    Pieces pieces = job.request->pieces;
    if (job.done_bytes != 0) {
        job.gather.clear();
        slice_pieces(pieces, job.done_bytes, job.extent.length - job.done_bytes, job.gather);
        pieces = job.gather;
    }
    prepare_vector(job, pieces, writes);
}

void DiskEngine::prepare_copied(DiskJob& job) {
    const bool writes = job.operation == Operation::write;
    std::uint64_t room = total_size(job.buffers);
    room = std::min(room, job.extent.length - job.done_bytes);
    job.gather = job.buffers;
    trim(job.gather, room);
    if (writes) copy_between({job.request->pieces, job.done_bytes}, {job.gather, 0}, room);
    prepare_vector(job, job.gather, writes);
}

void DiskEngine::prepare_vector(DiskJob& job, Pieces pieces, bool writes) {
    pieces = pieces.first(std::min<std::size_t>(pieces.size(), IOV_MAX));
    job.round_bytes = total_size(pieces);
    io_uring_sqe& entry = ring_->prepare();
    const int fd = job.page_cache ? medium_.page_cache.get() : medium_.fd->get();
    const std::uint64_t offset = job.extent.offset + job.done_bytes;
    const auto* vector = reinterpret_cast<const iovec*>(pieces.data());
    const auto count = static_cast<unsigned>(pieces.size());
    if (writes) {
        // Without O_DIRECT the data wait in the page cache together with other writes', so that a failure to make them
        // durable is a failed flush: that goes through the sync stage, where it is counted as one.
        const int flags = writes_through(job) && job.failed_through == 0 ? RWF_DSYNC : 0;
        if (flags != 0) medium_.incarnation->flush_begins();
        make_way_for_write({offset, job.round_bytes});
        io_uring_prep_writev2(&entry, fd, vector, count, offset, flags);
    } else {
        io_uring_prep_readv(&entry, fd, vector, count, offset);
    }
    io_uring_sqe_set_data(&entry, &job);
}

int DiskEngine::next_allocate_mode(const DiskJob& job, int after) const noexcept {
    constexpr int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    constexpr int zero = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
    const int first = job.operation == Operation::unmap ? punch : zero;
    const int second = first == punch ? zero : punch;
    const auto possible = [this](int mode) { return mode == punch ? can_punch_ : can_zero_range_; };
    if (after == 0 && possible(first)) return first;
    if (after != second && possible(second)) return second;
    return 0;
}

void DiskEngine::start_zeroing(DiskJob& job) {
    job.allocate_mode = next_allocate_mode(job, 0);
    if (job.allocate_mode != 0) {
        prepare_allocate(job);
    } else {
        prepare_zero_fill(job);
    }
}

void DiskEngine::prepare_allocate(DiskJob& job) {
    job.stage = DiskJob::Stage::allocate;
    if (!std::exchange(job.zeroing, true)) ++zeroing_;
    io_uring_sqe& entry = ring_->prepare();
    // liburing 2.3 takes signed 64-bit numbers; extents lie within the medium, whose size is an off_t.
    io_uring_prep_fallocate(&entry, medium_.fd->get(), job.allocate_mode, static_cast<off_t>(job.extent.offset),
                            static_cast<off_t>(job.extent.length));
    io_uring_sqe_set_data(&entry, &job);
}

void DiskEngine::prepare_zero_fill(DiskJob& job) {
    job.stage = DiskJob::Stage::zero_fill;
    job.gather.assign(zero_pieces_max, Piece{zeroes(), zero_bytes});
    trim(job.gather, job.extent.length - job.done_bytes);
    job.round_bytes = total_size(job.gather);
    io_uring_sqe& entry = ring_->prepare();
    io_uring_prep_writev(&entry, medium_.fd->get(), reinterpret_cast<const iovec*>(job.gather.data()),
                         static_cast<unsigned>(job.gather.size()), job.extent.offset + job.done_bytes);
    io_uring_sqe_set_data(&entry, &job);
}

void DiskEngine::prepare_sync(DiskJob& job) {
    job.stage = DiskJob::Stage::sync;
    medium_.incarnation->flush_begins();
    io_uring_sqe& entry = ring_->prepare();
    io_uring_prep_fsync(&entry, medium_.fd->get(), IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data(&entry, &job);
}

bool DiskEngine::reap() {
    Ring::Completion completion;
    bool any = false;
    while (ring_->take(completion)) {
        any = true;
        arrived(*static_cast<DiskJob*>(completion.data), completion.result);
    }
    return any;
}

void DiskEngine::arrived(DiskJob& job, int result) {
    if (job.stage == DiskJob::Stage::sync) {
        synced(job, result);
        return;
    }
    if (writes_through(job) && written_through(job, result)) return;
    if (job.request == nullptr) {
        release(job);
        return;
    }
    if (result < 0 && transient(-result)) {
        again(job);
        return;
    }
    switch (job.stage) {
        case DiskJob::Stage::transfer:
        case DiskJob::Stage::zero_fill: transferred(job, result); return;
        case DiskJob::Stage::allocate: allocated(job, result); return;
        case DiskJob::Stage::hash: hashed(job, result); return;
        case DiskJob::Stage::sync: return;
    }
}

void DiskEngine::again(DiskJob& job) {
    switch (job.stage) {
        case DiskJob::Stage::transfer: prepare_transfer(job); return;
        case DiskJob::Stage::zero_fill: prepare_zero_fill(job); return;
        case DiskJob::Stage::allocate: prepare_allocate(job); return;
        case DiskJob::Stage::hash: prepare_hash(job); return;
        case DiskJob::Stage::sync: return;
    }
}

/// Durable when it ends: the kernel writes, and flushes the disk's cache where the disk knows no such write.
bool DiskEngine::writes_through(const DiskJob& job) const noexcept {
    return job.operation == Operation::write && job.fua && medium_.direct;
}

/// Whether the write failed or the flush nobody says, and of a flush that failed the kernel tells once. The data are
/// written first: when they can be written without a flush, it was the flush. True: that is being tried.
bool DiskEngine::written_through(DiskJob& job, int& result) {
    if (job.failed_through == 0) {
        const bool clear = result >= 0 || transient(-result) || of_the_write_alone(-result);
        if (!clear && job.request != nullptr) {
            job.failed_through = -result;
            ++doubts_;
            prepare_transfer(job);
            return true;
        }
        flush_known(clear);
        return false;
    }
    if (result < 0 && transient(-result) && job.request != nullptr) return false;
    flush_known(result < 0);
    result = -job.failed_through;
    --doubts_;
    if (doubts_ == 0 || flush_failed_) doubt_ends();
    return false;
}

/// What began with a flush has ended.
void DiskEngine::flush_known(bool flushed) {
    medium_.incarnation->flush_ended(flushed);
    if (!flushed) flush_failed_ = true;
}

void DiskEngine::transferred(DiskJob& job, int result) {
    if (result < 0) {
        fail(job, -result);
        return;
    }
    const auto moved = static_cast<std::uint64_t>(result);
    // Nothing, or part of a block: the end of a medium that has become smaller.
    if (moved == 0 || (moved != job.round_bytes && moved % medium_.geometry.logical_block_bytes != 0)) {
        fail(job, ENXIO);
        return;
    }
    if (job.copied && job.operation == Operation::read) {
        copy_between({job.gather, 0}, {job.request->pieces, job.done_bytes}, moved);
    }
    job.done_bytes += moved;
    if (job.done_bytes == job.extent.length) {
        data_done(job);
    } else {
        again(job);
    }
}

void DiskEngine::allocated(DiskJob& job, int result) {
    if (result >= 0) {
        data_done(job);
        return;
    }
    if (!missing_ability(-result)) {
        fail(job, -result);
        return;
    }
    if (-result != EINVAL) {
        (job.allocate_mode & FALLOC_FL_PUNCH_HOLE ? can_punch_ : can_zero_range_) = false;
    }
    job.allocate_mode = next_allocate_mode(job, job.allocate_mode);
    if (job.allocate_mode != 0) {
        prepare_allocate(job);
    } else {
        prepare_zero_fill(job);
    }
}

void DiskEngine::data_done(DiskJob& job) {
    const bool from_disk = job.stage == DiskJob::Stage::transfer && medium_.direct;
    if (!job.fua || (from_disk && job.operation == Operation::read)) return finish(job, Errc::ok);
    from_disk ? durable(job) : prepare_sync(job);
}

/// So says the kernel. But of a flush that failed it tells one only, and whoever asks next is told nothing.
void DiskEngine::durable(DiskJob& job) {
    if (job.request == nullptr) {
        release(job);
    } else if (flush_failed_) {
        fail(job, EIO);
    } else if (doubts_ != 0) {
        doubted_.push_back(&job);
    } else {
        finish(job, Errc::ok);
    }
}

void DiskEngine::doubt_ends() {
    const std::vector<DiskJob*> doubted = std::exchange(doubted_, {});
    for (DiskJob* job : doubted) durable(*job);
}

void DiskEngine::synced(DiskJob& job, int result) {
    medium_.incarnation->flush_ended(result >= 0);
    if (result < 0) {
        flush_failed_ = true;
        doubt_ends();
    }
    if (job.request == nullptr) {
        release(job);
    } else if (result < 0) {
        fail(job, -result);
    } else {
        durable(job);
    }
}

void DiskEngine::fail(DiskJob& job, int error) {
    suspicious_ = true;
    if (changes_data(job.operation)) change_failed(job.extent);
    failure_ = Failure{disk_error(error), job.operation, job.extent};
    finish(job, disk_error(error));
}

void DiskEngine::finish(DiskJob& job, Errc code) {
    Request& request = *job.request;
    release(job);
    request.complete(code);
}

void DiskEngine::release(DiskJob& job) {
    job.request = nullptr;
    if (std::exchange(job.zeroing, false)) --zeroing_;
    if (job.page_cache) --cached_reads_;
    buffers_.give_back(job.buffers);
    jobs_.erase(DiskJobList::s_iterator_to(job));
    --running_;
    pool_.give_back(job);
}

void DiskEngine::cut(Loop& loop, Errc code) {
    for (DiskJob& job : jobs_) {
        const bool on_caller_memory = job.stage == DiskJob::Stage::transfer && !job.copied;
        if (job.request == nullptr || on_caller_memory) continue;
        loop.complete_later(*std::exchange(job.request, nullptr), code);
    }
}

bool DiskEngine::drain() {
    static_cast<void>(ring_->submit());
    Ring::Completion completion;
    while (!jobs_.empty()) {
        if (!ring_->wait(completion)) return false;
        arrived(*static_cast<DiskJob*>(completion.data), completion.result);
    }
    return true;
}

void DiskEngine::abandon(std::unique_ptr<DiskEngine> engine) {
    if (engine->idle()) return;
    // What cannot be waited for is left as it is: memory that the kernel may still write to is never given back.
    DiskEngine* rest = engine.release();
    std::thread thread;
    const Result<void> started = start_thread(thread, "dst-drain", [rest] {
        if (rest->drain()) delete rest;
    });
    if (started.has_value()) thread.detach();
}

}  // namespace dst
