// The checksum operation of DiskEngine.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "disk/disk_engine.h"

namespace dst {
namespace {

constexpr std::size_t digest_bytes = 16;

}  // namespace

bool DiskEngine::start_hash(DiskJob& job) {
    job.stage = DiskJob::Stage::hash;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(job.extent.length, OwnBuffers::large_bytes));
    if (!buffers_.take(wanted, job.buffers)) return false;
    job.hash_piece_bytes = job.request->checksum_piece_bytes;
    job.hash_results = 0;
    job.hash_piece_done_bytes = 0;
    XXH3_128bits_reset(&job.hash);
    prepare_hash(job);
    return true;
}

void DiskEngine::prepare_hash(DiskJob& job) {
    // One buffer at a time: hashing it is what the loop is held up for between two other requests.
    const std::uint64_t piece_left = job.hash_piece_bytes - job.hash_piece_done_bytes;
    const std::uint64_t left = std::min(job.extent.length - job.done_bytes, piece_left);
    job.gather.assign(1, job.buffers.front());
    job.gather.front().size = static_cast<std::size_t>(std::min<std::uint64_t>(job.gather.front().size, left));
    prepare_vector(job, job.gather, false);
}

void DiskEngine::hashed(DiskJob& job, int result) {
    if (result < 0) {
        fail(job, -result);
        return;
    }
    const auto moved = static_cast<std::uint64_t>(result);
    if (moved == 0 || (moved != job.round_bytes && moved % medium_.geometry.logical_block_bytes != 0)) {
        fail(job, ENXIO);
        return;
    }
    XXH3_128bits_update(&job.hash, job.gather.front().data, static_cast<std::size_t>(moved));
    job.done_bytes += moved;
    job.hash_piece_done_bytes += moved;
    const bool whole = job.done_bytes == job.extent.length;
    if (whole || job.hash_piece_done_bytes == job.hash_piece_bytes) store_digest(job);
    if (whole) {
        finish(job, Errc::ok);
    } else {
        prepare_hash(job);
    }
}

void DiskEngine::store_digest(DiskJob& job) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&job.hash));
    static_assert(sizeof canonical.digest == digest_bytes);
    std::array<std::byte, digest_bytes> digest;
    std::memcpy(digest.data(), canonical.digest, digest_bytes);
    job.gather.clear();
    slice_pieces(job.request->pieces, job.hash_results * digest_bytes, digest_bytes, job.gather);
    copy_to_pieces(digest, job.gather);
    ++job.hash_results;
    job.hash_piece_done_bytes = 0;
    XXH3_128bits_reset(&job.hash);
}

}  // namespace dst
