#include "control/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "control/protocol.h"
#include "control/status_json.h"
#include "control/unix_address.h"

namespace dst::control {

namespace json = boost::json;

namespace {

using Clock = std::chrono::steady_clock;

/// One connection; every call ends at the deadline at the latest.
class Connection {
public:
    Connection(const std::string& path, std::chrono::milliseconds limit)
        : path_(path), deadline_(Clock::now() + limit) {}
    ~Connection() {
        if (socket_ >= 0) ::close(socket_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Result<void> connect() {
        auto address = UnixAddress::make(path_);
        if (!address) return address.error();
        sockaddr_un where;
        address->fill(where);
        socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (socket_ < 0) return failed(errno);
        while (::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
            // A Unix socket whose backlog is full says EAGAIN and gives no notice of room.
            if (errno != EAGAIN && errno != EINTR) return failed(errno);
            if (Clock::now() >= deadline_) return no_answer();
            ::poll(nullptr, 0, 10);
        }
        return {};
    }

    Result<void> send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent >= 0) {
                bytes.remove_prefix(static_cast<std::size_t>(sent));
                continue;
            }
            if (errno != EAGAIN && errno != EINTR) return failed(errno);
            if (!wait(POLLOUT)) return no_answer();
        }
        return {};
    }

    Result<std::string> receive_line() {
        LineSplitter lines(answer_bytes_max);
        std::array<char, 16384> buffer;
        while (true) {
            const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), 0);
            if (got == 0) return Error{Errc::disconnected, path_ + ": the head closed the connection"};
            if (got < 0) {
                if (errno != EAGAIN && errno != EINTR) return failed(errno);
                if (!wait(POLLIN)) return no_answer();
                continue;
            }
            lines.add({buffer.data(), static_cast<std::size_t>(got)});
            if (auto line = lines.next()) return std::move(*line);
            if (lines.too_long()) return Error{Errc::protocol_error, path_ + ": the answer is too long"};
        }
    }

private:
    /// False at the deadline.
    bool wait(short events) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
        if (left.count() <= 0) return false;
        pollfd watched{socket_, events, 0};
        ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000)));
        return true;
    }

    Error no_answer() const { return {Errc::timed_out, path_ + ": the head does not answer"}; }

    Error failed(int error) const {
        switch (error) {
            case ENOENT:
            case ENOTDIR: return {Errc::not_found, path_ + ": there is no such socket: no head has this storage open"};
            case ECONNREFUSED: return {Errc::not_found, path_ + ": the head that made this socket is gone"};
            default: return {errc_from_errno(error), path_ + ": " + std::strerror(error)};
        }
    }

    const std::string& path_;
    Clock::time_point deadline_;
    int socket_ = -1;
};

}  // namespace

Result<json::object> ask(const std::string& socket_path, const json::object& request, std::chrono::milliseconds limit) {
    Connection connection(socket_path, limit);
    if (auto connected = connection.connect(); !connected) return connected.error();
    if (auto sent = connection.send(encode_line(request)); !sent) return sent.error();
    auto line = connection.receive_line();
    if (!line) return line.error();
    auto answer = decode_line(*line);
    if (!answer) return Error{answer.error().code, socket_path + ": " + answer.error().text};
    return check_answer(std::move(*answer));
}

Result<StorageStatus> ask_status(const std::string& socket_path, std::chrono::milliseconds limit) {
    auto answer = ask(socket_path, make_request("status"), limit);
    if (!answer) return answer.error();
    const json::value* status = answer->if_contains("status");
    if (status == nullptr) return Error{Errc::protocol_error, socket_path + ": the answer carries no status"};
    return status_from_json(*status);
}

}  // namespace dst::control
