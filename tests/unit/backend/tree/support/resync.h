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

/// Member `index` answers what comes before its next `operation`, and holds everything from there on.
inline bool hold_before(MirrorWorld& world, std::size_t index, Operation operation) {
    FakeDevice& device = world.device(index);
    device.hold();
    const auto holds = [&] {
        while (device.held() != 0 && device.held_request(0).operation != operation) device.answer();
        return device.held() != 0;
    };
    return world.loop.run_until(holds, std::chrono::seconds(20));
}

inline std::uint64_t checked_bytes(const FakeDevice& device) {
    std::uint64_t bytes = 0;
    for (const auto& [operation, extent] : device.log) bytes += operation == Operation::checksum ? extent.length : 0;
    return bytes;
}

}  // namespace dst
