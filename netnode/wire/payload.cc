#include "wire/payload.h"

#include <bit>

#include "wire/codec.h"
#include "wire/frame.h"

namespace dst::wire {
namespace {

constexpr std::uint32_t ability_unmap = 1;
constexpr std::uint32_t ability_fast_zeroes = 2;
constexpr std::uint32_t abilities_known = ability_unmap | ability_fast_zeroes;

Error malformed(Kind kind) {
    return {Errc::protocol_error, std::string("a malformed payload of ") + std::string(to_string(kind))};
}

bool good_block(std::uint32_t bytes) noexcept { return std::has_single_bit(bytes) && bytes >= 512 && bytes <= 65536; }

void put_peek(PayloadWriter& out, const Peek& peek) {
    out.put(static_cast<std::uint8_t>(peek.label_state));
    out.put_flag(peek.live.has_value());
    out.put<std::uint16_t>(0);
    const LiveHead live = peek.live.value_or(LiveHead{});
    out.put_epoch(live.epoch);
    out.put_id(peek.incarnation.id);
    out.put_bytes(peek.label);
    out.put_text(std::string_view(live.name).substr(0, name_bytes_max));
}

/// False: a state that is out of range.
bool get_state(PayloadReader& in, LabelState& state) noexcept {
    const auto value = in.get<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(LabelState::unreadable)) return false;
    state = static_cast<LabelState>(value);
    return true;
}

bool get_peek(PayloadReader& in, Peek& peek) {
    if (!get_state(in, peek.label_state)) return false;
    const bool live = in.get_flag();
    if (in.get<std::uint16_t>() != 0) return false;
    const Epoch epoch = in.get_epoch();
    peek.incarnation.id = in.get_id();
    in.get_bytes(peek.label);
    // It goes into messages.
    std::string name = in.get_text(name_bytes_max);
    name = printable_reason(std::as_bytes(std::span(name)));
    if (!in.ok() || (!live && (epoch != Epoch{} || !name.empty()))) return false;
    if (live) peek.live = LiveHead{epoch, std::move(name)};
    return true;
}

}  // namespace

Bytes encode(const Hello& hello) {
    PayloadWriter out;
    out.put(hello.version_min);
    out.put(hello.version_max);
    out.put<std::uint16_t>(0);
    out.put<std::uint32_t>(0);
    out.put(hello.features);
    out.put_text(hello.program);
    return out.take();
}

Result<Hello> decode_hello(std::span<const std::byte> in) {
    PayloadReader from(in);
    Hello hello;
    hello.version_min = from.get<std::uint8_t>();
    hello.version_max = from.get<std::uint8_t>();
    const bool reserved_zero = from.get<std::uint16_t>() == 0 && from.get<std::uint32_t>() == 0;
    hello.features = from.get<std::uint64_t>();
    hello.program = from.get_text(name_bytes_max);
    if (!from.finished() || !reserved_zero || hello.version_min > hello.version_max) return malformed(Kind::hello);
    return hello;
}

Bytes encode(const Open& open) {
    PayloadWriter out;
    out.put_id(open.storage);
    out.put_epoch(open.epoch);
    out.put_id(open.connection);
    out.put_id(open.replaces);
    out.put_text(open.export_name);
    out.put_text(open.place);
    out.put_text(open.head);
    return out.take();
}

Result<Open> decode_open(std::span<const std::byte> in) {
    PayloadReader from(in);
    Open open;
    open.storage = from.get_id();
    open.epoch = from.get_epoch();
    open.connection = from.get_id();
    open.replaces = from.get_id();
    open.export_name = from.get_text(name_bytes_max);
    open.place = from.get_text(name_bytes_max);
    open.head = from.get_text(name_bytes_max);
    const bool named = !open.connection.is_nil() && open.connection != open.replaces && !open.export_name.empty();
    if (!from.finished() || !named) return malformed(Kind::open);
    return open;
}

Bytes encode(const OpenAnswer& answer) {
    PayloadWriter out;
    out.put(answer.geometry.size_bytes);
    out.put(answer.geometry.logical_block_bytes);
    out.put(answer.geometry.physical_block_bytes);
    out.put<std::uint32_t>((answer.geometry.can_unmap ? ability_unmap : 0) |
                           (answer.geometry.fast_zeroes ? ability_fast_zeroes : 0));
    out.put(static_cast<std::uint8_t>(answer.label_state));
    out.put_flag(answer.epoch_accepted);
    out.put<std::uint16_t>(0);
    out.put_id(answer.medium);
    out.put_id(answer.incarnation.id);
    out.put(answer.requests_max);
    out.put(answer.request_bytes_max);
    out.put(answer.range_bytes_max);
    out.put<std::uint32_t>(0);
    out.put(answer.buffer_bytes_max);
    return out.take();
}

Result<OpenAnswer> decode_open_answer(std::span<const std::byte> in) {
    PayloadReader from(in);
    OpenAnswer answer;
    answer.geometry.size_bytes = from.get<std::uint64_t>();
    answer.geometry.logical_block_bytes = from.get<std::uint32_t>();
    answer.geometry.physical_block_bytes = from.get<std::uint32_t>();
    const auto abilities = from.get<std::uint32_t>();
    answer.geometry.can_unmap = (abilities & ability_unmap) != 0;
    answer.geometry.fast_zeroes = (abilities & ability_fast_zeroes) != 0;
    const bool state_good = get_state(from, answer.label_state);
    answer.epoch_accepted = from.get_flag();
    bool reserved_zero = from.get<std::uint16_t>() == 0;
    answer.medium = from.get_id();
    answer.incarnation.id = from.get_id();
    answer.requests_max = from.get<std::uint32_t>();
    answer.request_bytes_max = from.get<std::uint32_t>();
    answer.range_bytes_max = from.get<std::uint32_t>();
    reserved_zero = reserved_zero && from.get<std::uint32_t>() == 0;
    answer.buffer_bytes_max = from.get<std::uint64_t>();

    const std::uint32_t block = answer.geometry.logical_block_bytes;
    const std::uint32_t physical = answer.geometry.physical_block_bytes;
    const bool blocks_good = good_block(block) && std::has_single_bit(physical) && physical >= block &&
                             answer.geometry.size_bytes % block == 0;
    const bool limits_good = answer.requests_max != 0 && answer.request_bytes_max >= 65536 &&
                             answer.request_bytes_max % 65536 == 0 && answer.range_bytes_max >= 65536 &&
                             answer.range_bytes_max % 65536 == 0 && answer.buffer_bytes_max >= answer.request_bytes_max;
    const bool fields_good = state_good && reserved_zero && (abilities & ~abilities_known) == 0;
    if (!from.finished() || !fields_good || !blocks_good || !limits_good) return malformed(Kind::open);
    return answer;
}

Bytes encode(const Peek& peek) {
    PayloadWriter out;
    put_peek(out, peek);
    return out.take();
}

Result<Peek> decode_peek(std::span<const std::byte> in) {
    PayloadReader from(in);
    Peek peek;
    if (!get_peek(from, peek) || !from.finished()) return malformed(Kind::peek);
    return peek;
}

Bytes encode(const Probe& probe) {
    PayloadWriter out;
    out.put(static_cast<std::uint8_t>(probe.label_state));
    out.put_flag(probe.zeroes_known);
    out.put<std::uint16_t>(0);
    out.put_text(std::string_view(probe.found).substr(0, name_bytes_max));
    return out.take();
}

Result<Probe> decode_probe(std::span<const std::byte> in) {
    PayloadReader from(in);
    Probe probe;
    const bool state_good = get_state(from, probe.label_state);
    probe.zeroes_known = from.get_flag();
    const bool reserved_zero = from.get<std::uint16_t>() == 0;
    probe.found = from.get_text(name_bytes_max);
    if (!from.finished() || !state_good || !reserved_zero) return malformed(Kind::probe);
    return probe;
}

Bytes encode(const PromiseOrder& order) {
    PayloadWriter out;
    put_peek(out, order.seen);
    out.put_epoch(order.epoch);
    return out.take();
}

Result<PromiseOrder> decode_promise(std::span<const std::byte> in) {
    PayloadReader from(in);
    PromiseOrder order;
    const bool peek_good = get_peek(from, order.seen);
    order.epoch = from.get_epoch();
    if (!peek_good || !from.finished() || order.epoch.none()) return malformed(Kind::promise);
    return order;
}

Bytes encode(const Epoch& epoch) {
    PayloadWriter out;
    out.put_epoch(epoch);
    return out.take();
}

Result<Epoch> decode_epoch(std::span<const std::byte> in) {
    PayloadReader from(in);
    const Epoch epoch = from.get_epoch();
    if (!from.finished() || epoch.none()) return malformed(Kind::served);
    return epoch;
}

Bytes encode(const LabelOrder& order) {
    PayloadWriter out;
    put_peek(out, order.seen);
    out.put_bytes(order.image);
    return out.take();
}

Result<LabelOrder> decode_label_order(std::span<const std::byte> in) {
    PayloadReader from(in);
    LabelOrder order;
    const bool peek_good = get_peek(from, order.seen);
    from.get_bytes(order.image);
    if (!peek_good || !from.finished()) return malformed(Kind::label);
    return order;
}

Bytes encode(const LabelImage& image) {
    PayloadWriter out;
    out.put_bytes(image);
    return out.take();
}

Result<LabelImage> decode_label_image(std::span<const std::byte> in) {
    PayloadReader from(in);
    LabelImage image{};
    from.get_bytes(image);
    if (!from.finished()) return malformed(Kind::label);
    return image;
}

}  // namespace dst::wire
