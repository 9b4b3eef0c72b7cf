#pragma once

#include "support/mirror_world.h"

namespace dst {

/// A map as it lies on a member.
inline RegionMap map_on(MirrorWorld& world, std::size_t index, const MapIdentity& identity) {
    MemberMetadata metadata(world.device(index));
    metadata.set_number(static_cast<std::uint32_t>(index) + 1);
    RegionMap map;
    metadata.read_map(world.mirror->record(), identity, [&](Result<RegionMap> read) {
        ASSERT_TRUE(read);
        map = std::move(*read);
    });
    world.loop.run_for(std::chrono::milliseconds(1));
    return map;
}

inline RegionMap intent_on(MirrorWorld& world, std::size_t index) {
    return map_on(world, index, {world.mirror->record().mirror, MapKind::intent, 0});
}

inline RegionMap owed_on(MirrorWorld& world, std::size_t index, std::uint32_t member) {
    return map_on(world, index, {world.mirror->record().mirror, MapKind::owed, member});
}

}  // namespace dst
