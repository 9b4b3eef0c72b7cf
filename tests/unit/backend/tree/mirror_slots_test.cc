// M3, M4: maps that take more than one slot.
#include <gtest/gtest.h>

#include "support/maps.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t small_region = 4096;
constexpr std::uint64_t in_first_slot = 5;
constexpr std::uint64_t in_second_slot = map_slot_regions + 9;

/// A mirror whose maps have two slots each.
class SlotsWorld : public MirrorWorld {
public:
    explicit SlotsWorld(std::size_t members = 2)
        : MirrorWorld(members, spec::ReadPreference::automatic, nullptr, (map_slot_regions + 2048) * small_region,
                      small_region) {}

    /// To both slots at once.
    void write_to_both() {
        TestRequest first = write_of(in_first_slot * small_region, 1);
        TestRequest second = write_of(in_second_slot * small_region, 2);
        first.submit(*mirror);
        second.submit(*mirror);
        ASSERT_TRUE(loop.run_until([&] { return first.done && second.done; }, seconds(5)));
        EXPECT_EQ(first.result(), Errc::ok);
        EXPECT_EQ(second.result(), Errc::ok);
    }
};

/// The regions that are set.
std::vector<std::uint64_t> set_in(const RegionMap& map) {
    std::vector<std::uint64_t> set;
    for (auto run = map.next_run(0); run; run = map.next_run(run->end())) {
        for (std::uint64_t region = run->first; region < run->end(); ++region) set.push_back(region);
    }
    return set;
}

TEST(MirrorSlots, M3IntentBitsOfEachSlotAreOnAllMembers) {
    SlotsWorld world;
    ASSERT_EQ(intent_on(world, 0).slots(), 2u);
    EXPECT_EQ(write(world.loop, *world.mirror, in_second_slot * small_region, filled(4096, 1)), Errc::ok);
    for (const std::size_t member : {0u, 1u}) {
        EXPECT_EQ(set_in(intent_on(world, member)), std::vector{in_second_slot});
    }
    world.write_to_both();
    for (const std::size_t member : {0u, 1u}) {
        EXPECT_EQ(set_in(intent_on(world, member)), (std::vector{in_first_slot, in_second_slot}));
    }
}

TEST(MirrorSlots, M3ARunOverTheEndOfASlotIsInBoth) {
    SlotsWorld world;
    const std::uint64_t last = map_slot_regions - 1;
    EXPECT_EQ(write(world.loop, *world.mirror, last * small_region, filled(2 * small_region, 1)), Errc::ok);
    for (const std::size_t member : {0u, 1u}) {
        EXPECT_EQ(set_in(intent_on(world, member)), (std::vector{last, last + 1}));
    }
}

TEST(MirrorSlots, M4OwedBitsOfEachSlotAreOnWhoStays) {
    SlotsWorld world;
    world.write_to_both();
    world.device(1).fail(Operation::write, Errc::medium_error);
    world.write_to_both();
    ASSERT_TRUE(world.mirror->degraded());
    world.loop.run_for(seconds(15));
    EXPECT_FALSE(intent_on(world, 0).any());
    EXPECT_EQ(set_in(owed_on(world, 0, 2)), (std::vector{in_first_slot, in_second_slot}));
}

}  // namespace
}  // namespace dst
