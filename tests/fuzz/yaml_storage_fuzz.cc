#include "fuzz.h"
#include "yaml/load.h"

// Either a value, or mistakes with their places.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dst;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto loaded = yaml::parse_storage(text, "input.yaml", {"/var/lib/dst"});
    if (const auto* mistakes = std::get_if<1>(&loaded)) {
        DST_ASSERT(!mistakes->empty());
        for (const yaml::Mistake& mistake : *mistakes) DST_ASSERT(!mistake.text.empty());
    }
    return 0;
}
