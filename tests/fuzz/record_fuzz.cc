#include "media/record.h"

#include "sealed.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dst;
    const Bytes copy = fuzz::sealed_copy(fuzz::bytes_of(data, size), record_magic, record_copy_bytes);
    const Result<DecodedRecord> decoded = decode_record(copy);
    if (decoded.has_error()) return 0;
    const Result<Bytes> encoded = encode_record(decoded.value().record, decoded.value().sequence);
    if (encoded.has_error()) return 0;  // what was read may just not fit any more
    const Result<DecodedRecord> again = decode_record(encoded.value());
    DST_ASSERT(again.has_value() && again.value().sequence == decoded.value().sequence);
    static_cast<void>(compare_descent(again.value().record, decoded.value().record));
    return 0;
}
