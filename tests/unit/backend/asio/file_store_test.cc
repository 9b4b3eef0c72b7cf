#include "asio/file_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "page_vectors.h"
#include "support/run_loop.h"

namespace dst {
namespace {

class FileStoreTest : public testing::Test {
protected:
    Result<StoreContents> open(FileStore& store) {
        std::optional<Result<StoreContents>> answer;
        store.open([&](Result<StoreContents> result) { answer = std::move(result); });
        EXPECT_FALSE(answer);
        EXPECT_TRUE(run_until(loop, [&] { return answer.has_value(); }));
        return *answer;
    }
    Result<void> write(FileStore& store, unsigned slot, const std::string& text) {
        return write(store, slot, bytes(text));
    }
    Result<void> write(FileStore& store, unsigned slot, const Bytes& content) {
        std::optional<Result<void>> answer;
        store.write(slot, content, [&](Result<void> result) { answer = std::move(result); });
        EXPECT_TRUE(run_until(loop, [&] { return answer.has_value(); }));
        return *answer;
    }
    static Bytes bytes(const std::string& text) {
        const auto* data = reinterpret_cast<const std::byte*>(text.data());
        return {data, data + text.size()};
    }

    TemporaryFolder folder;
    AsioLoop loop;
};

TEST_F(FileStoreTest, MakesTheFileAndItsFolders) {
    FileStore store(loop, folder.file("a/b/journal"));
    const auto contents = open(store);
    ASSERT_TRUE(contents.has_value()) << to_string(contents.error());
    EXPECT_TRUE(contents->created);
    EXPECT_TRUE(contents->slots[0].empty() && contents->slots[1].empty());
    EXPECT_FALSE(contents->machine.is_nil());
    struct stat status {};
    ASSERT_EQ(stat(folder.file("a/b/journal").c_str(), &status), 0);
    EXPECT_NE(contents->file, 0u);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, 2 * Store::slot_bytes_max) << "room is allocated";
}

TEST_F(FileStoreTest, KeepsBothSlotsApart) {
    const std::string path = folder.file("journal");
    {
        FileStore store(loop, path);
        ASSERT_TRUE(open(store).has_value());
        ASSERT_TRUE(write(store, 0, "first").has_value());
        ASSERT_TRUE(write(store, 1, std::string(Store::slot_bytes_max, 'x')).has_value());
        ASSERT_TRUE(write(store, 0, "1st").has_value());
    }
    FileStore store(loop, path);
    const auto contents = open(store);
    ASSERT_TRUE(contents.has_value());
    EXPECT_FALSE(contents->created);
    EXPECT_EQ(contents->slots[0], bytes("1st"));
    EXPECT_EQ(contents->slots[1].size(), Store::slot_bytes_max);
}

/// docs/disk_format.md, "Journal".
TEST_F(FileStoreTest, LiesAsThePageSays) {
    const Bytes journal = test::page_vector("journal");
    const Bytes header = test::page_vector("slot-header");
    Bytes page(2 * 1052672);
    std::copy_n(header.begin(), 8, page.begin());
    std::copy(header.begin(), header.end(), page.begin() + 1052672);
    std::copy(journal.begin(), journal.end(), page.begin() + 1052672 + 4096);
    {
        FileStore store(loop, folder.file("journal"));
        ASSERT_TRUE(open(store).has_value());
        ASSERT_TRUE(write(store, 1, journal).has_value());
    }
    std::ifstream written(folder.file("journal"), std::ios::binary);
    EXPECT_TRUE(bytes(std::string(std::istreambuf_iterator<char>(written), {})) == page);
    const auto* text = reinterpret_cast<const char*>(page.data());
    std::ofstream(folder.file("copy"), std::ios::binary).write(text, static_cast<std::streamsize>(page.size()));
    FileStore copy(loop, folder.file("copy"));
    const auto contents = open(copy);
    ASSERT_TRUE(contents.has_value());
    EXPECT_TRUE(contents->slots[0].empty());
    EXPECT_EQ(contents->slots[1], journal);
}

/// Another file that has the same inode number, as a filesystem gives it out again, is a copy.
TEST_F(FileStoreTest, AFileIsNamedByItsBirthAsWell) {
    const std::string path = folder.file("journal");
    const auto number = [&](ino_t& inode) {
        FileStore store(loop, path);
        const auto contents = open(store);
        EXPECT_TRUE(contents.has_value());
        struct stat status {};
        EXPECT_EQ(stat(path.c_str(), &status), 0);
        inode = status.st_ino;
        return contents->file;
    };
    ino_t first = 0;
    const std::uint64_t made = number(first);
    ino_t again = 0;
    EXPECT_EQ(number(again), made) << "the same one";
    std::filesystem::rename(path, folder.file("moved"));
    std::filesystem::rename(folder.file("moved"), path);
    EXPECT_EQ(number(again), made) << "moved there and back";
    struct statx birth {};
    ASSERT_EQ(statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &birth), 0);
    if ((birth.stx_mask & STATX_BTIME) == 0) GTEST_SKIP() << "the filesystem knows no birth times";
    for (int i = 0; i < 1000; ++i) {
        std::filesystem::remove(path);
        ino_t inode = 0;
        const std::uint64_t other = number(inode);
        EXPECT_NE(other, made);
        if (inode == first) return;
    }
    GTEST_SKIP() << "the filesystem does not give inode numbers out again at once";
}

TEST_F(FileStoreTest, SaysThatItIsNotAtItsPlaceAndIsMadeAnewThere) {
    const std::string path = folder.file("state/journal");
    FileStore store(loop, path);
    const auto first = open(store);
    ASSERT_TRUE(first.has_value());
    ASSERT_TRUE(write(store, 0, "one").has_value());
    std::filesystem::remove_all(folder.file("state"));
    EXPECT_EQ(write(store, 1, "two").error().code, Errc::changed);
    const auto second = open(store);
    ASSERT_TRUE(second.has_value()) << to_string(second.error());
    EXPECT_TRUE(second->created);
    EXPECT_NE(second->file, first->file);
    ASSERT_TRUE(write(store, 1, "two").has_value());
    // Another file is put there, and is not written to before it is opened.
    std::filesystem::copy_file(path, folder.file("other"));
    std::filesystem::rename(folder.file("other"), path);
    EXPECT_EQ(write(store, 0, "three").error().code, Errc::changed);
    const auto contents = read_store_file(path);
    ASSERT_TRUE(contents.has_value());
    EXPECT_EQ(contents->slots[1], bytes("two"));
    EXPECT_TRUE(contents->slots[0].empty());
}

/// It may come back, and is not to say then what is true no more.
TEST_F(FileStoreTest, WritesToTheFileThatWasMovedAwayUntilAnotherOneIsMade) {
    const std::string path = folder.file("state/journal");
    FileStore store(loop, path);
    ASSERT_TRUE(open(store).has_value());
    std::filesystem::rename(folder.file("state"), folder.file("away"));
    EXPECT_EQ(write(store, 0, "one").error().code, Errc::changed);
    EXPECT_EQ(write(store, 1, "two").error().code, Errc::changed);
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(open(store).has_value());
    EXPECT_TRUE(write(store, 0, "three").has_value());
    const auto away = read_store_file(folder.file("away/journal"));
    ASSERT_TRUE(away.has_value());
    EXPECT_EQ(away->slots[0], bytes("one"));
    EXPECT_EQ(away->slots[1], bytes("two"));
}

/// Else nothing could be written to it any more, or it would be written to what lies there.
TEST_F(FileStoreTest, KeepsWhatItHasWhenWhatLiesInItsPlaceCannotBeUsed) {
    const std::string path = folder.file("journal");
    const std::string text = "somebody's notes";
    FileStore store(loop, path);
    ASSERT_TRUE(open(store).has_value());
    ASSERT_TRUE(write(store, 0, "one").has_value());
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    EXPECT_TRUE(open(store).has_error());
    EXPECT_EQ(write(store, 1, "two").error().code, Errc::changed);
    std::filesystem::remove(path);
    std::ofstream(path) << text;
    EXPECT_TRUE(open(store).has_error());
    EXPECT_EQ(write(store, 0, "three").error().code, Errc::changed);
    std::ifstream notes(path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(notes), {}), text);
    std::filesystem::remove(path);
    ASSERT_TRUE(open(store).has_value());
    EXPECT_TRUE(write(store, 1, "four").has_value());
}

TEST_F(FileStoreTest, IsLockedForLife) {
    const std::string path = folder.file("journal");
    auto first = std::make_unique<FileStore>(loop, path);
    ASSERT_TRUE(open(*first).has_value());
    FileStore second(loop, path);
    const auto refused = open(second);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::busy);
    EXPECT_NE(refused.error().text.find(path), std::string::npos);
    const std::string holder = "[" + std::to_string(getpid()) + "]";
    EXPECT_NE(refused.error().text.find(holder), std::string::npos) << refused.error().text;
    first.reset();
    FileStore third(loop, path);
    EXPECT_TRUE(open(third).has_value());
}

TEST_F(FileStoreTest, ASlotWithAnImpossibleLengthReadsAsDamaged) {
    const std::string path = folder.file("journal");
    {
        FileStore store(loop, path);
        ASSERT_TRUE(open(store).has_value());
        ASSERT_TRUE(write(store, 0, "kept").has_value());
        ASSERT_TRUE(write(store, 1, "torn").has_value());
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(4096 + Store::slot_bytes_max + 14));
    file.put('\x7f');
    file.close();
    const auto contents = read_store_file(path);
    ASSERT_TRUE(contents.has_value());
    EXPECT_EQ(contents->slots[0], bytes("kept"));
    EXPECT_FALSE(contents->slots[1].empty());
    EXPECT_NE(contents->slots[1], bytes("torn"));
}

TEST_F(FileStoreTest, RefusesAForeignFileAndLeavesItAsItIs) {
    const std::string path = folder.file("precious");
    const std::string text(1700000, 't');
    std::ofstream(path, std::ios::binary) << text;
    FileStore store(loop, path);
    const auto refused = open(store);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::refused);
    EXPECT_NE(refused.error().text.find(path + " is not a journal"), std::string::npos) << refused.error().text;
    std::ifstream file(path, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
}

TEST_F(FileStoreTest, RefusesAForeignFileOfAJournalsSize) {
    const std::string path = folder.file("precious");
    std::ofstream file(path, std::ios::binary);
    file.seekp(70000);
    file.put('x');
    file.close();
    std::filesystem::resize_file(path, 2 * (4096 + Store::slot_bytes_max));
    FileStore store(loop, path);
    EXPECT_TRUE(open(store).has_error());
}

TEST_F(FileStoreTest, AForeignFileReadsAsEmpty) {
    const std::string path = folder.file("precious");
    std::ofstream(path, std::ios::binary) << std::string(100000, 't');
    const auto contents = read_store_file(path);
    ASSERT_TRUE(contents.has_value());
    EXPECT_TRUE(contents->slots[0].empty());
}

TEST_F(FileStoreTest, TakesAFileWhoseMakingWasInterrupted) {
    const std::string path = folder.file("journal");
    std::ofstream(path).close();
    std::filesystem::resize_file(path, 2 * (4096 + Store::slot_bytes_max));
    FileStore store(loop, path);
    EXPECT_TRUE(open(store).has_value());
}

TEST_F(FileStoreTest, KnowsAFileWhoseFirstWriteWasTorn) {
    const std::string path = folder.file("journal");
    {
        FileStore store(loop, path);
        ASSERT_TRUE(open(store).has_value());
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(70000);
    file.put('x');
    file.close();
    FileStore store(loop, path);
    const auto contents = open(store);
    ASSERT_TRUE(contents.has_value()) << to_string(contents.error());
    EXPECT_TRUE(contents->slots[0].empty());
}

TEST_F(FileStoreTest, TakesAStoreThatWasNeverWritten) {
    const std::string path = folder.file("journal");
    {
        FileStore store(loop, path);
        ASSERT_TRUE(open(store).has_value());
    }
    FileStore store(loop, path);
    const auto contents = open(store);
    ASSERT_TRUE(contents.has_value()) << to_string(contents.error());
    EXPECT_FALSE(contents->created);
}

TEST_F(FileStoreTest, TakesAnEmptyFileAndMakesRoomInIt) {
    const std::string path = folder.file("journal");
    std::ofstream(path).close();
    FileStore store(loop, path);
    ASSERT_TRUE(open(store).has_value());
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_size), 2 * Store::slot_bytes_max);
}

TEST_F(FileStoreTest, TakesAStoreOfWhichOneSlotIsOverwritten) {
    const std::string path = folder.file("journal");
    {
        FileStore store(loop, path);
        ASSERT_TRUE(open(store).has_value());
        ASSERT_TRUE(write(store, 1, "kept").has_value());
    }
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file << "something else";
    file.close();
    FileStore store(loop, path);
    const auto contents = open(store);
    ASSERT_TRUE(contents.has_value()) << to_string(contents.error());
    EXPECT_EQ(contents->slots[1], bytes("kept"));
    EXPECT_FALSE(contents->slots[0].empty());
}

TEST_F(FileStoreTest, RefusesWhatIsNoFile) {
    FileStore store(loop, folder.path());
    const auto refused = open(store);
    ASSERT_TRUE(refused.has_error());
    EXPECT_NE(refused.error().text.find(folder.path()), std::string::npos);
}

TEST_F(FileStoreTest, IsReadWithoutTheLock) {
    const std::string path = folder.file("journal");
    FileStore store(loop, path);
    ASSERT_TRUE(open(store).has_value());
    ASSERT_TRUE(write(store, 1, "seen").has_value());
    const auto contents = read_store_file(path);
    ASSERT_TRUE(contents.has_value());
    EXPECT_EQ(contents->slots[1], bytes("seen"));
    EXPECT_EQ(read_store_file(folder.file("none")).error().code, Errc::not_found);
}

TEST_F(FileStoreTest, LooksAtAnyFile) {
    const std::string path = folder.file("journal");
    {
        FileStore store(loop, path);
        ASSERT_TRUE(open(store).has_value());
        ASSERT_TRUE(write(store, 1, "seen").has_value());
    }
    auto looked = look_at_store_file(path);
    ASSERT_TRUE(looked.has_value());
    EXPECT_TRUE(looked->has_header && looked->store_sized && !looked->unmade);
    EXPECT_EQ(looked->contents.slots[1], bytes("seen"));
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.write("xxxx", 4).seekp(4096 + Store::slot_bytes_max).write("xxxx", 4);
    file.close();
    looked = look_at_store_file(path);
    ASSERT_TRUE(looked.has_value());
    EXPECT_TRUE(!looked->has_header && looked->store_sized && !looked->unmade);
    ASSERT_EQ(looked->contents.slots[1].size(), Store::slot_bytes_max);
    EXPECT_EQ(looked->contents.slots[1][3], bytes("seen")[3]);
    std::ofstream(path).close();
    EXPECT_TRUE(look_at_store_file(path)->unmade);
    std::filesystem::resize_file(path, 2 * (4096 + Store::slot_bytes_max));
    EXPECT_TRUE(look_at_store_file(path)->unmade);
    EXPECT_TRUE(look_at_store_file(folder.path()).has_error());
}

TEST_F(FileStoreTest, MayBeDestroyedWithAWriteUnderWay) {
    bool answered = false;
    {
        FileStore store(loop, folder.file("journal"));
        ASSERT_TRUE(open(store).has_value());
        store.write(0, Bytes(Store::slot_bytes_max), [&](Result<void>) { answered = true; });
    }
    run_for(loop, std::chrono::milliseconds(50));
    EXPECT_FALSE(answered);
}

TEST(MachineId, IsTheSameEveryTime) { EXPECT_EQ(machine_id(), machine_id()); }

}  // namespace
}  // namespace dst
