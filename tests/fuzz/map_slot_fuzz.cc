#include "media/region_map.h"
#include "sealed.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dst;
    const Bytes copy = fuzz::sealed_copy(fuzz::bytes_of(data, size), map_magic, map_slot_bytes);
    const Result<MapSlotHeader> header = decode_map_slot_header(copy);
    RegionMap map(100, 1u << 20);
    MapIdentity identity;
    if (header.has_value()) identity = header.value().identity;
    const MapSlotChoice choice = choose_map_slot(copy, copy, identity, 0, map);
    DST_ASSERT(choice.good || map.count() == map.regions());
    return 0;
}
