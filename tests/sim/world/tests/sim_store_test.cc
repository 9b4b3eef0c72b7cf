#include "simworld/sim_store.h"

#include <gtest/gtest.h>

#include <optional>

namespace dst::sim {
namespace {

using std::chrono::seconds;

struct SimStoreTest : testing::Test {
    Result<StoreContents> open(SimStore& store) {
        std::optional<Result<StoreContents>> answer;
        store.open([&](Result<StoreContents> contents) { answer.emplace(std::move(contents)); });
        EXPECT_FALSE(answer.has_value());
        loop.run_until([&] { return answer.has_value(); }, seconds(1));
        return *answer;
    }
    Errc write(SimStore& store, unsigned slot, const Bytes& bytes) {
        std::optional<Errc> code;
        store.write(slot, bytes, [&](Result<void> answer) { code = answer ? Errc::ok : answer.error().code; });
        loop.run_until([&] { return code.has_value(); }, seconds(1));
        return *code;
    }

    SimLoop loop{1};
    SimStoreFile file{loop};
};

TEST_F(SimStoreTest, KeepsWhatWasWritten) {
    SimStore store(loop, file);
    EXPECT_TRUE(open(store).value().created);
    EXPECT_EQ(write(store, 1, Bytes(100, std::byte{7})), Errc::ok);
    file.crash();
    SimStore next(loop, file);
    const StoreContents contents = open(next).value();
    EXPECT_FALSE(contents.created);
    EXPECT_EQ(contents.slots[1], Bytes(100, std::byte{7}));
    EXPECT_TRUE(contents.slots[0].empty());
}

TEST_F(SimStoreTest, AnswersWhenAHangEnds) {
    SimStore store(loop, file);
    ASSERT_TRUE(open(store).has_value());
    file.set_hung(true);
    std::optional<Errc> code;
    store.write(0, Bytes(100, std::byte{7}),
                [&](Result<void> answer) { code = answer ? Errc::ok : answer.error().code; });
    loop.run_for(seconds(10));
    EXPECT_FALSE(code.has_value());
    EXPECT_TRUE(file.slots[0].empty());
    file.set_hung(false);
    loop.run_for(seconds(1));
    EXPECT_EQ(code, Errc::ok);
    EXPECT_EQ(file.slots[0], Bytes(100, std::byte{7}));
}

TEST_F(SimStoreTest, AProcessThatDiesInAHangHearsOfNothing) {
    SimStore dead(loop, file);
    ASSERT_TRUE(open(dead).has_value());
    file.set_hung(true);
    std::optional<Errc> code;
    dead.write(0, Bytes(100, std::byte{7}),
               [&](Result<void> answer) { code = answer ? Errc::ok : answer.error().code; });
    loop.run_for(seconds(1));
    file.crash();
    loop.run_for(seconds(1));
    EXPECT_EQ(code, Errc::cancelled);
}

TEST_F(SimStoreTest, IsLockedForLife) {
    SimStore second(loop, file);
    {
        SimStore first(loop, file);
        EXPECT_TRUE(open(first).has_value());
        EXPECT_EQ(open(second).error().code, Errc::busy);
    }
    EXPECT_TRUE(open(second).has_value());
}

TEST_F(SimStoreTest, AProcessThatDiesBeforeItHasOpenedItDoesNotLockIt) {
    SimStore dead(loop, file);
    std::optional<Result<StoreContents>> answer;
    dead.open([&](Result<StoreContents> contents) { answer.emplace(std::move(contents)); });
    file.crash();
    loop.run_for(seconds(1));
    EXPECT_EQ(answer.value().error().code, Errc::cancelled);
    SimStore next(loop, file);
    EXPECT_TRUE(open(next).has_value());
}

TEST_F(SimStoreTest, ACrashTearsOnlyTheSlotThatIsBeingWritten) {
    bool torn = false;
    for (int round = 0; round < 50; ++round) {
        file.slots = {Bytes(4096, std::byte{'a'}), Bytes(4096, std::byte{'b'})};
        SimStore store(loop, file);
        EXPECT_TRUE(open(store).has_value());
        store.write(1, Bytes(4096, std::byte{'c'}), [](Result<void>) {});
        file.crash();
        EXPECT_EQ(file.slots[0], Bytes(4096, std::byte{'a'}));
        torn = torn || (file.slots[1] != Bytes(4096, std::byte{'b'}) && file.slots[1] != Bytes(4096, std::byte{'c'}));
    }
    EXPECT_TRUE(torn);
}

TEST_F(SimStoreTest, ACopyHasAnotherInodeAndMachine) {
    SimStore store(loop, file);
    const StoreContents original = open(store).value();
    write(store, 0, Bytes(10));
    SimStoreFile other(loop, "copy");
    Id machine;
    machine.bytes[0] = 99;
    other.copy_from(file, machine);
    SimStore opened(loop, other);
    const StoreContents copy = open(opened).value();
    EXPECT_EQ(copy.slots, file.slots);
    EXPECT_NE(copy.file, original.file);
    EXPECT_EQ(copy.machine, machine);
}

TEST_F(SimStoreTest, AFailedWriteChangesNothing) {
    SimStore store(loop, file);
    open(store);
    file.fail_write = Errc::no_space;
    EXPECT_EQ(write(store, 0, Bytes(10)), Errc::no_space);
    EXPECT_TRUE(file.slots[0].empty());
}

}  // namespace
}  // namespace dst::sim
