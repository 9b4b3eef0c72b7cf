#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "block/error.h"

namespace dst {

/// Answers one request of the control protocol (control/protocol.h), at once.
using ControlHandler = std::function<boost::json::object(const boost::json::object& request)>;

/// The control socket of one storage, on its loop's thread. Root only (mode 0600). Costs nothing while nobody asks.
class ControlServer {
public:
    /// `idle_max`: for a whole request to come in, and for its answer to be taken.
    ControlServer(boost::asio::io_context& context, std::string path, ControlHandler handler,
                  std::chrono::milliseconds idle_max = idle_max_default);
    ~ControlServer();  ///< stops
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    /// Binds and listens. A socket file that is there is a dead head's leftover, since the caller holds the name's
    /// lock, and is replaced. Again: all connections are closed and the file is made anew.
    Result<void> start();
    /// The socket file is there and leads here: nobody has taken it away.
    bool in_place() const;
    /// Takes the socket file away and closes all connections; the handler is not called any more.
    void stop();

    /// At once. When one more comes, the one that has been silent for longest is closed.
    static constexpr unsigned connections_max = 32;
    static constexpr std::chrono::milliseconds idle_max_default{5000};

private:
    class Listener;

    boost::asio::io_context& context_;
    std::string path_;
    ControlHandler handler_;
    std::chrono::milliseconds idle_max_;
    std::shared_ptr<Listener> listener_;  // null: never started
};

}  // namespace dst
