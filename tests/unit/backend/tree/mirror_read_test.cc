#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "support/mirror_world.h"

namespace dst {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t reads(const FakeDevice& device) {
    std::size_t count = 0;
    for (const auto& [operation, extent] : device.log) count += operation == Operation::read ? 1 : 0;
    return count;
}

TEST(MirrorRead, M9ReadsAreSpreadOverTheMembers) {
    MirrorWorld world;
    for (std::uint64_t i = 0; i < 20; ++i) {
        TestRequest request(Operation::read, {(i * 7 % 20) * 65536, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    }
    EXPECT_GT(reads(world.device(0)), 4u);
    EXPECT_GT(reads(world.device(1)), 4u);
}

TEST(MirrorRead, M9SequentialStreamStaysWithItsMember) {
    MirrorWorld world;
    for (std::uint64_t i = 0; i < 20; ++i) {
        TestRequest request(Operation::read, {i * 4096, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    }
    EXPECT_TRUE(reads(world.device(0)) == 0 || reads(world.device(1)) == 0);
}

TEST(MirrorRead, M5WhatAStartStandsOnReadsTheSameEachTime) {
    MirrorWorld world;
    const Record record = world.mirror->record();
    world.mirror->stop();
    world.loop.run_for(milliseconds(10));
    world.device(0).put(4096, filled(512, 1));
    world.device(1).put(4096, filled(512, 2));
    world.mirror->stand(record, 3);
    for (int i = 0; i < 10; ++i) {
        TestRequest request(Operation::read, {4096, 512});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
        EXPECT_EQ(request.bytes, filled(512, 1));
    }
}

TEST(MirrorRead, M9LeastBusyMemberAnswers) {
    MirrorWorld world;
    world.device(0).hold();
    world.device(1).hold();
    TestRequest first(Operation::read, {0, 4096});
    TestRequest second(Operation::read, {1u << 20, 4096});
    first.submit(*world.mirror);
    second.submit(*world.mirror);
    EXPECT_EQ(world.device(0).held(), 1u);
    EXPECT_EQ(world.device(1).held(), 1u);
    world.device(0).release();
    world.device(1).release();
    world.loop.run_for(milliseconds(1));
    EXPECT_TRUE(first.done && second.done);
}

/// Reads that both members are busy with: how many each has, and how often one went to the other member than the one
/// before.
struct Spread {
    std::size_t held[2] = {0, 0};
    std::size_t changes = 0;
};

Spread spread(MirrorWorld& world, std::size_t count) {
    Spread result;
    world.device(0).hold();
    world.device(1).hold();
    std::vector<std::unique_ptr<TestRequest>> requests;
    std::size_t last = 2;
    for (std::uint64_t i = 0; i < count; ++i) {
        requests.push_back(std::make_unique<TestRequest>(Operation::read, Extent{(i * 7 % count + 1) * 65536, 4096}));
        requests.back()->submit(*world.mirror);
        const std::size_t member = world.device(0).held() > result.held[0] ? 0 : 1;
        if (last != 2 && member != last) ++result.changes;
        last = member;
        result.held[0] = world.device(0).held();
        result.held[1] = world.device(1).held();
    }
    world.device(0).release();
    world.device(1).release();
    world.loop.run_for(milliseconds(1));
    for (const auto& request : requests) EXPECT_TRUE(request->done);
    return result;
}

TEST(MirrorRead, M9ManyReadsGoToMembersOfOneKindAlikeAndTogether) {
    MirrorWorld world;
    const Spread result = spread(world, 64);
    EXPECT_GE(result.held[0], 25u);
    EXPECT_GE(result.held[1], 25u);
    EXPECT_LE(result.changes, 30u) << "one by one in turn would be 63";
}

/// Reads all the while, but not of the first block, which the mirror's own small reads go to; the first member answers
/// each request after up to `late`. How many of the reads it got.
std::size_t read_for(MirrorWorld& world, seconds time, milliseconds late) {
    const std::size_t before = world.device(0).log.size();
    std::vector<std::unique_ptr<TestRequest>> requests;
    const TimePoint end = world.loop.now() + time;
    for (std::uint64_t i = 1; world.loop.now() < end; ++i) {
        requests.push_back(std::make_unique<TestRequest>(Operation::read, Extent{(i % 20 + 1) * 65536, 4096}));
        world.device(0).hold();
        requests.back()->submit(*world.mirror);
        // Not in step with the mirror's clock.
        world.loop.run_for(late + std::chrono::microseconds(100));
        world.device(0).release();
        world.loop.run_for(milliseconds(10) - late);
    }
    const auto& log = world.device(0).log;
    return static_cast<std::size_t>(
        std::count_if(log.begin() + static_cast<std::ptrdiff_t>(before), log.end(),
                      [](const auto& done) { return done.first == Operation::read && done.second.offset != 0; }));
}

TEST(MirrorRead, M9AMemberThatAnswersLateIsNotAskedWhileThereIsAnother) {
    MirrorWorld world;
    static_cast<void>(read_for(world, seconds(4), milliseconds(10)));
    EXPECT_EQ(world.events.count("member-slow"), 1u);
    EXPECT_EQ(read_for(world, seconds(2), milliseconds(10)), 0u);
    static_cast<void>(read_for(world, seconds(12), milliseconds(0)));
    EXPECT_EQ(world.events.count("member-quick"), 1u);
    EXPECT_GT(read_for(world, seconds(1), milliseconds(0)), 20u);
}

TEST(MirrorRead, M9AMemberThatTakesLongerGetsFewerReads) {
    MirrorWorld world;
    static_cast<void>(read_for(world, seconds(4), milliseconds(1)));
    EXPECT_EQ(world.events.count("member-slow"), 0u);
    EXPECT_EQ(read_for(world, seconds(1), milliseconds(1)), 0u) << "one that is idle and quick answers first";
    const Spread result = spread(world, 64);
    EXPECT_GE(result.held[0], 3u) << "it helps when the quick one has much to do";
    EXPECT_GE(result.held[1], 5 * result.held[0]);
}

TEST(MirrorRead, M9ALateMemberAnswersWhenItIsTheOnlyOne) {
    MirrorWorld world;
    static_cast<void>(read_for(world, seconds(4), milliseconds(10)));
    world.device(1).go_down();
    TestRequest request(Operation::read, {4096, 4096});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
}

TEST(MirrorRead, M9PreferredMemberAnswersAll) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    for (std::uint64_t i = 0; i < 10; ++i) {
        TestRequest request(Operation::read, {(i * 3 % 10) * 65536, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    }
    EXPECT_EQ(reads(world.device(1)), 0u);
}

TEST(MirrorRead, M9AnotherMemberAnswersAReadThatFailed) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).fail(Operation::read, Errc::medium_error);
    TestRequest request(Operation::read, {0, 4096});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    EXPECT_EQ(request.bytes, filled(4096, 7));
    EXPECT_EQ(world.events.count("member-read-error"), 1u);
    EXPECT_EQ(world.mirror->counters(0).errors, 1u);
}

TEST(MirrorRead, M14AMemberThatIsBackAtOnceAnswersWhatAnotherOneCannotRead) {
    MirrorWorld world;
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(0).spoil({0, 4096});
    world.device(1).go_down();
    TestRequest request(Operation::read, {0, 4096});
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(500));
    EXPECT_FALSE(request.done);
    world.device(1).go_up();
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(request.bytes, filled(4096, 7));
    EXPECT_EQ(world.events.count("member-repaired"), 1u);
}

TEST(MirrorRead, M14AMemberThatWasLostWhileItReadIsAskedAgainWhenAnotherOneCannotRead) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(1).spoil({0, 4096});
    world.device(0).hold();
    TestRequest request(Operation::read, {0, 4096});
    request.submit(*world.mirror);
    world.device(0).go_down();
    world.device(0).hold_no_more();
    world.loop.run_for(milliseconds(500));
    EXPECT_FALSE(request.done);
    world.device(0).go_up();
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(request.bytes, filled(4096, 7));
}

TEST(MirrorRead, M14WhatAMemberCannotReadIsAnErrorWhenTheOtherStaysAway) {
    MirrorWorld world;
    world.device(0).spoil({0, 4096});
    world.device(1).go_down();
    TestRequest request(Operation::read, {0, 4096});
    request.submit(*world.mirror);
    EXPECT_TRUE(world.loop.run_until([&] { return request.done; }, seconds(1)));
    EXPECT_EQ(request.result(), Errc::medium_error);
    world.loop.run_for(seconds(1));
    TestRequest late(Operation::read, {0, 4096});
    late.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_TRUE(late.done) << "nobody waits for one that is gone";
    EXPECT_EQ(late.result(), Errc::medium_error);
}

TEST(MirrorRead, WhatNoMemberCanReadIsAnError) {
    MirrorWorld world;
    world.device(0).fail(Operation::read, Errc::medium_error);
    world.device(1).fail(Operation::read, Errc::medium_error);
    TestRequest request(Operation::read, {0, 4096});
    EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::medium_error);
    EXPECT_FALSE(world.mirror->degraded());
}

TEST(MirrorRead, ReadOfALostMemberGoesToAnotherAtOnce) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    world.device(0).hold();
    TestRequest request(Operation::read, {0, 4096});
    request.submit(*world.mirror);
    world.device(0).go_down();
    world.loop.run_for(milliseconds(1));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
}

TEST(MirrorRead, DroppedMemberAnswersNoReads) {
    MirrorWorld world;
    world.device(1).fail(Operation::write, Errc::medium_error);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 7)), Errc::ok);
    world.device(1).log.clear();
    for (std::uint64_t i = 0; i < 10; ++i) {
        TestRequest request(Operation::read, {(i * 3 % 10) * 65536, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
    }
    EXPECT_TRUE(world.device(1).log.empty());
}

TEST(MirrorRead, HungReadIsMovedWhenAProbeShowsThatAnotherAnswers) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    world.device(0).hold();
    TestRequest request(Operation::read, {0, 4096});
    request.submit(*world.mirror);
    world.loop.run_for(seconds(12));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.result(), Errc::ok);
    EXPECT_EQ(world.device(0).cuts, 1u);
}

TEST(MirrorRead, M12ReadsAreNoSignThatADiskAnswers) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    world.device(0).hold_but_reads();
    world.device(1).hold();
    TestRequest change(Operation::write, {0, 4096}, filled(4096, 9));
    change.submit(*world.mirror);
    for (int i = 0; i < 300; ++i) {
        TestRequest request(Operation::read, {1u << 20, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, request), Errc::ok);
        world.loop.run_for(milliseconds(100));
    }
    EXPECT_FALSE(world.mirror->degraded()) << "both hang: neither is dropped for the other";
    EXPECT_EQ(world.device(0).cuts + world.device(1).cuts, 0u);
    world.device(0).release();
    world.device(1).release();
    world.loop.run_for(milliseconds(100));
    EXPECT_TRUE(change.done);
    EXPECT_EQ(change.result(), Errc::ok);
}

TEST(MirrorRead, M11ReadWaitsForAnOverlappingWrite) {
    MirrorWorld world;
    world.device(1).hold();
    TestRequest change(Operation::write, {0, 4096}, filled(4096, 9));
    change.submit(*world.mirror);
    TestRequest request(Operation::read, {0, 4096});
    request.submit(*world.mirror);
    world.loop.run_for(milliseconds(10));
    EXPECT_FALSE(request.done);
    world.device(1).release();
    world.loop.run_for(milliseconds(10));
    ASSERT_TRUE(request.done);
    EXPECT_EQ(request.bytes, filled(4096, 9));
}

TEST(MirrorRead, M12WhoIsSlowToReadWhatNoOtherCanReadIsNotDropped) {
    MirrorWorld world(2, spec::ReadPreference::prefer);
    EXPECT_EQ(write(world.loop, *world.mirror, 0, filled(4096, 1)), Errc::ok);
    world.device(0).spoil({0, 4096});
    world.device(1).hold();
    TestRequest slow(Operation::read, {0, 4096});
    slow.submit(*world.mirror);
    // The other one answers all the time.
    for (int i = 0; i < 30; ++i) {
        TestRequest other(Operation::read, {1u << 20, 4096});
        EXPECT_EQ(run(world.loop, *world.mirror, other), Errc::ok);
        world.loop.run_for(milliseconds(500));
    }
    EXPECT_FALSE(slow.done);
    EXPECT_EQ(world.events.count("member-dropped"), 0u);
    world.device(1).release();
    EXPECT_TRUE(world.loop.run_until([&] { return slow.done; }, seconds(5)));
    EXPECT_EQ(slow.result(), Errc::ok);
    EXPECT_EQ(slow.bytes, filled(4096, 1));
}

}  // namespace
}  // namespace dst
