#include "control/client.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "control/protocol.h"
#include "control/status_json.h"
#include "control/unix_address.h"

namespace dst::control {
namespace {

using namespace std::chrono_literals;

/// A head in one thread: takes one connection and gives it to `serve`.
class FakeHead {
public:
    FakeHead(const std::string& path, std::function<void(int)> serve) {
        auto address = UnixAddress::make(path);
        sockaddr_un where;
        address->fill(where);
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
        EXPECT_EQ(::listen(listener_, 1), 0);
        thread_ = std::thread([this, serve = std::move(serve)] {
            const int connection = ::accept(listener_, nullptr, nullptr);
            serve(connection);
            ::close(connection);
        });
    }
    ~FakeHead() {
        thread_.join();
        ::close(listener_);
    }

private:
    int listener_ = -1;
    std::thread thread_;
};

std::string read_line(int connection) {
    std::string line;
    char byte = 0;
    while (::read(connection, &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
}

void write_text(int connection, std::string_view text) {
    EXPECT_EQ(::send(connection, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// Until the client goes away.
void wait_for_end(int connection) { read_line(connection); }

class ControlClientTest : public testing::Test {
protected:
    ControlClientTest() {
        std::string pattern = testing::TempDir() + "dst-ctl-" + std::string(6, 'X');
        folder_ = ::mkdtemp(pattern.data());
        path_ = folder_ + "/vol0.sock";
    }
    ~ControlClientTest() override { std::filesystem::remove_all(folder_); }

    std::string folder_;
    std::string path_;
};

TEST_F(ControlClientTest, SendsTheRequestAndGivesTheAnswer) {
    std::string seen;
    Result<boost::json::object> answer = Error{};
    {
        FakeHead head(path_, [&](int connection) {
            seen = read_line(connection);
            write_text(connection, "{\"ok\":true,\"x\":1}\n");
        });
        answer = ask(path_, make_request("status"), 5s);
    }
    EXPECT_EQ(seen, "{\"command\":\"status\"}");
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_TRUE(answer->contains("x"));
}

TEST_F(ControlClientTest, JoinsAnAnswerThatComesInPieces) {
    FakeHead head(path_, [](int connection) {
        read_line(connection);
        write_text(connection, "{\"ok\":");
        std::this_thread::sleep_for(20ms);
        write_text(connection, "true}\n");
    });
    EXPECT_TRUE(ask(path_, make_request("status"), 5s));
}

TEST_F(ControlClientTest, GivesTheHeadsOwnError) {
    FakeHead head(path_, [](int connection) {
        read_line(connection);
        write_text(connection, encode_line(error_answer({Errc::busy, "later"})));
    });
    const auto answer = ask(path_, make_request("status"), 5s);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), (Error{Errc::busy, "later"}));
}

TEST_F(ControlClientTest, FindsNoHeadWithoutASocket) {
    EXPECT_EQ(ask(path_, make_request("status"), 5s).error().code, Errc::not_found);
}

TEST_F(ControlClientTest, FindsNoHeadBehindALeftoverSocket) {
    {
        FakeHead head(path_, [](int) {});
        EXPECT_FALSE(ask(path_, make_request("status"), 5s));
    }
    ASSERT_TRUE(std::filesystem::exists(path_));
    EXPECT_EQ(ask(path_, make_request("status"), 5s).error().code, Errc::not_found);
}

TEST_F(ControlClientTest, GivesUpOnAHeadThatDoesNotAnswer) {
    FakeHead head(path_, [](int connection) {
        read_line(connection);
        wait_for_end(connection);
    });
    const auto start = std::chrono::steady_clock::now();
    const auto answer = ask(path_, make_request("status"), 100ms);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST_F(ControlClientTest, SaysThatTheHeadClosedTheConnection) {
    FakeHead head(path_, [](int connection) { read_line(connection); });
    EXPECT_EQ(ask(path_, make_request("status"), 5s).error().code, Errc::disconnected);
}

TEST_F(ControlClientTest, RefusesAnAnswerThatIsNotJson) {
    FakeHead head(path_, [](int connection) {
        read_line(connection);
        write_text(connection, "hello\n");
    });
    EXPECT_EQ(ask(path_, make_request("status"), 5s).error().code, Errc::protocol_error);
}

TEST_F(ControlClientTest, ReadsAStatus) {
    StorageStatus status;
    status.storage = "vol0";
    status.state = StorageState::held;
    FakeHead head(path_, [&](int connection) {
        read_line(connection);
        boost::json::object answer = ok_answer();
        answer["status"] = status_to_json(status);
        write_text(connection, encode_line(answer));
    });
    const auto read = ask_status(path_, 5s);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->state, StorageState::held);
}

TEST_F(ControlClientTest, ReachesASocketWhosePathIsLongerThanASocketAddress) {
    const std::string deep = folder_ + "/" + std::string(120, 'd');
    std::filesystem::create_directory(deep);
    const std::string path = deep + "/vol0.sock";
    FakeHead head(path, [](int connection) {
        read_line(connection);
        write_text(connection, "{\"ok\":true}\n");
    });
    EXPECT_TRUE(ask(path, make_request("status"), 5s));
}

TEST(UnixAddress, RefusesAFileNameThatFitsNowhere) {
    const auto address = UnixAddress::make("/tmp/" + std::string(200, 'n'));
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().code, Errc::too_large);
}

}  // namespace
}  // namespace dst::control
