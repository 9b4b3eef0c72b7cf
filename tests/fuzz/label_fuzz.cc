#include "media/label.h"

#include "sealed.h"

// What decodes, encodes again to what decodes to the same.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dst;
    const Bytes copy = fuzz::sealed_copy(fuzz::bytes_of(data, size), label_magic, sizeof(LabelImage));
    LabelImage image{};
    std::copy(copy.begin(), copy.end(), image.begin());
    const Result<Label> label = decode_label(image);
    if (label.has_error()) return 0;
    const Result<Label> again = decode_label(encode_label(label.value()));
    DST_ASSERT(again.has_value() && again.value() == label.value());
    return 0;
}
