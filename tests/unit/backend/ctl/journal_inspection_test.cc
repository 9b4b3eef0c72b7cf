#include <gmock/gmock.h>

#include <algorithm>

#include "block/store.h"
#include "ctl/inspection.h"
#include "support/inspected.h"
#include "support/inspected_file.h"

namespace dst::ctl {
namespace {

using testing::ElementsAre;

constexpr std::size_t header_bytes = 4096;
constexpr std::size_t stride_bytes = header_bytes + Store::slot_bytes_max;

using InspectJournal = InspectFile;

/// As it lies in a file: both slots with a journal, sequences 21 and 22.
Bytes journal_file() {
    Bytes file(2 * stride_bytes);
    for (std::size_t slot : {0u, 1u}) {
        Journal journal = filled_journal();
        journal.sequence += slot;
        const Bytes copy = *encode_journal(journal);
        Bytes header(16);
        std::copy_n(reinterpret_cast<const std::byte*>("DSTSTOR1"), 8, header.begin());
        header[8] = static_cast<std::byte>(copy.size());
        header[9] = static_cast<std::byte>(copy.size() >> 8);
        const auto at = file.begin() + static_cast<std::ptrdiff_t>(slot * stride_bytes);
        std::copy(header.begin(), header.end(), at);
        std::copy(copy.begin(), copy.end(), at + header_bytes);
    }
    return file;
}

/// In both slots.
void overwrite(Bytes& file, std::size_t offset, std::size_t count, std::byte with) {
    for (std::size_t at : {offset, stride_bytes + offset}) {
        std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(at), count, with);
    }
}

TEST_F(InspectJournal, ShowsTheCopyThatCounts) {
    const std::string path = write(journal_file());
    EXPECT_TRUE(is_journal_file(path));
    const JournalInspection found = inspect_journal(path);
    EXPECT_EQ(found.file, JournalFile::made);
    EXPECT_FALSE(found.error.has_value());
    EXPECT_EQ(found.journal.value().sequence, 22u);
    EXPECT_THAT(found.copies, ElementsAre(CopyInspection{CopyState::good, 21}, CopyInspection{CopyState::good, 22}));
}

TEST_F(InspectJournal, TellsBothCopiesWhenNoneCounts) {
    Bytes file = journal_file();
    overwrite(file, header_bytes + 100, 4, std::byte{0xff});
    const std::string path = write(file);
    EXPECT_TRUE(is_journal_file(path));
    const JournalInspection found = inspect_journal(path);
    EXPECT_EQ(found.file, JournalFile::made);
    EXPECT_EQ(found.error.value().code, Errc::corrupt);
    EXPECT_THAT(found.copies, ElementsAre(CopyInspection{CopyState::damaged}, CopyInspection{CopyState::damaged}));
}

TEST_F(InspectJournal, KnowsOneThatWasMadeAndNeverWritten) {
    Bytes file = journal_file();
    overwrite(file, 8, 8, std::byte{0});
    const std::string path = write(file);
    EXPECT_TRUE(is_journal_file(path));
    const JournalInspection found = inspect_journal(path);
    EXPECT_EQ(found.file, JournalFile::made);
    EXPECT_EQ(found.error.value().code, Errc::not_found);
    EXPECT_THAT(found.copies, ElementsAre(CopyInspection{CopyState::empty}, CopyInspection{CopyState::empty}));
}

TEST_F(InspectJournal, ShowsWhatIsLeftWhenBothSlotHeadersAreGone) {
    Bytes file = journal_file();
    overwrite(file, 0, 16, std::byte{0xff});
    const std::string path = write(file);
    EXPECT_TRUE(is_journal_file(path));
    const JournalInspection found = inspect_journal(path);
    EXPECT_EQ(found.file, JournalFile::headless);
    EXPECT_EQ(found.error.value().code, Errc::refused);
    EXPECT_EQ(found.journal.value().sequence, 22u);
}

TEST_F(InspectJournal, KnowsOneByItsSizeWhenNothingElseIsLeft) {
    Bytes file = journal_file();
    overwrite(file, 0, header_bytes + 16, std::byte{0xff});
    const std::string path = write(file);
    EXPECT_TRUE(is_journal_file(path));
    EXPECT_EQ(inspect_journal(path).file, JournalFile::headless);
}

TEST_F(InspectJournal, KnowsOneWhoseMakingWasInterrupted) {
    const std::string zeroes = write(Bytes(2 * stride_bytes));
    EXPECT_TRUE(is_journal_file(zeroes));
    EXPECT_EQ(inspect_journal(zeroes).file, JournalFile::unmade);
    EXPECT_FALSE(is_journal_file(write({})));
    EXPECT_TRUE(is_journal_file(write({}, "vol0.journal")));
    EXPECT_EQ(inspect_journal(path("vol0.journal")).file, JournalFile::unmade);
}

TEST_F(InspectJournal, TellsOneByNameThatIsSomebodyElses) {
    const std::string path = write(Bytes(5000, std::byte{0x5a}), "vol0.journal");
    EXPECT_TRUE(is_journal_file(path));
    const JournalInspection found = inspect_journal(path);
    EXPECT_EQ(found.file, JournalFile::foreign);
    EXPECT_EQ(found.error.value().code, Errc::refused);
}

TEST_F(InspectJournal, MediumIsNone) {
    EXPECT_FALSE(is_journal_file(write(labelled(mirror_leaf()))));
    EXPECT_FALSE(is_journal_file(write(labelled(mirror_leaf()), "disk.journal")));
    EXPECT_FALSE(is_journal_file(write(Bytes(leaf_bytes, std::byte{0x5a}))));
    EXPECT_FALSE(is_journal_file(path("none")));
}

TEST_F(InspectJournal, ThatIsMissingIsAnError) {
    const JournalInspection found = inspect_journal(path("none"));
    EXPECT_TRUE(found.error.has_value());
    EXPECT_FALSE(found.file.has_value());
}

}  // namespace
}  // namespace dst::ctl
