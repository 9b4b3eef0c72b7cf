#include "block/range_lock.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace dst {
namespace {

using Mode = RangeLock::Mode;

/// Runs what is posted when it is told to.
class PostLoop final : public Loop {
public:
    TimePoint now() const override { return {}; }
    std::uint64_t random() override { return generator_(); }
    std::uint64_t below(std::uint64_t bound) { return random() % bound; }
    void run() {
        while (run_ready()) {
        }
    }

private:
    void wake() override {}
    std::mt19937_64 generator_{1};
};

class RangeLockTest : public ::testing::Test {
protected:
    struct Claim {
        RangeLock::Holder holder;
        bool granted = false;
    };

    ~RangeLockTest() override {
        for (const auto& claim : claims) {
            if (claim->holder.owner != nullptr) lock.unlock(claim->holder);
        }
    }
    Claim& claim(const Extent& extent, Mode mode) {
        claims.push_back(std::make_unique<Claim>());
        Claim& mine = *claims.back();
        mine.holder.extent = extent;
        mine.holder.mode = mode;
        mine.holder.owner = &mine;
        mine.holder.granted = [](RangeLock::Holder& holder) { static_cast<Claim*>(holder.owner)->granted = true; };
        mine.granted = lock.lock(mine.holder);
        return mine;
    }
    void give_back(Claim& claim) {
        lock.unlock(claim.holder);
        claim.holder.owner = nullptr;
    }
    void run() { loop.run(); }

    PostLoop loop;
    RangeLock lock{loop};
    std::vector<std::unique_ptr<Claim>> claims;
};

TEST_F(RangeLockTest, DisjointExclusiveClaimsDoNotWait) {
    claim({0, 4096}, Mode::exclusive);
    EXPECT_TRUE(claim({4096, 4096}, Mode::exclusive).granted);
}

TEST_F(RangeLockTest, SharedClaimsOverlap) {
    claim({0, 4096}, Mode::shared);
    EXPECT_TRUE(claim({0, 4096}, Mode::shared).granted);
}

TEST_F(RangeLockTest, GrantComesLaterNeverFromInsideUnlock) {
    Claim& first = claim({0, 4096}, Mode::exclusive);
    Claim& second = claim({512, 512}, Mode::shared);
    EXPECT_FALSE(second.granted);
    give_back(first);
    EXPECT_FALSE(second.granted);
    run();
    EXPECT_TRUE(second.granted);
}

TEST_F(RangeLockTest, SharedClaimWaitsBehindAWaitingExclusiveOne) {
    Claim& reader = claim({0, 4096}, Mode::shared);
    Claim& writer = claim({0, 4096}, Mode::exclusive);
    Claim& late = claim({0, 4096}, Mode::shared);
    EXPECT_FALSE(late.granted);
    give_back(reader);
    run();
    EXPECT_TRUE(writer.granted);
    EXPECT_FALSE(late.granted);
    give_back(writer);
    run();
    EXPECT_TRUE(late.granted);
}

TEST_F(RangeLockTest, WithdrawnWaiterLetsTheNextOneGo) {
    claim({0, 4096}, Mode::shared);
    Claim& writer = claim({0, 4096}, Mode::exclusive);
    Claim& late = claim({0, 4096}, Mode::shared);
    give_back(writer);
    run();
    EXPECT_TRUE(late.granted);
    EXPECT_FALSE(writer.granted);
}

TEST_F(RangeLockTest, GrantThatIsOnItsWayCanBeWithdrawn) {
    Claim& first = claim({0, 4096}, Mode::exclusive);
    Claim& second = claim({0, 4096}, Mode::exclusive);
    Claim& third = claim({0, 4096}, Mode::exclusive);
    give_back(first);
    give_back(second);
    run();
    EXPECT_FALSE(second.granted);
    EXPECT_TRUE(third.granted);
}

TEST_F(RangeLockTest, WholeDeviceExcludesEverything) {
    Claim& whole = claim(RangeLock::whole_device, Mode::exclusive);
    Claim& far = claim({std::uint64_t{1} << 40, 512}, Mode::shared);
    EXPECT_FALSE(far.granted);
    give_back(whole);
    run();
    EXPECT_TRUE(far.granted);
}

TEST_F(RangeLockTest, LongClaimsAndShortOnesSeeEachOther) {
    Claim& large = claim({1u << 20, 64u << 20}, Mode::exclusive);
    EXPECT_FALSE(claim({40u << 20, 4096}, Mode::shared).granted);
    EXPECT_TRUE(claim({0, 1u << 20}, Mode::exclusive).granted);
    EXPECT_FALSE(claim({(1u << 20) - 512, 2u << 20}, Mode::shared).granted);
    static_cast<void>(large);
}

TEST_F(RangeLockTest, EmptyExtentWaitsForNobody) {
    claim(RangeLock::whole_device, Mode::exclusive);
    EXPECT_TRUE(claim({4096, 0}, Mode::exclusive).granted);
}

TEST_F(RangeLockTest, IsWaitedForByLaterConflictsOnly) {
    claim({0, 4096}, Mode::exclusive);
    Claim& second = claim({4096, 4096}, Mode::shared);
    claim({4096, 4096}, Mode::shared);
    claim({0, 2048}, Mode::exclusive);
    EXPECT_FALSE(lock.is_waited_for(second.holder));
    Claim& writer = claim({2048, 4u << 20}, Mode::exclusive);
    EXPECT_TRUE(lock.is_waited_for(second.holder));
    give_back(writer);
    EXPECT_FALSE(lock.is_waited_for(second.holder));
}

/// Against a plain model: at every moment no two granted claims conflict, and nobody waits without a reason.
TEST_F(RangeLockTest, RandomClaimsAreOrderedAndNeverStuck) {
    for (int round = 0; round < 3000; ++round) {
        if (claims.size() < 40 && loop.below(2) == 0) {
            const std::uint64_t length = loop.below(10) == 0 ? (2u << 20) : 512 * (1 + loop.below(16));
            claim({512 * loop.below(64), length}, loop.below(2) == 0 ? Mode::shared : Mode::exclusive);
        } else if (!claims.empty()) {
            const std::size_t index = loop.below(claims.size());
            give_back(*claims[index]);
            claims.erase(claims.begin() + static_cast<std::ptrdiff_t>(index));
        }
        run();
        for (std::size_t i = 0; i < claims.size(); ++i) {
            bool blocked = false;
            for (std::size_t j = 0; j < i; ++j) {
                const auto& a = claims[i]->holder;
                const auto& b = claims[j]->holder;
                const bool conflict =
                    a.extent.overlaps(b.extent) && (a.mode == Mode::exclusive || b.mode == Mode::exclusive);
                ASSERT_FALSE(conflict && claims[i]->granted && claims[j]->granted);
                blocked = blocked || conflict;
            }
            ASSERT_NE(blocked, claims[i]->granted);
        }
    }
}

}  // namespace
}  // namespace dst
