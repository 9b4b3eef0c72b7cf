#include "support/vectors.h"

#include <algorithm>

#include "wire/crc32c.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace dst::test {

Id id_of(std::uint8_t value) {
    Id id;
    id.bytes.fill(value);
    return id;
}

namespace {

using wire::Header;
using wire::Kind;

Header order(Kind kind, std::uint64_t request, Extent extent = {}) {
    Header header;
    header.kind = kind;
    header.request = request;
    header.extent = extent;
    return header;
}

Header answer(Header header) {
    header.answer = true;
    header.fua = false;
    return header;
}

Bytes frame(Header header, const Bytes& payload = {}) {
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = payload.empty() ? 0 : wire::crc32c(payload);
    wire::HeaderBytes raw;
    wire::encode_header(header, raw);
    Bytes out(raw.size() + payload.size());
    std::copy(payload.begin(), payload.end(), std::copy(raw.begin(), raw.end(), out.begin()));
    return out;
}

Peek peek() {
    Peek peek;
    peek.label_state = LabelState::valid;
    peek.label.fill(std::byte{0xab});
    peek.incarnation.id = id_of(5);
    peek.live = LiveHead{{3, id_of(7)}, "tgtd[7] on alpha at 10.0.0.1:55066"};
    return peek;
}

wire::OpenAnswer open_answer() {
    wire::OpenAnswer opened;
    opened.geometry = {1u << 30, 512, 4096, true, false};
    opened.label_state = LabelState::valid;
    opened.epoch_accepted = true;
    opened.medium = id_of(6);
    opened.incarnation.id = id_of(5);
    opened.requests_max = 256;
    opened.request_bytes_max = 8u << 20;
    opened.range_bytes_max = 32u << 20;
    opened.buffer_bytes_max = 64u << 20;
    return opened;
}

void add_opening(std::vector<Vector>& out) {
    wire::Hello hello;
    hello.features = wire::feature_payload_checksum;
    hello.program = "dst";
    out.push_back({"hello-order", frame(order(Kind::hello, 1), wire::encode(hello))});
    hello.program = "dst-netnode";
    out.push_back({"hello-answer", frame(answer(order(Kind::hello, 1)), wire::encode(hello))});
    wire::Open open;
    open.export_name = "disk0";
    open.storage = id_of(1);
    open.place = "/2";
    open.epoch = {3, id_of(7)};
    open.head = "tgtd[1] on alpha";
    open.connection = id_of(9);
    open.replaces = id_of(8);
    out.push_back({"open-order", frame(order(Kind::open, 2), wire::encode(open))});
    out.push_back({"open-answer", frame(answer(order(Kind::open, 2)), wire::encode(open_answer()))});
    Header refused = answer(order(Kind::open, 2));
    refused.status = Errc::refused;
    refused.reason = true;
    const std::string text = "not on its list";
    Bytes reason;
    for (const char c : text) reason.push_back(static_cast<std::byte>(c));
    out.push_back({"open-refused", frame(refused, reason)});
    Header notice = answer(order(Kind::close, 0));
    notice.status = Errc::disconnected;
    out.push_back({"close-notice", frame(notice)});
    out.push_back({"close-order", frame(order(Kind::close, 99))});
    out.push_back({"close-answer", frame(answer(order(Kind::close, 99)))});
}

void add_data(std::vector<Vector>& out) {
    const Extent extent{4096, 8};
    const Bytes data{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                     std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
    out.push_back({"read-order", frame(order(Kind::read, 10, extent))});
    out.push_back({"read-answer", frame(answer(order(Kind::read, 10, extent)), data)});
    Header failed = answer(order(Kind::read, 10, extent));
    failed.status = Errc::medium_error;
    out.push_back({"read-failed", frame(failed)});
    Header write = order(Kind::write, 11, extent);
    write.fua = true;
    out.push_back({"write-order", frame(write, data)});
    out.push_back({"write-answer", frame(answer(write))});
    out.push_back({"flush-order", frame(order(Kind::flush, 12))});
    Header flushed = answer(order(Kind::flush, 12));
    flushed.incarnation.id = id_of(5);
    out.push_back({"flush-answer", frame(flushed)});
    out.push_back({"unmap-order", frame(order(Kind::unmap, 13, {0, 1u << 20}))});
    out.push_back({"unmap-answer", frame(answer(order(Kind::unmap, 13, {0, 1u << 20})))});
    out.push_back({"write-zeroes-order", frame(order(Kind::write_zeroes, 14, {0, 1u << 20}))});
    out.push_back({"write-zeroes-answer", frame(answer(order(Kind::write_zeroes, 14, {0, 1u << 20})))});
    Header hash = order(Kind::hash, 15, {0, 6144});
    hash.hash_piece_bytes = 4096;
    out.push_back({"hash-order", frame(hash)});
    out.push_back({"hash-answer", frame(answer(hash), Bytes(32, std::byte{0xcd}))});
    out.push_back({"ping-order", frame(order(Kind::ping, 16))});
    out.push_back({"ping-answer", frame(answer(order(Kind::ping, 16)))});
}

void add_labels(std::vector<Vector>& out) {
    LabelImage image;
    image.fill(std::byte{0xee});
    out.push_back({"peek-order", frame(order(Kind::peek, 20))});
    out.push_back({"peek-answer", frame(answer(order(Kind::peek, 20)), wire::encode(peek()))});
    out.push_back({"probe-order", frame(order(Kind::probe, 21))});
    const Probe probe{LabelState::absent, "ext4 filesystem", false};
    out.push_back({"probe-answer", frame(answer(order(Kind::probe, 21)), wire::encode(probe))});
    const wire::PromiseOrder promise{peek(), {4, id_of(7)}};
    out.push_back({"promise-order", frame(order(Kind::promise, 22), wire::encode(promise))});
    out.push_back({"promise-answer", frame(answer(order(Kind::promise, 22)), wire::encode(image))});
    out.push_back({"served-order", frame(order(Kind::served, 23), wire::encode(Epoch{4, id_of(7)}))});
    out.push_back({"served-answer", frame(answer(order(Kind::served, 23)), wire::encode(image))});
    const wire::LabelOrder label{peek(), image};
    out.push_back({"label-order", frame(order(Kind::label, 24), wire::encode(label))});
    out.push_back({"label-answer", frame(answer(order(Kind::label, 24)), wire::encode(image))});
}

}  // namespace

std::vector<Vector> encoded_vectors() {
    std::vector<Vector> out;
    add_opening(out);
    add_data(out);
    add_labels(out);
    return out;
}

}  // namespace dst::test
