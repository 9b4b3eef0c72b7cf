#include "wire/frame.h"

#include <algorithm>

#include "fuzz.h"
#include "wire/crc32c.h"
#include "wire/payload.h"

namespace {

using namespace dst;

void decode_payload(unsigned which, std::span<const std::byte> in) {
    switch (which % 9) {
        case 0: static_cast<void>(wire::decode_hello(in)); return;
        case 1: static_cast<void>(wire::decode_open(in)); return;
        case 2: static_cast<void>(wire::decode_open_answer(in)); return;
        case 3: static_cast<void>(wire::decode_peek(in)); return;
        case 4: static_cast<void>(wire::decode_probe(in)); return;
        case 5: static_cast<void>(wire::decode_promise(in)); return;
        case 6: static_cast<void>(wire::decode_epoch(in)); return;
        case 7: static_cast<void>(wire::decode_label_order(in)); return;
        default:
            static_cast<void>(wire::decode_label_image(in));
            static_cast<void>(wire::printable_reason(in.first(std::min<std::size_t>(in.size(), 512))));
            return;
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::span<const std::byte> in = fuzz::bytes_of(data, size);
    const unsigned mode = fuzz::take_mode(in);
    decode_payload(mode >> 1, in);
    if (in.size() < wire::header_bytes) return 0;
    wire::HeaderBytes bytes;
    std::copy_n(in.begin(), bytes.size(), bytes.begin());
    if ((mode & 1) != 0) {
        const std::uint32_t crc = wire::crc32c(std::span(bytes).first(60));
        for (unsigned i = 0; i < 4; ++i) bytes[60 + i] = static_cast<std::byte>(crc >> (8 * i));
    }
    const Result<wire::Header> header = wire::decode_header(bytes);
    if (header.has_error()) return 0;
    // There is one way to write a header.
    wire::HeaderBytes again;
    wire::encode_header(header.value(), again);
    DST_ASSERT(again == bytes);
    DST_ASSERT(header.value().payload_bytes <= wire::payload_bytes_max);
    return 0;
}
