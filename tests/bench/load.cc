#include "load.h"

#include <algorithm>

#include "block/buffer.h"

namespace dst::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t latency_us_max = 1'000'000;
constexpr std::uint64_t mib = 1u << 20;

}  // namespace

struct RandomLoad::Slot {
    RandomLoad* owner = nullptr;
    Request request;
    Bytes bytes;
    Piece piece;
    Clock::time_point sent;
};

RandomLoad::RandomLoad(BlockDevice& device, const LoadOptions& options)
    : device_(device),
      options_(options),
      places_(device.geometry().size_bytes / mib * options.places_per_mib),
      latencies_us_(latency_us_max + 1) {
    for (unsigned i = 0; i < options_.depth; ++i) {
        auto slot = std::make_unique<Slot>();
        slot->owner = this;
        slot->bytes.assign(options_.request_bytes, std::byte(i + 1));
        slot->piece = {slot->bytes.data(), slot->bytes.size()};
        slots_.push_back(std::move(slot));
    }
}

RandomLoad::~RandomLoad() = default;

void RandomLoad::start() {
    begun_ = Clock::now();
    in_flight_ = options_.depth;
    for (const auto& slot : slots_) submit(*slot);
}

void RandomLoad::submit(Slot& slot) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const std::uint64_t place = (options_.in_order ? next_place_++ : random_) % places_;
    const std::uint64_t stride = mib / options_.places_per_mib / options_.request_bytes * options_.request_bytes;
    slot.request.operation = options_.reads ? Operation::read : Operation::write;
    slot.request.extent = {place / options_.places_per_mib * mib + place % options_.places_per_mib * stride,
                           options_.request_bytes};
    slot.request.pieces = Pieces(&slot.piece, 1);
    slot.request.owner = &slot;
    slot.request.done = [](Request& request) {
        Slot& ended = *static_cast<Slot*>(request.owner);
        ended.owner->end(ended);
    };
    slot.sent = Clock::now();
    device_.submit(slot.request);
}

void RandomLoad::end(Slot& slot) {
    const auto now = Clock::now();
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - slot.sent).count();
    ++latencies_us_[std::min<std::size_t>(static_cast<std::size_t>(took), latency_us_max)];
    answered_.store(answered() + 1, std::memory_order_relaxed);
    if (slot.request.result != Errc::ok) ++errors_;
    if (!stopping_) return submit(slot);
    ended_ = now;
    --in_flight_;
}

LoadResult RandomLoad::result() const {
    LoadResult result;
    result.answered = answered();
    result.errors = errors_;
    result.per_second = static_cast<double>(result.answered) / std::chrono::duration<double>(ended_ - begun_).count();
    std::uint64_t seen = 0;
    for (std::size_t us = 0; us < latencies_us_.size(); ++us) {
        const std::uint64_t before = seen;
        seen += latencies_us_[us];
        if (before * 2 < result.answered && seen * 2 >= result.answered) result.median_us = static_cast<double>(us);
        if (before * 100 < result.answered * 99 && seen * 100 >= result.answered * 99)
            result.p99_us = static_cast<double>(us);
    }
    return result;
}

}  // namespace dst::bench
