#include "start/journal_keeper.h"

#include <gtest/gtest.h>

#include <optional>

#include "simworld/null_events.h"
#include "simworld/sim_store.h"

namespace dst {
namespace {

class JournalKeeperTest : public ::testing::Test {
protected:
    JournalKeeperTest() { open(); }

    void open() { open(file); }
    void open(sim::SimStoreFile& there) {
        keeper.emplace(loop, events, std::make_unique<sim::SimStore>(loop, there));
        std::optional<Result<void>> opened;
        keeper->open([&](Result<void> result) { opened = std::move(result); });
        loop.run_until([&] { return opened.has_value(); });
        ASSERT_TRUE(*opened);
    }
    Result<void> write(std::uint64_t epoch) {
        keeper->journal().epoch_tried = epoch;
        std::optional<Result<void>> written;
        keeper->write([&](Result<void> result) { written = std::move(result); });
        loop.run_until([&] { return written.has_value(); });
        return *written;
    }
    void establish() {
        std::optional<Result<void>> written;
        keeper->establish({1, keeper->journal().established.head}, [&](Result<void> result) { written = result; });
        loop.run_until([&] { return written.has_value(); });
        ASSERT_TRUE(*written);
    }
    void reopen() {
        keeper.reset();
        open();
    }
    void rot(unsigned slot) { file.slots[slot].at(40) ^= std::byte{1}; }
    std::uint64_t epoch() const { return keeper->journal().epoch_tried; }

    sim::SimLoop loop;
    sim::NullEvents events;
    sim::SimStoreFile file{loop};
    std::optional<JournalKeeper> keeper;
};

TEST_F(JournalKeeperTest, EitherSlotOfTheNewestJournalMayRot) {
    for (std::uint64_t epoch_written = 1; epoch_written <= 4; ++epoch_written) {
        ASSERT_TRUE(write(epoch_written));
        rot(epoch_written % 2);
        reopen();
        EXPECT_EQ(epoch(), epoch_written);
    }
}

TEST_F(JournalKeeperTest, JournalIsInBothSlotsBeforeItIsAcknowledged) {
    ASSERT_TRUE(write(1));
    EXPECT_EQ(file.writes(), 2u);
    EXPECT_EQ(file.slots[0], file.slots[1]);
}

/// Somebody removed it, and the head lives on.
TEST_F(JournalKeeperTest, IsMadeAnewWhereItIsNotFoundAnyMore) {
    ASSERT_TRUE(write(1));
    const std::uint64_t before = file.inode;
    file.slots = {};
    file.inode = 0;
    ASSERT_TRUE(write(2));
    EXPECT_NE(file.inode, before);
    EXPECT_EQ(file.slots[0], file.slots[1]);
    ASSERT_TRUE(write(3));
    reopen();
    EXPECT_EQ(epoch(), 3u);
    const JournalChoice found = choose_journal({file.slots, file.machine, file.inode});
    EXPECT_EQ(found.journal->file, file.inode) << "it is no copy";
}

TEST_F(JournalKeeperTest, M5OneThatWasMovedAwayClaimsNothingWhenAnotherOneIsMade) {
    establish();
    file.swap_aside();
    ASSERT_TRUE(write(2));
    reopen();
    EXPECT_TRUE(keeper->claims());
    EXPECT_EQ(epoch(), 2u);
    for (unsigned slot = 0; slot < 2; ++slot) {
        sim::SimStoreFile back{loop};
        keeper.reset();
        file.swap_aside();
        back.slots = file.slots;
        back.inode = file.inode;
        file.swap_aside();
        back.slots.at(slot).at(40) ^= std::byte{1};
        open(back);
        EXPECT_FALSE(keeper->claims()) << "also when slot " << slot << " rots";
        keeper.reset();
    }
}

/// What it says is still true, and it may be all that will be found.
TEST_F(JournalKeeperTest, M5AnotherOneIsMadeOnlyWhenTheClaimOfTheOneThatWasMovedAwayIsGone) {
    establish();
    for (const unsigned good : {1u, 2u}) {
        file.swap_aside();
        const std::uint64_t before = file.writes();
        file.on_written = [&](const Bytes&) {
            if (file.writes() == before + good) file.fail_write = Errc::io_error;
        };
        EXPECT_EQ(write(good).error().code, Errc::io_error);
        EXPECT_EQ(file.inode, 0u) << "none was made";
        file.fail_write = Errc::ok;
        file.swap_aside();
        ASSERT_TRUE(write(10 + good)) << "it is back, and counts";
        reopen();
        EXPECT_TRUE(keeper->claims());
        EXPECT_EQ(epoch(), 10 + good);
    }
}

TEST_F(JournalKeeperTest, AWriteFailsWhenItCannotBeMadeAnew) {
    ASSERT_TRUE(write(1));
    file.inode = 0;
    file.fail_open = Errc::no_space;
    EXPECT_EQ(write(2).error().code, Errc::no_space);
    file.fail_open = Errc::ok;
    EXPECT_TRUE(write(3));
    EXPECT_NE(file.inode, 0u);
}

TEST_F(JournalKeeperTest, AnotherStoragesJournalInItsPlaceIsLeftAsItIs) {
    ASSERT_TRUE(write(1));
    Journal other = keeper->journal();
    other.storage = Id{{9}};
    other.storage_name = "other";
    const Bytes there = *encode_journal(other);
    file.slots = {there, there};
    file.inode = 0;
    for (const std::uint64_t epoch : {2, 3}) {
        const auto result = write(epoch);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::refused);
        EXPECT_EQ(file.slots[0], there);
        EXPECT_EQ(file.slots[1], there);
    }
    file.slots = {};
    ASSERT_TRUE(write(4)) << "it was moved away";
    reopen();
    EXPECT_EQ(epoch(), 4u);
}

/// A copy decides nothing.
TEST_F(JournalKeeperTest, M5WhichOrdersWereServedIsKeptInItsOwnPlaceOnly) {
    const Id mirror{{1}};
    const Id order{{2}};
    keeper->set_served_order({mirror, order});
    ASSERT_TRUE(write(1));
    reopen();
    EXPECT_EQ(keeper->served_order(mirror), order);
    EXPECT_TRUE(keeper->served_order(Id{{3}}).is_nil());
    keeper->set_served_order({mirror, {}});
    EXPECT_TRUE(keeper->served_order(mirror).is_nil());
    reopen();
    file.inode += 1;
    reopen();
    EXPECT_TRUE(keeper->served_order(mirror).is_nil());
}

TEST_F(JournalKeeperTest, OneSlotStaysUntilTheOtherIsDurable) {
    ASSERT_TRUE(write(1));
    keeper->journal().epoch_tried = 2;
    keeper->write([](const Result<void>&) {});
    file.crash();
    reopen();
    EXPECT_TRUE(epoch() == 1 || epoch() == 2);
}

TEST_F(JournalKeeperTest, SlotThatWasNotWrittenIsTheFirstToBeWrittenNext) {
    ASSERT_TRUE(write(1));
    std::optional<Result<void>> written;
    keeper->journal().epoch_tried = 2;
    keeper->write([&](Result<void> result) { written = std::move(result); });
    loop.run_until([&] { return file.writes() == 3; });
    file.fail_write = Errc::io_error;
    loop.run_until([&] { return written.has_value(); });
    EXPECT_FALSE(*written);
    const unsigned newest = choose_journal({file.slots, {}, 0, false}).next_slot ^ 1u;
    const Bytes good = file.slots[newest];
    file.fail_write = Errc::ok;
    keeper->write([](const Result<void>&) {});
    loop.run_until([&] { return file.writes() == 4; });
    EXPECT_EQ(file.slots[newest], good);
}

/// Members that have not heard of the other head would have what that one knows nothing of.
TEST_F(JournalKeeperTest, M6KeepsNoRecordOnceTheHeadWasOvertaken) {
    ASSERT_TRUE(write(1));
    const auto before = file.slots;
    keeper->set_overtaken();
    std::optional<Result<void>> kept;
    keeper->keep(Record{}, [&](Result<void> result) { kept = std::move(result); });
    ASSERT_TRUE(loop.run_until([&] { return kept.has_value(); }));
    EXPECT_EQ(kept->error().code, Errc::fenced);
    EXPECT_EQ(file.slots, before);
}

}  // namespace
}  // namespace dst
