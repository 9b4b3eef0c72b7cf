#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <thread>

#include "control/client.h"
#include "control/run_dir.h"
#include "head/storage.h"
#include "support/netnode_process.h"
#include "support/storage_world.h"

namespace dst {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A storage that mirrors the exports of two real netnodes.
class StorageOverNetnodesTest : public testing::Test {
protected:
    void SetUp() override {
        if (!NetnodeProcess::program()) GTEST_SKIP() << "dst-netnode is not built in this build tree";
        spec_ = world_.mirror_of_disks("vol0", 0);
        for (NetnodeProcess* node : {&first_, &second_}) {
            node->start();
            spec::Storage single = world_.single_netnode("vol0", "127.0.0.1", node->port());
            std::get<spec::Mirror>(spec_.tree.what).members.push_back(single.tree);
        }
        spec_.policy.member_timeout = 1s;
        world_.init(spec_);
    }

    Errc write(Storage& storage, std::uint64_t offset) {
        Bytes bytes = pattern_bytes(64 << 10, 7);
        return do_io(storage, Operation::write, {offset, bytes.size()}, bytes);
    }

    StorageState state() {
        const auto status = control::ask_status(control::socket_path(world_.options().run_dir, "vol0"), 5s);
        EXPECT_TRUE(status) << status.error().text;
        return status ? status->state : StorageState::failed;
    }

    StorageWorld world_;
    NetnodeProcess first_{world_.folder(), "node1", world_.make_disk("node1.img")};
    NetnodeProcess second_{world_.folder(), "node2", world_.make_disk("node2.img")};
    spec::Storage spec_;
};

TEST_F(StorageOverNetnodesTest, CarriesOnWhenOneIsKilledUnderLoad) {
    auto storage = world_.open(spec_);
    ASSERT_NE(storage, nullptr);
    EXPECT_EQ(state(), StorageState::healthy);
    for (unsigned i = 0; i < 100; ++i) {
        if (i == 20) second_.kill();
        ASSERT_EQ(write(*storage, (i % 32) * (64u << 10)), Errc::ok) << "write " << i;
    }
    EXPECT_EQ(state(), StorageState::degraded);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageOverNetnodesTest, HoldsWhileBothAreAwayAndServesWhenTheyAreBack) {
    auto storage = world_.open(spec_);
    ASSERT_NE(storage, nullptr);
    ASSERT_EQ(write(*storage, 0), Errc::ok);
    StorageWorld::close(std::move(storage));
    first_.kill();
    second_.kill();
    const auto start = Clock::now();
    storage = world_.open(spec_);
    EXPECT_LT(Clock::now() - start, 3s);
    ASSERT_NE(storage, nullptr) << "the journal knows it";
    EXPECT_EQ(state(), StorageState::waiting);
    const PendingIo held(*storage, Operation::write, {0, 4096}, pattern_bytes(4096, 8));
    EXPECT_EQ(held.result_within(200ms), std::nullopt);
    first_.start();
    second_.start();
    EXPECT_EQ(held.result_within(15s), Errc::ok);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageOverNetnodesTest, ASecondHeadIsToldHowToTakeOver) {
    auto storage = world_.open(spec_);
    ASSERT_NE(storage, nullptr);
    const StorageWorld elsewhere;
    spec_.journal = elsewhere.folder() / "own.journal";
    const std::string reason = elsewhere.fail_to_open(spec_).text;
    EXPECT_NE(reason.find("another head is alive on 127.0.0.1:"), std::string::npos) << reason;
    EXPECT_NE(reason.find("[" + std::to_string(::getpid()) + "] on "), std::string::npos) << reason;
    EXPECT_NE(reason.find("--takeover' does it once, 'policy: {takeover: auto}' in the storage's file always"),
              std::string::npos)
        << reason;
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageOverNetnodesTest, M6AHeadWithoutIoHearsThatItWasOvertaken) {
    auto storage = world_.open(spec_);
    ASSERT_NE(storage, nullptr);
    const StorageWorld elsewhere;
    spec::Storage taken = spec_;
    taken.journal = elsewhere.folder() / "own.journal";
    taken.policy.takeover = spec::Takeover::automatic;
    auto other = elsewhere.open(taken);
    ASSERT_NE(other, nullptr);
    const auto deadline = Clock::now() + 5s;
    while (state() != StorageState::fenced && Clock::now() < deadline) std::this_thread::sleep_for(20ms);
    EXPECT_EQ(state(), StorageState::fenced);
    StorageWorld::close(std::move(other));
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageOverNetnodesTest, ClosesAtOnceWhileANodeIsAway) {
    auto storage = world_.open(spec_);
    ASSERT_NE(storage, nullptr);
    second_.kill();
    ASSERT_EQ(write(*storage, 0), Errc::ok);
    const auto start = Clock::now();
    StorageWorld::close(std::move(storage));
    EXPECT_LT(Clock::now() - start, 3s);
    EXPECT_EQ(Storage::closing_in_background(), 0u);
}

}  // namespace
}  // namespace dst
