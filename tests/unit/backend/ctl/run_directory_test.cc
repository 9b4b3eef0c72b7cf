#include "ctl/run_directory.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "control/run_dir.h"

namespace dst::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RunDirectory : public testing::Test {
protected:
    RunDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "dst-ctl-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~RunDirectory() override { std::filesystem::remove_all(folder_); }

    const std::string& folder() const { return folder_; }
    void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }

    /// A socket file that nobody listens on, as a killed head leaves it.
    void leave_socket(const std::string& storage) const {
        int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, control::socket_path(folder_, storage).c_str(), sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ::close(fd);
    }

private:
    std::string folder_;
};

constexpr std::chrono::milliseconds limit{500};

TEST_F(RunDirectory, ListsEachStorageOnceAndSorted) {
    write("b.failed", "{}");
    write("a.failed", "{}");
    leave_socket("b");
    write("c.lock", "");
    write(".sock", "");
    EXPECT_THAT(list_storages(folder()), ElementsAre("a", "b"));
}

TEST_F(RunDirectory, MissingFolderHoldsNothing) { EXPECT_THAT(list_storages(folder() + "/none"), IsEmpty()); }

TEST_F(RunDirectory, FailedOpenIsTold) {
    control::FailedOpen failed{"vol0", "2026-01-02T03:04:05Z", "/dev/sdb is not labelled", "tgtd[1]"};
    write("vol0.failed", control::encode_failed_open(failed));
    Answer answer = ask_storage(folder(), "vol0", limit);
    ASSERT_TRUE(answer.status.has_value());
    EXPECT_EQ(answer.status->storage, "vol0");
    EXPECT_EQ(answer.status->state, StorageState::failed);
    EXPECT_EQ(answer.status->reason, "/dev/sdb is not labelled");
    EXPECT_EQ(answer.status->head, "tgtd[1]");
    EXPECT_FALSE(answer.status->tree.has_value());
}

TEST_F(RunDirectory, FailedOpenIsToldAlthoughADeadHeadsSocketIsThere) {
    leave_socket("vol0");
    write("vol0.failed", control::encode_failed_open({"vol0", "t", "why", "h"}));
    EXPECT_TRUE(ask_storage(folder(), "vol0", limit).status.has_value());
}

TEST_F(RunDirectory, UnknownStorageIsNotFound) {
    EXPECT_EQ(ask_storage(folder(), "vol0", limit).status.error().code, Errc::not_found);
}

TEST_F(RunDirectory, DeadHeadsSocketIsNotFound) {
    leave_socket("vol0");
    EXPECT_EQ(ask_storage(folder(), "vol0", limit).status.error().code, Errc::not_found);
}

TEST_F(RunDirectory, DamagedFailedFileIsAnErrorOfItsOwn) {
    write("vol0.failed", "not json");
    EXPECT_EQ(ask_storage(folder(), "vol0", limit).status.error().code, Errc::corrupt);
}

}  // namespace
}  // namespace dst::ctl
