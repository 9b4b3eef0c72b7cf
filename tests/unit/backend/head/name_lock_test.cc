#include "head/name_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "support/temp_folder.h"

namespace dst {
namespace {

TEST(NameLock, IsRefusedToASecondHolderInTheSameProcess) {
    const TempFolder folder;
    const auto first = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[1]");
    ASSERT_TRUE(first);
    const auto second = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[2]");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::busy);
    EXPECT_NE(second.error().text.find("already open in tgtd[1]"), std::string::npos) << second.error().text;
}

TEST(NameLock, IsFreeAfterItsHolderEndedAndLeavesNoFile) {
    const TempFolder folder;
    { const auto lock = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[1]"); }
    EXPECT_FALSE(std::filesystem::exists(folder / "vol0.lock"));
    EXPECT_TRUE(NameLock::take(folder / "vol0.lock", "vol0", "tgtd[2]"));
}

TEST(NameLock, IsFreeAfterItsHolderWasKilled) {
    const TempFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[a name that is long]");
        ::_exit(lock ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(std::filesystem::exists(folder / "vol0.lock"));
    const auto lock = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[2]");
    ASSERT_TRUE(lock);
    const auto other = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[3]");
    EXPECT_NE(other.error().text.find("tgtd[2] (lock"), std::string::npos) << other.error().text;
}

TEST(NameLock, WhoseFileWasTakenAwayKnowsItAndLeavesItsSuccessorsAlone) {
    const TempFolder folder;
    std::optional<NameLock> lock(*NameLock::take(folder / "vol0.lock", "vol0", "tgtd[1]"));
    EXPECT_TRUE(lock->in_place());
    std::filesystem::remove(folder / "vol0.lock");
    EXPECT_FALSE(lock->in_place());
    const auto next = NameLock::take(folder / "vol0.lock", "vol0", "tgtd[2]");
    ASSERT_TRUE(next);
    lock.reset();
    EXPECT_TRUE(next->in_place());
}

TEST(NameLock, NamesTheFolderThatIsMissing) {
    const TempFolder folder;
    const auto lock = NameLock::take(folder / "no/vol0.lock", "vol0", "tgtd[1]");
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code, Errc::not_found);
    EXPECT_NE(lock.error().text.find("no/vol0.lock"), std::string::npos);
}

}  // namespace
}  // namespace dst
