#include "head/control_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>
#include <vector>

#include "control/client.h"
#include "control/protocol.h"
#include "control/unix_address.h"
#include "support/temp_folder.h"

namespace dst {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

json::object echo(const json::object& request) {
    json::object answer = control::ok_answer();
    answer["asked"] = request;
    return answer;
}

/// A server on a thread of its own.
class ControlServerTest : public testing::Test {
protected:
    ControlServerTest() { start(folder_ / "vol0.sock"); }
    ~ControlServerTest() override { stop(); }

    void start(const std::string& path) {
        path_ = path;
        server_ = std::make_unique<ControlServer>(context_, path_, echo, idle_max_);
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().text;
        thread_ = std::thread([this] { context_.run(); });
    }

    void stop() {
        if (!thread_.joinable()) return;
        boost::asio::post(context_, [this] { server_->stop(); });
        thread_.join();  // run() ends by itself when nothing of the server is left
        context_.restart();
    }

    int connect() {
        const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un where;
        control::UnixAddress::make(path_)->fill(where);
        EXPECT_EQ(::connect(connection, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
        return connection;
    }

    TempFolder folder_;
    boost::asio::io_context context_{1};
    std::string path_;
    std::chrono::milliseconds idle_max_ = ControlServer::idle_max_default;
    std::unique_ptr<ControlServer> server_;
    std::thread thread_;
};

std::string read_all(int connection) {
    std::string text;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(connection, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

TEST_F(ControlServerTest, AnswersARequest) {
    const auto answer = control::ask(path_, control::make_request("status"), 5s);
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_EQ(answer->at("asked").at("command"), "status");
}

TEST_F(ControlServerTest, AnswersSeveralRequestsOfOneConnectionInOrder) {
    const int connection = connect();
    const std::string requests = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
    ASSERT_EQ(::write(connection, requests.data(), requests.size()), static_cast<ssize_t>(requests.size()));
    ::shutdown(connection, SHUT_WR);
    const std::string text = read_all(connection);
    ::close(connection);
    EXPECT_LT(text.find("\"n\":1"), text.find("\"n\":2"));
    EXPECT_LT(text.find("\"n\":2"), text.find("\"n\":3"));
    EXPECT_NE(text.find("\"n\":3"), std::string::npos);
}

TEST_F(ControlServerTest, AnswersANonsenseLineWithAnErrorAndCloses) {
    const int connection = connect();
    ASSERT_EQ(::write(connection, "hello\n", 6), 6);
    const auto answer = control::decode_line(read_all(connection));
    ::close(connection);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->at("error").at("code"), "protocol-error");
}

TEST_F(ControlServerTest, EndsAConnectionWhoseLineIsTooLong) {
    const int connection = connect();
    const std::string flood(control::request_bytes_max + 10, 'x');
    std::size_t sent = 0;
    while (sent < flood.size()) {
        const ssize_t now = ::send(connection, flood.data() + sent, flood.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) break;
        sent += static_cast<std::size_t>(now);
    }
    const std::string text = read_all(connection);
    ::close(connection);
    EXPECT_NE(text.find("too-large"), std::string::npos) << text;
}

TEST_F(ControlServerTest, ServesOthersWhileOneConnectionIsSilent) {
    const int silent = connect();
    EXPECT_TRUE(control::ask(path_, control::make_request("status"), 5s));
    ::close(silent);
}

/// Within 2 s.
bool is_closed(int connection) {
    pollfd what{connection, POLLIN, 0};
    char none = 0;
    return ::poll(&what, 1, 2000) == 1 && ::recv(connection, &none, 1, MSG_DONTWAIT) <= 0;
}

bool is_open(int connection) {
    pollfd what{connection, POLLIN, 0};
    return ::poll(&what, 1, 0) == 0;
}

TEST_F(ControlServerTest, AnswersWhileAsManyConnectionsAsItServesAreSilent) {
    std::vector<int> connections;
    for (unsigned i = 0; i < ControlServer::connections_max; ++i) connections.push_back(connect());
    for (unsigned i = 0; i < 3; ++i) EXPECT_TRUE(control::ask(path_, control::make_request("status"), 2s));
    EXPECT_TRUE(is_closed(connections.front())) << "the oldest gives way";
    EXPECT_TRUE(is_open(connections.back()));
    for (const int connection : connections) ::close(connection);
}

TEST_F(ControlServerTest, GivesUpTheConnectionThatWasSilentForLongest) {
    std::vector<int> connections;
    for (unsigned i = 0; i < ControlServer::connections_max; ++i) connections.push_back(connect());
    const std::string request = "{\"n\":1}\n";
    ASSERT_EQ(::write(connections[0], request.data(), request.size()), static_cast<ssize_t>(request.size()));
    char answer[256];
    ASSERT_GT(::read(connections[0], answer, sizeof answer), 0);
    EXPECT_TRUE(control::ask(path_, control::make_request("status"), 2s));
    EXPECT_TRUE(is_open(connections[0]));
    EXPECT_TRUE(is_closed(connections[1]));
    for (const int connection : connections) ::close(connection);
}

TEST_F(ControlServerTest, AnswersWhileConnectionsDoNotTakeTheirAnswers) {
    std::vector<int> connections;
    const std::string request = "{\"n\":\"" + std::string(30000, 'x') + "\"}\n";
    for (unsigned i = 0; i < ControlServer::connections_max; ++i) {
        connections.push_back(connect());
        while (::send(connections.back(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        }
    }
    EXPECT_TRUE(control::ask(path_, control::make_request("status"), 2s));
    for (const int connection : connections) ::close(connection);
}

TEST_F(ControlServerTest, ClosesASilentConnectionSoon) {
    stop();
    idle_max_ = 200ms;
    start(path_);
    const int silent = connect();
    const int half = connect();
    EXPECT_EQ(::write(half, "{", 1), 1);
    EXPECT_TRUE(is_closed(silent));
    EXPECT_TRUE(is_closed(half));
    ::close(silent);
    ::close(half);
}

TEST_F(ControlServerTest, ARequestThatComesInDropsMustEndInTimeToo) {
    stop();
    idle_max_ = 500ms;
    start(path_);
    const int drops = connect();
    bool open = true;
    for (unsigned i = 0; open && i < 30; ++i) {
        open = ::send(drops, " ", 1, MSG_NOSIGNAL) == 1;
        std::this_thread::sleep_for(100ms);
    }
    EXPECT_FALSE(open);
    ::close(drops);
}

TEST_F(ControlServerTest, SocketIsForRootOnly) {
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ControlServerTest, StopTakesTheSocketAwayAndCutsConnections) {
    const int connection = connect();
    stop();
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_EQ(read_all(connection), "");
    ::close(connection);
}

TEST_F(ControlServerTest, ReplacesAKilledHeadsSocket) {
    stop();
    const int leftover = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un where;
    control::UnixAddress::make(path_)->fill(where);
    ASSERT_EQ(::bind(leftover, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
    ::close(leftover);
    start(path_);
    EXPECT_TRUE(control::ask(path_, control::make_request("status"), 5s));
}

TEST_F(ControlServerTest, KnowsThatItsSocketFileWasTakenAwayAndStartsAgain) {
    EXPECT_TRUE(server_->in_place());
    std::filesystem::remove(path_);
    EXPECT_FALSE(server_->in_place());
    std::promise<bool> started;
    boost::asio::post(context_, [&] { started.set_value(server_->start().has_value()); });
    EXPECT_TRUE(started.get_future().get());
    EXPECT_TRUE(control::ask(path_, control::make_request("status"), 5s));
}

TEST_F(ControlServerTest, SaysWhyItCannotListen) {
    ControlServer server(context_, folder_ / "missing/vol0.sock", echo);
    const auto started = server.start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().text.find("missing/vol0.sock"), std::string::npos);
}

TEST_F(ControlServerTest, ServesInAFolderWhosePathIsLong) {
    stop();
    const std::string deep = folder_ / std::string(120, 'd');
    std::filesystem::create_directory(deep);
    start(deep + "/vol0.sock");
    EXPECT_TRUE(control::ask(path_, control::make_request("status"), 5s));
}

}  // namespace
}  // namespace dst
