// A mirror whose size is no multiple of its pieces: what lies behind its end is not its own. On a member the maps do.
#include <gtest/gtest.h>

#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t odd_size = 3 * region + 512;

/// The members have other bytes each before the end and behind it.
void differ_at_the_end(MirrorWorld& world) {
    for (std::size_t i = 0; i < world.devices.size(); ++i) {
        const auto value = static_cast<unsigned char>(i + 1);
        world.device(i).put(odd_size - 512, filled(1024, value));
    }
}

void expect_only_the_end_is_equal(MirrorWorld& world) {
    EXPECT_EQ(world.device(0).bytes(odd_size - 512, 512), world.device(1).bytes(odd_size - 512, 512));
    EXPECT_EQ(world.device(0).bytes(odd_size, 512), filled(512, 1));
    EXPECT_EQ(world.device(1).bytes(odd_size, 512), filled(512, 2));
}

TEST(MirrorOddSize, M8NothingBehindTheEndIsCopied) {
    MirrorWorld world(2, spec::ReadPreference::automatic, nullptr, odd_size);
    drop(world);
    differ_at_the_end(world);
    world.device(1).log.clear();
    world.admit(1, true);
    ASSERT_TRUE(world.loop.run_until([&] { return world.in_sync(1); }, seconds(10)));
    EXPECT_GE(checked_bytes(world.device(1)), odd_size);
    for (const auto& [operation, extent] : world.device(1).log) {
        EXPECT_TRUE(operation != Operation::checksum || extent.end() <= odd_size) << extent.offset;
    }
    expect_only_the_end_is_equal(world);
}

TEST(MirrorOddSize, M4NothingBehindTheEndIsReconciled) {
    MirrorWorld world(2, spec::ReadPreference::automatic, differ_at_the_end, odd_size);
    world.loop.run_for(seconds(5));
    EXPECT_EQ(world.events.count("mirror-reconciled"), 1u);
    expect_only_the_end_is_equal(world);
}

TEST(MirrorOddSize, M9NothingBehindTheEndIsWrittenBack) {
    MirrorWorld world(2, spec::ReadPreference::prefer, nullptr, odd_size);
    for (const auto& device : world.devices) device->geometry_.physical_block_bytes = 4096;
    world.start_again();
    for (const auto& device : world.devices) device->put(odd_size - 512, filled(512, 7));
    world.device(0).put(odd_size, filled(512, 1));
    world.device(1).put(odd_size, filled(512, 2));
    world.device(0).spoil({odd_size - 512, 512});
    TestRequest request(Operation::read, {odd_size - 512, 512});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    world.loop.run_for(milliseconds(10));
    EXPECT_EQ(world.events.count("member-repaired"), 1u);
    expect_only_the_end_is_equal(world);
}

}  // namespace
}  // namespace dst
