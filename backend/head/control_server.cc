#include "head/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "control/protocol.h"
#include "control/unix_address.h"

namespace dst {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;
using ErrorCode = boost::system::error_code;

namespace {

constexpr auto accept_pause = std::chrono::seconds(1);

}  // namespace

/// What outlives the server: Asio's handlers hold it until they have been called with "aborted".
class ControlServer::Listener : public std::enable_shared_from_this<Listener> {
public:
    Listener(asio::io_context& context, std::string path, ControlHandler handler, std::chrono::milliseconds idle_max)
        : acceptor_(context),
          pause_(context),
          path_(std::move(path)),
          handler_(std::move(handler)),
          idle_max_(idle_max) {}

    Result<void> start();
    void stop();
    bool in_place() const;

private:
    class Connection;

    void accept();
    void accepted(Socket socket);

    asio::local::stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    std::string path_;
    ControlHandler handler_;
    std::chrono::milliseconds idle_max_;
    std::set<std::shared_ptr<Connection>> connections_;
    bool bound_ = false;
    struct stat file_ {};  ///< that was bound
    bool stopped_ = false;
};

class ControlServer::Listener::Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Socket socket, Listener& listener)
        : socket_(std::move(socket)), idle_(socket_.get_executor()), listener_(&listener) {}

    void start() {
        watch_idle();
        read();
    }

    /// Since when it has neither asked nor taken an answer.
    std::chrono::steady_clock::time_point silent_since() const { return silent_since_; }

    void answer_and_close(const boost::json::object& answer) {
        closing_ = true;
        send(control::encode_line(answer));
    }

    /// May be called by the listener, which forgets the connection itself then.
    void cut() {
        listener_ = nullptr;
        ErrorCode ignored;
        socket_.close(ignored);
        idle_.cancel();
    }

private:
    void read() {
        socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](ErrorCode error, std::size_t got) {
            if (self->listener_ == nullptr) return;
            if (error) return self->end();
            self->lines_.add({self->buffer_.data(), got});
            self->next();
        });
    }

    void next() {
        if (const auto line = lines_.next()) {
            const auto request = control::decode_line(*line);
            if (!request) return answer_and_close(control::error_answer(request.error()));
            return send(control::encode_line(listener_->handler_(*request)));
        }
        if (lines_.too_long()) {
            return answer_and_close(control::error_answer({Errc::too_large, "the request is too long"}));
        }
        read();
    }

    void send(std::string line) {
        watch_idle();
        answer_ = std::move(line);
        asio::async_write(socket_, asio::buffer(answer_), [self = shared_from_this()](ErrorCode error, std::size_t) {
            if (self->listener_ == nullptr) return;
            if (error || self->closing_) return self->end();
            self->watch_idle();
            self->next();
        });
    }

    /// From here on a whole request has to come in, or an answer to be taken.
    void watch_idle() {
        silent_since_ = std::chrono::steady_clock::now();
        idle_.expires_after(listener_->idle_max_);
        idle_.async_wait([self = shared_from_this()](ErrorCode error) {
            if (!error && self->listener_ != nullptr) self->end();
        });
    }

    void end() {
        auto keep = shared_from_this();
        std::exchange(listener_, nullptr)->connections_.erase(keep);
        cut();
    }

    Socket socket_;
    asio::steady_timer idle_;
    std::chrono::steady_clock::time_point silent_since_;
    Listener* listener_;  // null: ended
    control::LineSplitter lines_{control::request_bytes_max};
    std::array<char, 4096> buffer_;
    std::string answer_;
    bool closing_ = false;
};

Result<void> ControlServer::Listener::start() {
    auto address = control::UnixAddress::make(path_);
    if (!address) return address.error();
    ErrorCode error;
    ::unlink(path_.c_str());
    acceptor_.open(asio::local::stream_protocol(), error);
    // Before bind: the file takes its mode from the socket, and is never open to others for a moment.
    if (!error && ::fchmod(acceptor_.native_handle(), 0600) != 0) error.assign(errno, boost::system::system_category());
    if (!error) acceptor_.bind(asio::local::stream_protocol::endpoint(address->text()), error);
    bound_ = !error;
    if (bound_ && ::lstat(path_.c_str(), &file_) != 0) error.assign(errno, boost::system::system_category());
    if (!error) acceptor_.listen(connections_max, error);
    if (error) {
        const Error why{errc_from_errno(error.value()),
                        "cannot make the control socket " + path_ + ": " + error.message()};
        stop();
        return why;
    }
    accept();
    return {};
}

void ControlServer::Listener::stop() {
    stopped_ = true;
    if (in_place()) ::unlink(path_.c_str());
    bound_ = false;
    ErrorCode ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& connection : std::exchange(connections_, {})) connection->cut();
}

bool ControlServer::Listener::in_place() const {
    struct stat now {};
    return bound_ && ::lstat(path_.c_str(), &now) == 0 && now.st_ino == file_.st_ino && now.st_dev == file_.st_dev;
}

void ControlServer::Listener::accept() {
    acceptor_.async_accept([self = shared_from_this()](ErrorCode error, Socket socket) {
        if (self->stopped_) return;
        if (!error) {
            self->accepted(std::move(socket));
            return self->accept();
        }
        // Out of descriptors, most likely: the socket stays readable, so wait instead of spinning.
        self->pause_.expires_after(accept_pause);
        self->pause_.async_wait([self](ErrorCode) {
            if (!self->stopped_) self->accept();
        });
    });
}

void ControlServer::Listener::accepted(Socket socket) {
    if (connections_.size() >= connections_max) {
        const auto longest = std::min_element(
            connections_.begin(), connections_.end(),
            [](const auto& one, const auto& other) { return one->silent_since() < other->silent_since(); });
        (*longest)->cut();
        connections_.erase(longest);
    }
    const auto connection = std::make_shared<Connection>(std::move(socket), *this);
    connections_.insert(connection);
    connection->start();
}

ControlServer::ControlServer(asio::io_context& context, std::string path, ControlHandler handler,
                             std::chrono::milliseconds idle_max)
    : context_(context), path_(std::move(path)), handler_(std::move(handler)), idle_max_(idle_max) {}

ControlServer::~ControlServer() { stop(); }

Result<void> ControlServer::start() {
    stop();
    listener_ = std::make_shared<Listener>(context_, path_, handler_, idle_max_);
    return listener_->start();
}

bool ControlServer::in_place() const { return listener_ != nullptr && listener_->in_place(); }

void ControlServer::stop() {
    if (listener_ != nullptr) listener_->stop();
}

}  // namespace dst
