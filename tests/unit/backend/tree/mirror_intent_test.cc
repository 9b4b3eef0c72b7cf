#include <gtest/gtest.h>

#include <algorithm>

#include "support/maps.h"
#include "support/resync.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t data_end = 4u << 20;

bool is_data(const std::pair<Operation, Extent>& done) {
    return changes_data(done.first) && done.second.offset < data_end;
}

bool is_map(const std::pair<Operation, Extent>& done) {
    return done.first == Operation::write && done.second.offset >= data_end;
}

std::size_t maps(const FakeDevice& device) {
    return static_cast<std::size_t>(std::count_if(device.log.begin(), device.log.end(), is_map));
}

TEST(MirrorIntent, M3TheBitIsOnAllMembersBeforeTheWriteGoesToAny) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest request(Operation::write, {region + 512, 512}, filled(512, 7));
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(100));
    EXPECT_TRUE(intent_on(world, 0).test(1));
    EXPECT_FALSE(std::any_of(world.device(0).log.begin(), world.device(0).log.end(), is_data));
    world.device(1).answer();
    world.device(1).release();
    world.loop.run_for(milliseconds(100));
    EXPECT_TRUE(request.done);
    EXPECT_TRUE(intent_on(world, 1).test(1));
    EXPECT_FALSE(intent_on(world, 1).test(0));
}

TEST(MirrorIntent, M3WritesThatWaitShareOneMapWrite) {
    MirrorWorld world;
    std::vector<std::unique_ptr<TestRequest>> requests;
    for (std::uint64_t i = 0; i < 8; ++i) {
        requests.push_back(
            std::make_unique<TestRequest>(Operation::write, Extent{i * (region / 2), 512}, filled(512, 1)));
        requests.back()->submit(*world.mirror);
    }
    world.loop.run_for(milliseconds(100));
    for (const auto& request : requests) EXPECT_TRUE(request->done);
    EXPECT_EQ(maps(world.device(0)), 1u);
    EXPECT_EQ(write(world.loop, *world.mirror, region, filled(512, 2)), Errc::ok);
    EXPECT_EQ(maps(world.device(0)), 1u) << "the region is dirty already";
}

TEST(MirrorIntent, M3ASequentialStreamFindsTheNextBitSet) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, region, filled(region / 2, 1)), Errc::ok);
    world.loop.run_for(milliseconds(10));
    EXPECT_FALSE(intent_on(world, 0).test(2)) << "one write is no stream";
    EXPECT_EQ(write(world.loop, *world.mirror, region + region / 2, filled(4096, 1)), Errc::ok);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(intent_on(world, 0).test(2));
    EXPECT_TRUE(intent_on(world, 1).test(2));
    EXPECT_FALSE(intent_on(world, 0).test(3));
    const std::size_t before = maps(world.device(0));
    EXPECT_EQ(write(world.loop, *world.mirror, 2 * region, filled(4096, 1)), Errc::ok);
    EXPECT_EQ(maps(world.device(0)), before) << "it waits for nothing";
    world.loop.run_for(seconds(15));
    EXPECT_FALSE(intent_on(world, 0).any()) << "and goes like any other";
}

/// Of a storage with many regions, each written to for the first time.
class ScatteredWrites {
public:
    explicit ScatteredWrites(std::uint64_t regions = 1 << 15)
        : world(2, spec::ReadPreference::automatic, nullptr, regions * small, small) {}

    /// One region of 16, `times` times.
    void run(std::uint64_t times) {
        for (std::uint64_t i = 0; i < times; ++i) {
            EXPECT_EQ(write(world.loop, *world.mirror, at_ * small, filled(512, 1)), Errc::ok);
            at_ += 16;
        }
    }

    static constexpr std::uint32_t small = 4096;
    MirrorWorld world;

private:
    std::uint64_t at_ = 5;
};

TEST(MirrorIntent, WritesAllOverTheStorageSetTheBitsAroundThemAsWell) {
    ScatteredWrites writes;
    MirrorWorld& world = writes.world;
    writes.run(1024);
    EXPECT_EQ(intent_on(world, 0).count(), 1024u) << "each its own";
    writes.run(1);
    const RegionMap intent = intent_on(world, 1);
    EXPECT_EQ(intent.count(), 1024u + 16u);
    const std::uint64_t around = 1024 * 16;
    EXPECT_TRUE(intent.test_all({around, 16}));
    world.device(0).log.clear();
    EXPECT_EQ(write(world.loop, *world.mirror, (around + 15) * writes.small, filled(512, 1)), Errc::ok);
    EXPECT_EQ(world.device(0).log.size(), 1u) << "it waits for nothing";
}

/// Of a larger storage more are few.
TEST(MirrorIntent, WritesToLessThanA64thOfTheStorageSetTheirOwnBits) {
    ScatteredWrites writes(81'920);
    writes.run(1280);
    EXPECT_EQ(intent_on(writes.world, 0).count(), 1280u);
    writes.run(1);
    EXPECT_EQ(intent_on(writes.world, 0).count(), 1280u + 16);
}

TEST(MirrorIntent, FewWritesAtATimeSetTheirOwnBitsForever) {
    ScatteredWrites writes;
    for (int i = 0; i < 8; ++i) {
        writes.run(200);
        writes.world.loop.run_for(seconds(20));
        EXPECT_EQ(intent_on(writes.world, 0).count(), 0u);
        writes.run(1);
        EXPECT_EQ(intent_on(writes.world, 0).count(), 1u);
    }
}

TEST(MirrorIntent, M4BitsThatWereSetForNothingGoAsOthersDo) {
    ScatteredWrites writes;
    writes.run(1030);
    EXPECT_EQ(intent_on(writes.world, 0).count(), 1024u + 6 * 16);
    writes.world.loop.run_for(seconds(20));
    EXPECT_EQ(intent_on(writes.world, 0).count(), 0u);
}

TEST(MirrorIntent, M3AMemberThatDoesNotTakeTheBitIsDroppedFirst) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 3)), Errc::ok);
    EXPECT_EQ(world.events.count("member-dropped"), 1u);
    EXPECT_EQ(world.device(0).bytes(0, 512), filled(512, 3));
}

TEST(MirrorIntent, M3TheLastMemberDoesNotTakeTheBit) {
    MirrorWorld world(1);
    world.device(0).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 3)), Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 4)), Errc::ok) << "tried anew";
}

TEST(MirrorIntent, M4AnIdleRegionIsFlushedAndCleared) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    world.loop.run_for(seconds(3));
    EXPECT_TRUE(intent_on(world, 0).test(0));
    for (const auto& device : world.devices) device->log.clear();
    world.loop.run_for(seconds(15));
    EXPECT_FALSE(intent_on(world, 0).any());
    EXPECT_FALSE(intent_on(world, 1).any());
    for (const auto& device : world.devices) {
        const auto flushed = std::find_if(device->log.begin(), device->log.end(),
                                          [](const auto& done) { return done.first == Operation::flush; });
        const auto written = std::find_if(device->log.begin(), device->log.end(), is_map);
        EXPECT_LT(flushed - device->log.begin(), written - device->log.begin());
    }
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 2)), Errc::ok);
    EXPECT_TRUE(intent_on(world, 0).test(0)) << "set anew";
}

TEST(MirrorIntent, M4ARegionThatIsWrittenMeanwhileStaysSet) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    for (int i = 0; i < 200; ++i) {
        world.loop.run_for(milliseconds(100));
        EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 2)), Errc::ok);
        EXPECT_TRUE(intent_on(world, 0).test(0));
    }
}

TEST(MirrorIntent, M4AWriteThatIsUnderWayKeepsItsBit) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    world.device(0).hold();
    world.device(1).hold();
    TestRequest request(Operation::write, {512, 512}, filled(512, 7));
    request.submit(*world.mirror);
    world.loop.run_for(seconds(30));
    for (const auto& device : world.devices) device->release();
    EXPECT_TRUE(intent_on(world, 0).test(0));
    EXPECT_FALSE(world.mirror->degraded());
}

/// What came after the flush was submitted is not durable by it.
TEST(MirrorIntent, M4ARegionThatIsWrittenDuringTheFlushStaysSet) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    ASSERT_TRUE(hold_before(world, 1, Operation::flush));
    world.device(1).hold_no_more();
    EXPECT_EQ(write(world.loop, *world.mirror, 512, filled(512, 2)), Errc::ok);
    ASSERT_EQ(world.device(1).held(), 1u);
    world.device(1).release();
    world.loop.run_for(milliseconds(100));
    for (const std::size_t member : {0u, 1u}) EXPECT_TRUE(intent_on(world, member).test(0));
    world.loop.run_for(seconds(15));
    for (const std::size_t member : {0u, 1u}) EXPECT_FALSE(intent_on(world, member).any());
}

TEST(MirrorIntent, M4AMemberThatIsOutIsOwedTheRegionBeforeTheBitGoes) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, region, filled(512, 3)), Errc::ok);
    ASSERT_TRUE(world.mirror->degraded());
    EXPECT_FALSE(owed_on(world, 0, 2).any()) << "the intent map says it still";
    world.device(0).log.clear();
    world.loop.run_for(seconds(15));
    EXPECT_FALSE(intent_on(world, 0).any());
    EXPECT_TRUE(owed_on(world, 0, 2).test(1));
    EXPECT_EQ(owed_on(world, 0, 2).count(), 1u);
}

TEST(MirrorIntent, M4OwedBitsThatCouldNotBeWrittenAreTriedAgainBeforeTheBitGoes) {
    MirrorWorld world(3);
    world.device(1).fail(Operation::write, Errc::medium_error, 2);
    EXPECT_EQ(write(world.loop, *world.mirror, region, filled(512, 7)), Errc::ok);
    world.device(0).fail(Operation::write, Errc::no_space);
    world.device(2).fail(Operation::write, Errc::no_space);
    const std::size_t before = maps(world.device(0));
    ASSERT_TRUE(world.loop.run_until([&] { return maps(world.device(0)) > before; }, seconds(30)));
    world.loop.run_for(milliseconds(1));
    // The owed maps lie before the intent map.
    const auto first = std::find_if(world.device(0).log.begin(), world.device(0).log.end(), is_map);
    const auto is_owed = [intents = first->second.offset](const Extent& extent) {
        return extent.offset >= data_end && extent.offset < intents;
    };
    ASSERT_TRUE(is_owed(world.device(0).log.back().second));
    // They fail once more, and only they.
    for (std::size_t index : {0, 2}) world.device(index).hold();
    bool failed_again = false;
    for (int i = 0; i < 60'000 && !failed_again; ++i) {
        world.loop.run_for(milliseconds(1));
        for (std::size_t index : {0, 2}) {
            while (world.device(index).held() > 0) {
                const Request& held = world.device(index).held_request(0);
                const bool fails = held.operation == Operation::write && is_owed(held.extent);
                failed_again = failed_again || fails;
                world.device(index).answer(fails ? Errc::no_space : Errc::ok);
            }
        }
    }
    ASSERT_TRUE(failed_again);
    for (std::size_t index : {0, 2}) world.device(index).release();
    EXPECT_TRUE(intent_on(world, 0).test(1));
    world.loop.run_for(seconds(30));
    EXPECT_FALSE(intent_on(world, 0).test(1));
    EXPECT_TRUE(owed_on(world, 0, 2).test(1));
}

TEST(MirrorIntent, M4NothingIsClearedWhenAMemberWasLostDuringTheFlush) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    world.device(1).hold();
    world.loop.run_for(seconds(16));
    ASSERT_EQ(world.device(1).held(), 1u) << "the flush";
    world.device(1).change_incarnation();
    world.device(1).go_down();
    world.device(1).release();
    world.device(1).go_up();
    world.loop.run_for(milliseconds(100));
    EXPECT_TRUE(world.mirror->degraded());
    EXPECT_TRUE(intent_on(world, 0).test(0) || owed_on(world, 0, 2).test(0));
}

TEST(MirrorIntent, M4ACleanEndOwesBeforeItClears) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(512, 1)), Errc::ok);
    bool settled = false;
    world.mirror->settle([&](const Result<void>& result) { settled = result.has_value(); });
    ASSERT_TRUE(world.loop.run_until([&] { return settled; }, seconds(5)));
    EXPECT_FALSE(intent_on(world, 0).any());
    EXPECT_TRUE(owed_on(world, 0, 2).test(0));
}

}  // namespace
}  // namespace dst
