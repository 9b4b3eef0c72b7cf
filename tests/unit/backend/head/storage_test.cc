#include "head/storage.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "asio/asio_loop.h"
#include "control/client.h"
#include "control/protocol.h"
#include "control/run_dir.h"
#include "media/label.h"
#include "support/storage_world.h"

namespace dst {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

#if defined(__SANITIZE_THREAD__)
constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
constexpr bool thread_sanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool thread_sanitizer = false;
#endif

class StorageTest : public testing::Test {
protected:
    std::string failed_reason(const std::string& storage) const {
        const auto failed = control::read_failed_open(world_.options().run_dir, storage);
        return failed ? failed->reason : "";
    }
    Result<StorageStatus> ask_status(const std::string& storage) const {
        return control::ask_status(control::socket_path(world_.options().run_dir, storage), 5s);
    }

    StorageWorld world_;
};

TEST_F(StorageTest, ReadsBackWhatWasWritten) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    Bytes written = pattern_bytes(256 << 10, 1);
    EXPECT_EQ(do_io(*storage, Operation::write, {1 << 20, written.size()}, written), Errc::ok);
    Bytes read(written.size());
    EXPECT_EQ(do_io(*storage, Operation::read, {1 << 20, read.size()}, read), Errc::ok);
    EXPECT_EQ(read, written);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, KeepsWhatWasWrittenOverCloseAndOpen) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    const Id id = storage->id();
    Bytes written = pattern_bytes(4096, 2);
    EXPECT_EQ(do_io(*storage, Operation::write, {0, written.size()}, written), Errc::ok);
    StorageWorld::close(std::move(storage));
    storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    EXPECT_EQ(storage->id(), id);
    Bytes read(written.size());
    EXPECT_EQ(do_io(*storage, Operation::read, {0, read.size()}, read), Errc::ok);
    EXPECT_EQ(read, written);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, KnowsItsGeometryOnceOpen) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    EXPECT_GT(storage->geometry().size_bytes, StorageWorld::disk_bytes / 2);
    EXPECT_LE(storage->geometry().size_bytes, StorageWorld::disk_bytes);
    EXPECT_EQ(storage->geometry().logical_block_bytes, 512u);
    EXPECT_FALSE(storage->id().is_nil());
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, OpensALocalTreeWithoutWaitingForTheLimit) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    const auto start = Clock::now();
    auto storage = world_.open(spec);
    EXPECT_LT(Clock::now() - start, 1500ms);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, AnswersStatusWhileIoRuns) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        Bytes bytes = pattern_bytes(64 << 10, 3);
        for (unsigned i = 0; !stop; ++i) {
            EXPECT_EQ(do_io(*storage, Operation::write, {(i % 64) * bytes.size(), bytes.size()}, bytes), Errc::ok);
        }
    });
    for (int i = 0; i < 20; ++i) {
        const auto status = ask_status("vol0");
        ASSERT_TRUE(status) << status.error().text;
        EXPECT_EQ(status->state, StorageState::healthy) << status->reason;
        EXPECT_EQ(status->head, world_.options().head_name());
        EXPECT_EQ(status->size_bytes, storage->geometry().size_bytes);
        ASSERT_TRUE(status->tree);
        EXPECT_EQ(status->tree->children.size(), 2u);
    }
    stop = true;
    writer.join();
    StorageWorld::close(std::move(storage));
    EXPECT_FALSE(fs::exists(control::socket_path(world_.options().run_dir, "vol0")));
    EXPECT_FALSE(fs::exists(control::lock_path(world_.options().run_dir, "vol0")));
}

TEST_F(StorageTest, LeavesNoThreadsDescriptorsOrFilesOverAHundredRounds) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    unsigned descriptors = 0;
    unsigned threads_before = 0;
    for (int round = 0; round < 100; ++round) {
        auto storage = world_.open(spec);
        ASSERT_NE(storage, nullptr) << "round " << round;
        Bytes bytes = pattern_bytes(4096, 4);
        EXPECT_EQ(do_io(*storage, Operation::write, {0, bytes.size()}, bytes), Errc::ok);
        StorageWorld::close(std::move(storage));
        if (round == 19) {
            descriptors = open_descriptors();
            threads_before = threads();
        }
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_TRUE(threads_become(threads_before)) << threads() << " instead of " << threads_before;
    EXPECT_EQ(Storage::closing_in_background(), 0u);
}

TEST_F(StorageTest, FailedOpensLeaveNoThreadsAndDescriptors) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    unsigned descriptors = 0;
    unsigned threads_before = 0;
    for (int round = 0; round < 40; ++round) {
        EXPECT_NE(world_.fail_to_open(spec).code, Errc::ok);
        if (round == 9) {
            descriptors = open_descriptors();
            threads_before = threads();
        }
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_TRUE(threads_become(threads_before)) << threads() << " instead of " << threads_before;
}

TEST_F(StorageTest, UnlabelledMediaFailAtOnceAndSayWhatToDo) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    const auto start = Clock::now();
    const Error why = world_.fail_to_open(spec);
    EXPECT_LT(Clock::now() - start, 1500ms);
    EXPECT_NE(why.text.find("dstctl init"), std::string::npos) << why.text;
    EXPECT_EQ(failed_reason("vol0"), why.text);
}

TEST_F(StorageTest, AMissingNodeWithoutJournalFailsInTimeAndIsNamed) {
    const spec::Storage spec = world_.single_netnode("vol0", "127.0.0.1", 1);
    const auto start = Clock::now();
    const Error why = world_.fail_to_open(spec);
    EXPECT_LT(Clock::now() - start, 3s);
    EXPECT_NE(why.text.find("127.0.0.1:1/disk0"), std::string::npos) << why.text;
    EXPECT_NE(why.text.find("add the LUN again"), std::string::npos) << why.text;
    EXPECT_EQ(why.text.find("by itself"), std::string::npos) << why.text;
    EXPECT_EQ(failed_reason("vol0"), why.text);
}

TEST_F(StorageTest, ANameThatDoesNotResolveHoldsNobodyUp) {
    const spec::Storage spec = world_.single_netnode("vol0", "no-such-name.invalid", 7790);
    const auto start = Clock::now();
    EXPECT_NE(world_.fail_to_open(spec).code, Errc::ok);
    EXPECT_LT(Clock::now() - start, 3s);
}

TEST_F(StorageTest, WithAJournalComesUpHoldingAndServesWhenTheMediaAreBack) {
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    const Geometry geometry = storage->geometry();
    StorageWorld::close(std::move(storage));
    for (const char* disk : {"vol0-0", "vol0-1"})
        fs::rename(world_.folder() / disk, world_.folder() / (std::string(disk) + ".away"));

    const auto start = Clock::now();
    storage = world_.open(spec);
    EXPECT_LT(Clock::now() - start, 3s);
    ASSERT_NE(storage, nullptr);
    EXPECT_EQ(storage->geometry().size_bytes, geometry.size_bytes);
    const auto status = ask_status("vol0");
    ASSERT_TRUE(status) << status.error().text;
    EXPECT_EQ(status->state, StorageState::waiting);
    EXPECT_NE(status->reason, "");
    const PendingIo held(*storage, Operation::write, {0, 4096}, pattern_bytes(4096, 5));
    EXPECT_EQ(held.result_within(300ms), std::nullopt) << "it is held";

    for (const char* disk : {"vol0-0", "vol0-1"})
        fs::rename(world_.folder() / (std::string(disk) + ".away"), world_.folder() / disk);
    EXPECT_EQ(held.result_within(15s), Errc::ok);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, ASecondHeadOfTheSameNameIsRefusedAndToldWhoHasIt) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    const Error why = world_.fail_to_open(spec);
    EXPECT_EQ(why.code, Errc::busy);
    EXPECT_NE(why.text.find("already open in " + world_.options().head_name()), std::string::npos) << why.text;
    EXPECT_EQ(failed_reason("vol0"), "") << "the name belongs to the storage that is well";
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, AJournalThatAnotherHeadHoldsIsRefused) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    HeadOptions elsewhere = world_.options();
    elsewhere.run_dir = world_.folder() / "run2";
    auto second = Storage::open(spec, elsewhere, StorageWorld::open_limit);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().text.find(spec.journal), std::string::npos) << second.error().text;
    EXPECT_TRUE(control::read_failed_open(elsewhere.run_dir, "vol0"));
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, AGoodOpenTakesTheFailedFileAway) {
    const spec::Storage spec = world_.single_disk("vol0");
    EXPECT_NE(world_.fail_to_open(spec).code, Errc::ok);
    EXPECT_NE(failed_reason("vol0"), "");
    world_.init(spec);
    auto storage = world_.open(spec);
    EXPECT_EQ(failed_reason("vol0"), "");
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, MakesWhatVanishedFromTheRunDirectoryAnew) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    fs::remove_all(world_.options().run_dir);
    const auto deadline = Clock::now() + 10s;
    while (!ask_status("vol0") && Clock::now() < deadline) std::this_thread::sleep_for(50ms);
    EXPECT_TRUE(ask_status("vol0"));
    EXPECT_EQ(world_.fail_to_open(spec).code, Errc::busy) << "the name is held as before";
    StorageWorld::close(std::move(storage));
    EXPECT_FALSE(fs::exists(control::lock_path(world_.options().run_dir, "vol0")));
    EXPECT_FALSE(fs::exists(control::socket_path(world_.options().run_dir, "vol0")));
}

TEST_F(StorageTest, AnotherStoragesMediumIsRefusedByName) {
    const spec::Storage other = world_.single_disk("other");
    world_.init(other);
    spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    spec.tree = other.tree;
    const Error why = world_.fail_to_open(spec);
    EXPECT_NE(why.text.find("other"), std::string::npos) << why.text;
}

TEST_F(StorageTest, ALabelThatIsDamagedInBothCopiesIsRefused) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    std::fstream disk(world_.folder() / "vol0-0", std::ios::in | std::ios::out | std::ios::binary);
    for (const unsigned copy : {0u, 1u}) {
        disk.seekp(static_cast<std::streamoff>(label_copy(StorageWorld::disk_bytes, copy).offset + 40));
        disk << "rubbish";
    }
    disk.close();
    const auto start = Clock::now();
    const Error why = world_.fail_to_open(spec);
    EXPECT_LT(Clock::now() - start, 3s);
    EXPECT_NE(why.text.find("vol0-0"), std::string::npos) << why.text;
}

TEST_F(StorageTest, ARunDirectoryThatCannotBeMadeIsNamed) {
    spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    HeadOptions options = world_.options();
    std::ofstream(world_.folder() / "file") << "x";
    options.run_dir = world_.folder() / "file/run";
    auto opened = Storage::open(spec, options, StorageWorld::open_limit);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("file/run"), std::string::npos) << opened.error().text;
}

TEST_F(StorageTest, OpensAfterItsHeadWasKilled) {
    if (thread_sanitizer) GTEST_SKIP() << "the thread sanitizer does not follow a fork that starts threads";
    const spec::Storage spec = world_.mirror_of_disks("vol0", 2);
    world_.init(spec);
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        auto storage = world_.open(spec);
        char ready = storage ? 'y' : 'n';
        if (::write(pipe[1], &ready, 1) == 1) ::pause();
        ::_exit(1);
    }
    char ready = 0;
    ASSERT_EQ(::read(pipe[0], &ready, 1), 1);
    EXPECT_EQ(ready, 'y');
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ASSERT_TRUE(fs::exists(control::socket_path(world_.options().run_dir, "vol0"))) << "a leftover to be replaced";
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    EXPECT_TRUE(ask_status("vol0"));
    StorageWorld::close(std::move(storage));
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_F(StorageTest, ThreadTakesNoSignals) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    std::promise<bool> blocked;
    storage->run_on_loop([&] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked.set_value(sigismember(&mask, SIGUSR2) == 1 && sigismember(&mask, SIGTERM) == 1);
    });
    EXPECT_TRUE(blocked.get_future().get());
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, TenIdleStoragesUseNextToNoProcessorTime) {
    std::vector<std::unique_ptr<Storage>> storages;
    for (int number = 0; number < 10; ++number) {
        const spec::Storage spec = world_.mirror_of_disks("vol" + std::to_string(number), 2);
        world_.init(spec);
        storages.push_back(world_.open(spec));
        ASSERT_NE(storages.back(), nullptr);
    }
    std::this_thread::sleep_for(200ms);
    timespec before{};
    timespec after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    std::this_thread::sleep_for(3s);
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    const double used_ms = (after.tv_sec - before.tv_sec) * 1e3 + (after.tv_nsec - before.tv_nsec) / 1e6;
    EXPECT_LT(used_ms, 30) << "one per cent of one processor";
    for (auto& storage : storages) StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, CloseOfAStorageThatHangsGoesOnInTheBackground) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    std::promise<void> release;
    storage->run_on_loop([future = release.get_future().share()] { future.wait(); });
    const auto start = Clock::now();
    Storage::close(std::move(storage), 200ms);
    EXPECT_LT(Clock::now() - start, 2s);
    EXPECT_EQ(Storage::closing_in_background(), 1u);
    release.set_value();
    const auto deadline = Clock::now() + 10s;
    while (Storage::closing_in_background() > 0 && Clock::now() < deadline) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(Storage::closing_in_background(), 0u);
    storage = world_.open(spec);
    EXPECT_NE(storage, nullptr) << "the name and the journal are free again";
    StorageWorld::close(std::move(storage));
}

// As where the kernel waits for a flush that the thread has under way in a disk that hangs.
TEST_F(StorageTest, CloseDoesNotWaitForAThreadThatHangsOnItsWayOut) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    struct WayOut {
        std::shared_future<void> free;
        ~WayOut() {
            if (free.valid()) free.wait();
        }
    };
    std::promise<void> release;
    storage->run_on_loop([free = release.get_future().share()] {
        static thread_local WayOut way_out;
        way_out.free = free;
    });
    const std::future<void> closed =
        std::async(std::launch::async, [&] { Storage::close(std::move(storage), StorageWorld::close_limit); });
    EXPECT_EQ(closed.wait_for(StorageWorld::close_limit / 2), std::future_status::ready);
    EXPECT_EQ(Storage::closing_in_background(), 0u) << "everything was given back";
    storage = world_.open(spec);
    EXPECT_NE(storage, nullptr);
    release.set_value();
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, ReopenWaitsForAPredecessorInItsLastMoments) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    ASSERT_NE(storage, nullptr);
    storage->run_on_loop([] { std::this_thread::sleep_for(300ms); });
    Storage::close(std::move(storage), 0ms);
    storage = world_.open(spec);
    EXPECT_NE(storage, nullptr);
    StorageWorld::close(std::move(storage));
}

TEST_F(StorageTest, EventsCanBeAskedFor) {
    const spec::Storage spec = world_.single_disk("vol0");
    world_.init(spec);
    auto storage = world_.open(spec);
    const auto answer =
        control::ask(control::socket_path(world_.options().run_dir, "vol0"), control::make_request("events"), 5s);
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_GT(answer->at("last").to_number<int>(), 0) << "at least that it serves";
    StorageWorld::close(std::move(storage));
}

}  // namespace
}  // namespace dst
