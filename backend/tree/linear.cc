#include "tree/linear.h"

// The streaming state by value.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

Id digest_of(const std::vector<std::uint8_t>& bytes) {
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes.data(), bytes.size()));
    Id id;
    std::copy(std::begin(digest.digest), std::end(digest.digest), id.bytes.begin());
    return id;
}

/// A checksum's piece that lies on both sides of a seam is read in steps of this size.
constexpr std::uint64_t checksum_read_bytes = 256u << 10;

}  // namespace

/// One request, and what became of its parts. Pooled.
struct Linear::Job {
    Linear* linear = nullptr;
    Request* outer = nullptr;
    unsigned pending = 0;
    std::size_t error_child = 0;
    Errc error = Errc::ok;
};

/// The share of one child. Pooled; keeps the room for its slices.
struct Linear::Part {
    Request request;
    Job* job = nullptr;
    std::size_t child = 0;
    std::vector<Piece> slices;
};

/// One checksum request, piece after piece: runs of pieces that lie in one child are the child's to answer; a piece
/// across a seam is read.
struct Linear::Checksum {
    Linear* linear = nullptr;
    Request* outer = nullptr;
    Request request;
    std::vector<Piece> slices;
    std::uint64_t at = 0;     ///< what is summed so far
    std::uint64_t until = 0;  ///< of what `request` is asked for
    bool reading = false;     ///< inside a piece across a seam
    std::uint64_t piece_end = 0;
    XXH3_state_t hash;
    Bytes buffer;
    Piece piece;
};

Linear::Linear(Loop& loop, std::string name, std::vector<BlockDevice*> children)
    : loop_(loop),
      name_(std::move(name)),
      children_(std::move(children)),
      jobs_(std::make_unique<Pool<Job>>()),
      parts_(std::make_unique<Pool<Part>>()),
      announce_task_(loop, [this] { announce(); }) {
    DST_ASSERT(!children_.empty());
    refresh_geometry();
}

Linear::~Linear() { DST_ASSERT(in_flight_ == 0); }

void Linear::refresh_geometry() {
    Geometry geometry;
    geometry.can_unmap = true;
    geometry.fast_zeroes = true;
    bool known = true;
    for (const BlockDevice* child : children_) {
        const Geometry& below = child->geometry();
        geometry.logical_block_bytes = std::max(geometry.logical_block_bytes, below.logical_block_bytes);
        geometry.physical_block_bytes = std::max(geometry.physical_block_bytes, below.physical_block_bytes);
        geometry.can_unmap = geometry.can_unmap && below.can_unmap;
        geometry.fast_zeroes = geometry.fast_zeroes && below.fast_zeroes;
        known = known && below.size_bytes != 0;
    }
    starts_.assign(1, 0);
    const std::uint64_t block = geometry.logical_block_bytes;
    for (const BlockDevice* child : children_) {
        starts_.push_back(starts_.back() + child->geometry().size_bytes / block * block);
    }
    // One child of unknown size leaves everything behind it without an address.
    geometry.size_bytes = known ? starts_.back() : 0;
    geometry_ = geometry;
}

bool Linear::up() const {
    if (closing_) return false;
    return std::all_of(children_.begin(), children_.end(), [](const BlockDevice* child) { return child->up(); });
}

bool Linear::up(const Extent& extent) const {
    for (std::size_t i = 0; i < children_.size(); ++i) {
        if ((extent.empty() || extent.overlaps(child_extent(i))) && !children_[i]->up()) return false;
    }
    return !closing_;
}

Extent Linear::child_extent(std::size_t index) const {
    return {starts_.at(index), starts_.at(index + 1) - starts_.at(index)};
}

Incarnation Linear::incarnation() const {
    std::vector<std::uint8_t> all;
    std::vector<std::uint8_t> files;
    std::vector<std::uint8_t> data;
    bool disks = true;
    bool any_file = false;
    const auto add = [](std::vector<std::uint8_t>& to, const Incarnation& from) {
        to.insert(to.end(), from.id.bytes.begin(), from.id.bytes.end());
    };
    for (const BlockDevice* child : children_) {
        const Incarnation below = child->incarnation();
        add(all, below);
        add(files, file_of(below));
        add(data, data_of(below));
        disks = disks && is_of_disks(below);
        any_file = any_file || file_of(below) != Incarnation{};
    }
    Incarnation named;
    if (!disks) named = data_of({digest_of(data)});
    // Where nothing was known of a part, what is learnt of it counts as another file: it cannot be told from one.
    if (any_file) named = with_other_file(named, digest_of(files));
    return with_other_time(named, digest_of(all));
}

void Linear::on_up(BlockDevice&) { announce_task_.post(); }

void Linear::on_down(BlockDevice&, const Error& why) {
    // A child that goes down and comes up at once has gone down: whoever is above must hear it (M14). That another head
    // has taken over may come out only later (M6).
    if (!announced_up_) {
        if (why.code == Errc::fenced) notify_down(why);
        return;
    }
    announced_up_ = false;
    notify_down(why);
    announce_task_.post();
}

void Linear::announce() {
    if (announced_up_ || !up()) return;
    announced_up_ = true;
    refresh_geometry();
    notify_up();
}

std::size_t Linear::child_at(std::uint64_t offset) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end() - 1, offset);
    return static_cast<std::size_t>(after - starts_.begin()) - 1;
}

void Linear::submit(Request& request) {
    const Errc code = check_request(request, geometry_);
    if (code != Errc::ok) return loop_.complete_later(request, code);
    if (closing_) return loop_.complete_later(request, Errc::cancelled);
    ++in_flight_;
    if (request.operation == Operation::checksum) return start_checksum(request);
    Job& job = jobs_->take();
    job.linear = this;
    job.outer = &request;
    job.error = Errc::ok;
    job.pending = 0;
    if (request.operation == Operation::flush) {
        for (std::size_t child = 0; child < children_.size(); ++child) start_part(job, child, {});
    } else {
        std::uint64_t at = request.extent.offset;
        for (std::size_t child = child_at(at); at < request.extent.end(); ++child) {
            const std::uint64_t end = std::min(request.extent.end(), starts_[child + 1]);
            if (end == at) continue;
            start_part(job, child, {at, end - at});
            at = end;
        }
    }
    DST_ASSERT(job.pending > 0);
}

/// `extent` in the linear's addresses; empty for a flush.
void Linear::start_part(Job& job, std::size_t child, const Extent& extent) {
    const Request& outer = *job.outer;
    Part& part = parts_->take();
    part.job = &job;
    part.child = child;
    Request& request = part.request;
    request.operation = outer.operation;
    request.fua = outer.fua;
    request.extent = extent.empty() ? Extent{} : Extent{extent.offset - starts_[child], extent.length};
    request.pieces = outer.pieces;
    if (!outer.pieces.empty() && extent.length != outer.extent.length) {
        part.slices.clear();
        slice_pieces(outer.pieces, extent.offset - outer.extent.offset, extent.length, part.slices);
        request.pieces = part.slices;
    }
    request.owner = &part;
    request.done = part_done;
    ++job.pending;
    children_[child]->submit(request);
}

void Linear::part_done(Request& request) {
    Part& part = *static_cast<Part*>(request.owner);
    Job& job = *part.job;
    Linear& linear = *job.linear;
    if (request.result != Errc::ok && (job.error == Errc::ok || part.child < job.error_child)) {
        job.error = request.result;
        job.error_child = part.child;
    }
    linear.parts_->give_back(part);
    if (--job.pending == 0) linear.finish(job);
}

void Linear::finish(Job& job) {
    Request& outer = *job.outer;
    const Errc code = job.error;
    jobs_->give_back(job);
    --in_flight_;
    check_closed();
    outer.complete(code);
}

void Linear::start_checksum(Request& request) {
    auto sum = std::make_unique<Checksum>();
    sum->linear = this;
    sum->outer = &request;
    sum->at = request.extent.offset;
    sum->request.owner = sum.get();
    sum->request.done = checksum_done;
    next_checksum(*sum.release());
}

void Linear::next_checksum(Checksum& sum) {
    const Request& outer = *sum.outer;
    const std::uint64_t piece_bytes = outer.checksum_piece_bytes;
    const std::size_t child = child_at(sum.at);
    const std::uint64_t seam = std::min(starts_[child + 1], outer.extent.end());
    const std::uint64_t whole =
        seam == outer.extent.end() ? seam - sum.at : (seam - sum.at) / piece_bytes * piece_bytes;
    if (whole == 0) {
        sum.reading = true;
        sum.piece_end = std::min(sum.at + piece_bytes, outer.extent.end());
        XXH3_128bits_reset(&sum.hash);
        return read_checksum(sum);
    }
    sum.reading = false;
    sum.until = sum.at + whole;
    const std::uint64_t first = (sum.at - outer.extent.offset) / piece_bytes;
    Request& request = sum.request;
    request.operation = Operation::checksum;
    request.extent = {sum.at - starts_[child], whole};
    request.checksum_piece_bytes = outer.checksum_piece_bytes;
    sum.slices.clear();
    slice_pieces(outer.pieces, first * 16, checksum_result_bytes(request.extent, outer.checksum_piece_bytes),
                 sum.slices);
    request.pieces = sum.slices;
    children_[child]->submit(request);
}

void Linear::read_checksum(Checksum& sum) {
    const std::size_t child = child_at(sum.at);
    sum.until = std::min({sum.piece_end, starts_[child + 1], sum.at + checksum_read_bytes});
    sum.buffer.resize(sum.until - sum.at);
    sum.piece = {sum.buffer.data(), sum.buffer.size()};
    Request& request = sum.request;
    request.operation = Operation::read;
    request.extent = {sum.at - starts_[child], sum.until - sum.at};
    request.pieces = Pieces(&sum.piece, 1);
    children_[child]->submit(request);
}

void Linear::checksum_done(Request& request) {
    Checksum& sum = *static_cast<Checksum*>(request.owner);
    sum.linear->checksum_answered(sum, request.result);
}

void Linear::checksum_answered(Checksum& sum, Errc code) {
    Request& outer = *sum.outer;
    if (code == Errc::ok && sum.reading) {
        XXH3_128bits_update(&sum.hash, sum.buffer.data(), sum.buffer.size());
        sum.at = sum.until;
        if (sum.at < sum.piece_end) return read_checksum(sum);
        XXH128_canonical_t digest;
        XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(&sum.hash));
        const std::uint64_t index = (sum.at - 1 - outer.extent.offset) / outer.checksum_piece_bytes;
        sum.slices.clear();
        slice_pieces(outer.pieces, index * 16, 16, sum.slices);
        copy_to_pieces(std::as_bytes(std::span(digest.digest)), sum.slices);
    } else if (code == Errc::ok) {
        sum.at = sum.until;
    }
    if (code == Errc::ok && sum.at < outer.extent.end()) return next_checksum(sum);
    delete &sum;
    --in_flight_;
    check_closed();
    outer.complete(code);
}

void Linear::cut(const Error& why) {
    for (BlockDevice* child : children_) child->cut(why);
}

void Linear::close(std::function<void()> closed) {
    closing_ = true;
    closed_ = std::move(closed);
    check_closed();
}

void Linear::check_closed() {
    if (!closing_ || in_flight_ != 0 || !closed_) return;
    loop_.defer(std::exchange(closed_, nullptr));
}

}  // namespace dst
