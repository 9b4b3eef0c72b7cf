#pragma once

#include "support/mirror_world.h"

namespace dst {

/// Member 1 misses a write of region 1, and leaves.
inline void drop(MirrorWorld& world) {
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 1)), Errc::ok);
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, region, filled(4096, 2)), Errc::ok);
    ASSERT_FALSE(world.in_sync(1));
    ASSERT_TRUE(world.mirror->wants_back(1));
}

inline std::uint64_t checked_bytes(const FakeDevice& device) {
    std::uint64_t bytes = 0;
    for (const auto& [operation, extent] : device.log) bytes += operation == Operation::checksum ? extent.length : 0;
    return bytes;
}

}  // namespace dst
