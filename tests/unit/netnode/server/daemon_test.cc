// dst-netnode as a process of its own.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <sstream>
#include <thread>

#include "asio/owned_fd.h"
#include "asio/resolver.h"
#include "support/served.h"

extern char** environ;

namespace dst {
namespace {

/// The program of this build.
std::string binary() {
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../../netnode/dst-netnode").string();
}

std::uint16_t free_port() {
    const OwnedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = parse_address("127.0.0.1", 0);
    EXPECT_EQ(::bind(fd.get(), address->get(), address->length), 0);
    EXPECT_EQ(::getsockname(fd.get(), address->get(), &address->length), 0);
    return ntohs(reinterpret_cast<sockaddr_in&>(address->storage).sin_port);
}

class DaemonTest : public testing::Test {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(binary())) GTEST_SKIP() << binary() << " is not built";
        port = free_port();
        make_file(folder.file("disk0"), 32 * mib);
        write_file(yaml("disk0"));
    }
    void TearDown() override {
        if (pid > 0) end(SIGKILL);
    }
    std::string yaml(const std::string& disk) const {
        std::ostringstream text;
        text << "listen: [\"127.0.0.1:" << port << "\"]\nexports:\n  disk0:\n    disk: " << folder.file(disk) << "\n";
        return text.str();
    }
    void write_file(const std::string& text) const { std::ofstream(folder.file("netnode.yaml")) << text; }
    std::string log() const {
        std::ostringstream text;
        text << std::ifstream(folder.file("log")).rdbuf();
        return text.str();
    }
    /// Runs the program; `arguments` before the file.
    void start(const std::vector<std::string>& arguments = {}) {
        std::vector<std::string> words{binary()};
        words.insert(words.end(), arguments.begin(), arguments.end());
        words.push_back(folder.file("netnode.yaml"));
        std::vector<char*> pointers;
        for (std::string& word : words) pointers.push_back(word.data());
        pointers.push_back(nullptr);
        ::setenv("DST_RUN_DIR", folder.file("run").c_str(), 1);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 2, folder.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ASSERT_EQ(posix_spawn(&pid, words[0].c_str(), &actions, nullptr, pointers.data(), environ), 0);
        posix_spawn_file_actions_destroy(&actions);
    }
    /// The exit status, or minus the signal.
    int end(int signal) {
        if (signal != 0) ::kill(pid, signal);
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        pid = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    bool logs(const std::string& text) {
        return run_until(loop, [&] { return log().find(text) != std::string::npos; });
    }

    TemporaryFolder folder;
    EventLog events;
    AsioLoop loop;
    std::uint16_t port = 0;
    pid_t pid = 0;
};

TEST_F(DaemonTest, EndsCleanlyOnSigterm) {
    start();
    ASSERT_TRUE(logs("INFO listening ")) << log();
    EXPECT_EQ(end(SIGTERM), 0);
    EXPECT_NE(log().find("INFO stopped "), std::string::npos) << log();
}

TEST_F(DaemonTest, EndsCleanlyWhileAClientIsConnected) {
    start();
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up()) << log();
    ::kill(pid, SIGTERM);
    EXPECT_TRUE(run_until(loop, [&] { return client.downs == 1; }));
    EXPECT_EQ(end(0), 0);
}

TEST_F(DaemonTest, AClientComesBackAfterAKillAndFindsItsDataAndTheSameIncarnation) {
    start();
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up()) << log();
    const Incarnation before = client.leaf->incarnation();
    ASSERT_EQ(client.write(4096, Bytes(8192, std::byte{0x42})), Errc::ok);
    end(SIGKILL);
    ASSERT_TRUE(run_until(loop, [&] { return client.downs == 1; }));
    start();
    ASSERT_TRUE(client.wait_up()) << log();
    EXPECT_EQ(client.leaf->incarnation(), before);
    EXPECT_EQ(client.read(4096, 8192), Bytes(8192, std::byte{0x42}));
}

TEST_F(DaemonTest, AClientNoticesThatTheMediumIsAnotherOne) {
    start();
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up()) << log();
    const Incarnation before = client.leaf->incarnation();
    const Geometry geometry = client.leaf->geometry();
    end(SIGKILL);
    std::filesystem::remove(folder.file("disk0"));
    make_file(folder.file("disk0"), 16 * mib);
    start();
    ASSERT_TRUE(run_until(loop, [&] { return client.leaf->up() && client.downs >= 1; })) << log();
    EXPECT_NE(client.leaf->incarnation(), before);
    EXPECT_LT(client.leaf->geometry().size_bytes, geometry.size_bytes);
}

TEST_F(DaemonTest, TakesUpAChangedFileOnSighupAndKeepsTheOldOneWhenItHasMistakes) {
    start();
    Client client(loop, events, port, "disk0");
    ASSERT_TRUE(client.wait_up()) << log();
    write_file("listen: nonsense\n");
    ::kill(pid, SIGHUP);
    ASSERT_TRUE(logs("ERROR reload-refused ")) << log();
    EXPECT_EQ(client.write(0, Bytes(4096)), Errc::ok);
    EXPECT_EQ(client.downs, 0);
    make_file(folder.file("disk1"), 8 * mib);
    write_file(yaml("disk0") + "  disk1:\n    disk: " + folder.file("disk1") + "\n");
    ::kill(pid, SIGHUP);
    Client second(loop, events, port, "disk1");
    EXPECT_TRUE(second.wait_up()) << log();
    EXPECT_EQ(client.downs, 0);
}

TEST_F(DaemonTest, ChecksAFileWithoutServing) {
    start({"--check"});
    EXPECT_EQ(end(0), 0);
    write_file("listen: nonsense\n");
    start({"--check"});
    EXPECT_EQ(end(0), 1);
    EXPECT_NE(log().find("netnode.yaml:1:"), std::string::npos) << log();
}

TEST_F(DaemonTest, RefusesToStartWithMistakes) {
    write_file("exports: {}\n");
    start();
    EXPECT_EQ(end(0), 1);
}

TEST_F(DaemonTest, EndsWith70WhenItCannotListen) {
    const OwnedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = parse_address("127.0.0.1", port);
    ASSERT_EQ(::bind(fd.get(), address->get(), address->length), 0);
    ASSERT_EQ(::listen(fd.get(), 1), 0);
    start();
    EXPECT_EQ(end(0), 70);
    EXPECT_NE(log().find("CRITICAL start-failed "), std::string::npos) << log();
}

TEST_F(DaemonTest, TellsTheServiceManagerThatItIsReady) {
    const std::string path = folder.file("notify");
    const OwnedFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    start();
    ::unsetenv("NOTIFY_SOCKET");
    std::string said;
    EXPECT_TRUE(run_until(loop, [&] {
        std::array<char, 256> text{};
        const ssize_t got = ::recv(socket.get(), text.data(), text.size(), 0);
        if (got > 0) said.assign(text.data(), static_cast<std::size_t>(got));
        return !said.empty();
    }));
    EXPECT_EQ(said, "READY=1");
}

}  // namespace
}  // namespace dst
