#include "client.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace dst::sim {
namespace {

/// What memory holds while it waits to be filled, and when it was given back.
constexpr std::byte untouched{0xa5};
constexpr std::byte given_back{0x5a};
/// More than a session sends in one piece.
constexpr std::uint64_t large_data_bytes = 12u << 20;
/// So many requests are ended while one that hangs may still write to memory that was given back.
constexpr std::size_t retired_max = 1024;
/// How long after its time a request may be answered: a head looks at what it holds every 200 ms, and so do we.
constexpr Duration answer_slack = std::chrono::seconds(2);

/// What may be sent again, since nobody has said what became of it.
bool is_loss(Errc code) {
    return code == Errc::not_ready || code == Errc::disconnected || code == Errc::timed_out ||
           code == Errc::incarnation_changed;
}

/// Compares the memory with itself, one byte further: the C library does that in words.
bool all_given_back(const Bytes& memory) {
    return memory.empty() ||
           (memory[0] == given_back && std::memcmp(memory.data(), memory.data() + 1, memory.size() - 1) == 0);
}

}  // namespace

struct Client::Flight : Request {
    Client* client = nullptr;
    std::uint64_t sequence = 0;
    Value value = 0;
    std::uint64_t flush_mark = 0;
    TimePoint begun;
    TimePoint alone;  ///< since when no earlier request keeps its range
    bool late = false;
    bool disowned = false;    ///< its answer means nothing: the head died, or was superseded
    bool superseded = false;  ///< sent when another head served
    bool lost = false;        ///< a flush, and what it is about may be lost since
    Bytes memory;
    std::vector<Piece> parts;
    std::list<std::unique_ptr<Flight>>::iterator where;
};

/// The later one of the two waits for the other.
bool Client::conflict(const Flight& one, const Flight& other) {
    return (changes_data(one.operation) || changes_data(other.operation)) && one.extent.overlaps(other.extent);
}

Client::Client(Trace& trace, std::string name, Oracle& oracle, SharedCounts& counts, const ClientOptions& options)
    : trace_(trace),
      loop_(trace.loop()),
      name_(std::move(name)),
      oracle_(oracle),
      counts_(counts),
      options_(options),
      timer_(trace.loop(), [this] { next(); }) {}

Client::~Client() = default;

void Client::start(BlockDevice& device) {
    device_ = &device;
    timer_.start(Duration::zero());
}

void Client::next() {
    if (device_ == nullptr) return;
    if (loop_.now() < counts_.silent_until) return timer_.start(counts_.silent_until - loop_.now());
    const std::uint64_t burst = 1 + loop_.below(options_.depth);
    for (std::uint64_t i = 0; i < burst && flights_.size() < options_.depth; ++i) send();
    timer_.start(loop_.between(Duration::zero(), options_.think_max));
}

bool Client::busy(const Extent& extent) const {
    return std::any_of(flights_.begin(), flights_.end(),
                       [&extent](const auto& flight) { return flight->extent.overlaps(extent); });
}

Extent Client::pick_extent() {
    const Geometry& geometry = device_->geometry();
    const std::uint64_t block = geometry.logical_block_bytes;
    std::uint64_t limit = geometry.size_bytes;
    if (loop_.chance(800)) limit = std::min(limit, options_.hot_bytes);
    const std::uint64_t blocks = limit / block;
    const std::uint64_t offset = loop_.below(blocks) * block;
    const std::uint64_t longest = std::min(loop_.chance(700) ? 8 * block : options_.request_bytes_max, limit - offset);
    const std::uint64_t length = (1 + loop_.below(longest / block)) * block;
    // Hot requests lie around the seams of a linear as well, not only at the front.
    if (loop_.chance(200)) {
        const std::uint64_t place = loop_.below(options_.seams.size() + 1);
        const std::uint64_t seam = place == 0 ? geometry.size_bytes / 2 : options_.seams[place - 1];
        const std::uint64_t middle = seam / block * block;
        if (middle > length && middle + length < geometry.size_bytes)
            return {middle - length / 2 / block * block, length};
    }
    return {offset, length};
}

// Of several pieces.
Extent Client::pick_large(Operation operation) {
    const Geometry& geometry = device_->geometry();
    const std::uint64_t block = geometry.logical_block_bytes;
    const bool data = operation == Operation::write || operation == Operation::read;
    const std::uint64_t longest = std::min(data ? large_data_bytes : options_.large_bytes_max, geometry.size_bytes);
    const std::uint64_t length = (1 + loop_.below(longest / block)) * block;
    return {loop_.below((geometry.size_bytes - length) / block + 1) * block, length};
}

void Client::prepare(Flight& flight) {
    flight.memory.assign(flight.extent.length, untouched);
    std::size_t at = 0;
    while (at < flight.memory.size()) {
        const std::size_t part =
            std::min<std::size_t>(flight.memory.size() - at,
                                  loop_.chance(500) ? flight.memory.size() : 1 + loop_.below(flight.memory.size()));
        flight.parts.push_back({flight.memory.data() + at, part});
        at += part;
    }
    flight.pieces = flight.parts;
}

void Client::send() {
    auto made = std::make_unique<Flight>();
    Flight& flight = *made;
    const std::uint64_t dice = loop_.below(100);
    flight.operation = dice < 40   ? Operation::write
                       : dice < 78 ? Operation::read
                       : dice < 86 ? Operation::flush
                       : dice < 93 ? Operation::write_zeroes
                                   : Operation::unmap;
    if (flight.operation != Operation::flush) flight.extent = pick_extent();
    const bool discard = flight.operation == Operation::write_zeroes || flight.operation == Operation::unmap;
    if (options_.large_bytes_max != 0 && flight.operation != Operation::flush && loop_.chance(discard ? 300 : 5)) {
        flight.extent = pick_large(flight.operation);
    }
    if (!options_.may_overlap && busy(flight.extent)) return;
    flight.fua = changes_data(flight.operation) && loop_.chance(200);
    flight.client = this;
    flight.owner = this;
    flight.done = &Client::done;
    flight.sequence = ++counts_.sequence;
    flight.begun = flight.alone = counts_.last_sent = loop_.now();
    if (flights_.empty()) busy_since_ = loop_.now();
    flight.flush_mark = oracle_.flush_begun();
    if (flight.operation == Operation::write || flight.operation == Operation::read) prepare(flight);
    if (flight.operation == Operation::write) {
        flight.value = ++counts_.value;
        fill_sectors(flight.memory, flight.extent.offset, flight.value);
    }
    flight.superseded = superseded_;
    // What is sent by a head that another one has overtaken, no read may return.
    if (changes_data(flight.operation) && !superseded_) {
        oracle_.write_begun(flight.sequence, flight.extent, flight.value);
    }
    flights_.push_back(std::move(made));
    flight.where = std::prev(flights_.end());
    ++counts_.submitted;
    device_->submit(flight);
}

void Client::done(Request& request) {
    auto& flight = static_cast<Flight&>(request);
    flight.client->finished(flight);
}

void Client::finished(Flight& flight) {
    check_loss(flight);
    if (flight.result == Errc::ok) {
        gave_up_ = false;
        met_loss_.reset();
        succeeded_ = loop_.now();
    }
    if (flight.result != Errc::ok && !met_loss_) met_loss_ = std::max(busy_since_, succeeded_);
    if (!is_loss(flight.result) && !gave_up_) answered_ = loop_.now();
    for (const auto& other : flights_) {
        if (other->sequence > flight.sequence && conflict(flight, *other)) other->alone = loop_.now();
    }
    if (!flight.disowned) judge(flight);
    retire(flight);
}

void Client::judge(Flight& flight) {
    trace_.coverage().count(std::string(to_string(flight.operation)) + " answered " +
                            std::string(to_token(flight.result)));
    if (flight.result != Errc::ok) {
        ++counts_.failed;
        check_not_ready(flight);
        trace_.line(name_, describe(flight) + " answered " + std::string(to_string(flight.result)));
        if (changes_data(flight.operation)) oracle_.write_unknown(flight.sequence, flight.extent);
        return;
    }
    if (flight.superseded) {
        trace_.finding("M6", name_ + ": " + describe(flight) + " succeeded although another head serves");
        return;
    }
    if (flight.lost) {
        trace_.finding("M10", name_ + ": " + describe(flight) + " succeeded although what it is about may be lost");
        return;
    }
    if (flight.operation == Operation::flush && untold_since_ && flight.sequence > *untold_since_) {
        trace_.finding("M10", name_ + ": " + describe(flight) + " succeeded, and nobody was told what is lost");
        return;
    }
    ++counts_.succeeded;
    check_order(flight);
    if (changes_data(flight.operation)) {
        oracle_.write_acknowledged(flight.sequence, flight.extent, flight.fua || options_.write_through);
    } else if (flight.operation == Operation::flush) {
        oracle_.flush_acknowledged(flight.flush_mark, flight.sequence);
    } else {
        std::string wrong = oracle_.check_read(flight.sequence, flight.extent, flight.memory);
        if (!wrong.empty() && options_.before_verdict) {
            options_.before_verdict();
            wrong = oracle_.check_read(flight.sequence, flight.extent, flight.memory);
        }
        if (!wrong.empty()) trace_.finding("M1", name_ + ": " + describe(flight) + ": " + wrong);
    }
}

void Client::check_order(const Flight& flight) {
    if (flight.operation == Operation::flush) return;
    for (const auto& other : flights_) {
        if (other->sequence >= flight.sequence) return;
        if (other->disowned) continue;
        if (!conflict(flight, *other)) continue;
        trace_.finding("M11", name_ + ": " + describe(flight) + " ended before " + describe(*other));
    }
}

// The memory is the client's again: it is filled with something else, and nobody may change it from now on.
void Client::retire(Flight& flight) {
    std::fill(flight.memory.begin(), flight.memory.end(), given_back);
    auto mine = std::move(*flight.where);
    flights_.erase(flight.where);
    retired_.push_back(std::move(mine));
    if (retired_.size() > retired_max) {
        check_memory();
        retired_.erase(retired_.begin(), retired_.begin() + retired_max / 2);
    }
}

void Client::abandon() {
    stop();
    abandoned_ = true;
    disown();
}

void Client::supersede() {
    superseded_ = true;
    disown();
}

void Client::data_lost() {
    if (options_.write_through) return;
    untold_since_.reset();
    for (const auto& flight : flights_) flight->lost = flight->operation == Operation::flush;
}

void Client::disown() {
    for (const auto& flight : flights_) {
        if (flight->disowned) continue;
        flight->disowned = true;
        if (changes_data(flight->operation)) oracle_.write_unknown(flight->sequence, flight->extent);
    }
}

void Client::check_memory() {
    for (const auto& flight : retired_) {
        if (!all_given_back(flight->memory))
            trace_.finding("M12", name_ + ": the memory of " + describe(*flight) + " was written to afterwards");
    }
}

void Client::check_answers(bool lost) {
    if (!lost) lost_since_.reset();
    if (lost && !lost_since_) lost_since_ = loop_.now();
    for (const auto& flight : flights_) {
        if (flight->late || abandoned_) continue;
        check_loss(*flight);
        if (loop_.now() - flight->begun < options_.answer_limit) continue;
        flight->late = true;
        trace_.finding("progress", name_ + ": " + describe(*flight) + " has no answer");
    }
}

// M10: one that cannot be answered is held for so long, and what hangs below is cut off after so long; what waits for
// an earlier one may wait as long again. With nothing there it is held and no longer; or not at all, after give-up.
void Client::check_loss(const Flight& flight) {
    if (!options_.loss || abandoned_ || superseded_ || head_closes_ || flight.late) return;
    const TimePoint now = loop_.now();
    const auto late = [&](const std::string& why) {
        trace_.finding("M10", name_ + ": " + describe(flight) + " is not answered " + why);
    };
    if (now - flight.alone > options_.loss->hold + options_.loss->cut + options_.loss->journal + answer_slack) {
        return late("when it was held, and what hangs was to be cut off");
    }
    if (!lost_since_) return;
    const TimePoint lost = *lost_since_ + options_.loss->patience;
    const TimePoint able = std::max(flight.alone + options_.loss->patience, lost);
    const TimePoint held = std::max(able, flight.begun + options_.loss->hold);
    // An answer of any member counts for that, also one that a resync got.
    const TimePoint given_up = std::max(able, std::max(quiet_since(), lost) + options_.loss->give_up);
    if (now > held + answer_slack) return late("after on_loss.hold");
    if (now > given_up + answer_slack) late("after on_loss.give_up");
}

// Later than that they fail.
void Client::check_not_ready(const Flight& flight) {
    if (!options_.loss || flight.result != Errc::not_ready) return;
    // With nothing there a pause does not begin that time again.
    const bool nothing_there = lost_since_ && met_loss_;
    const TimePoint since = nothing_there ? std::max(*met_loss_, *lost_since_ + options_.loss->patience)
                                          : quiet_since() + options_.loss->cut + options_.loss->journal;
    if (loop_.now() - since <= options_.loss->give_up + answer_slack) return;
    trace_.finding("M10", name_ + ": " + describe(flight) + " is to be sent again after on_loss.give_up");
}

void Client::gave_up() {
    gave_up_ = true;
    // A pause does not end a loss that was met before. Not every error is an answer of what is below.
    const TimePoint since = met_loss_ ? *met_loss_ : std::max(busy_since_, succeeded_);
    if (!options_.loss || loop_.now() - since >= options_.loss->give_up) return;
    trace_.finding("M10", name_ + " is given up before on_loss.give_up");
}

std::string Client::describe(const Flight& flight) const {
    std::string text = "#" + std::to_string(flight.sequence) + " " + std::string(to_string(flight.operation));
    if (flight.fua) text += " fua";
    if (flight.operation == Operation::flush) return text;
    text += " " + std::to_string(flight.extent.offset) + "+" + std::to_string(flight.extent.length);
    return flight.value == 0 ? text : text + " value " + std::to_string(flight.value);
}

}  // namespace dst::sim
