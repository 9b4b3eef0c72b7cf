// A head that is overtaken goes on until it is fenced: what it does between another one's look and its promise counts.
#include <gtest/gtest.h>

#include <array>

#include "media/label.h"
#include "media/layout.h"
#include "media/region_map.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t region = 1;

/// The owed map on a member: that of the only other one.
class OwedMap {
public:
    explicit OwedMap(sim::SimPlatter& platter) : platter_(platter) {
        const std::uint64_t size = leaf_size_bytes(platter.geometry().size_bytes);
        const MirrorLayout layout = mirror_layout(size, default_region_bytes(size));
        for (unsigned copy = 0; copy < 2; ++copy) slots_[copy] = layout.map_slot(1, 0, copy);
        const auto header = find_map_slot(platter.read(slots_[0]), platter.read(slots_[1]));
        EXPECT_TRUE(header);
        if (!header) return;
        header_ = *header;
        map_ = RegionMap(header->regions, header->region_bytes);
        choose_map_slot(platter.read(slots_[0]), platter.read(slots_[1]), header->identity, 0, map_);
    }
    bool test() const { return map_.test(region); }
    /// On the medium, as the head that is overtaken would.
    void set() {
        map_.set(region);
        Bytes bytes(map_slot_bytes);
        for (unsigned copy = 0; copy < 2; ++copy) {
            const MapStamp stamp{header_.stamp.sequence + 1 + copy, header_.stamp.revision};
            encode_map_slot(slot_of_map(map_, header_.identity, 0), stamp, bytes);
            platter_.write(slots_[copy].offset, bytes);
        }
    }

private:
    sim::SimPlatter& platter_;
    std::array<Extent, 2> slots_;
    MapSlotHeader header_;
    RegionMap map_;
};

/// It has written to another region, and has ended cleanly: the intent map is empty, record and label are as they were.
TEST(Overtaken, M6OwedBitThatWasSetSinceTheLookIsNotLost) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head* head = &world.serve();
    world.platter("/b").set_missing(true);
    ASSERT_EQ(world.write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(*head);
    ASSERT_FALSE(OwedMap(world.platter("/a")).test());

    world.journal().set_latency(seconds(1), seconds(1));
    head = &world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return head->sized == 1; }, seconds(5)));
    // It has waited for /b, has looked at what is there, and writes its journal.
    world.loop.run_for(seconds(2));
    OwedMap(world.platter("/a")).set();
    ASSERT_TRUE(world.loop.run_until([&] { return head->serving == 1; }, minutes(1)));
    EXPECT_TRUE(OwedMap(world.platter("/a")).test());
    EXPECT_EQ(world.events.count("start-again"), 1u);
}

}  // namespace
}  // namespace dst
