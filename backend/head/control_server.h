#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
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
    ControlServer(boost::asio::io_context& context, std::string path, ControlHandler handler);
    ~ControlServer();  ///< stops
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    /// Binds and listens. A socket file that is there is a dead head's leftover, since the caller holds the name's
    /// lock, and is replaced.
    Result<void> start();
    /// Takes the socket file away and closes all connections; the handler is not called any more.
    void stop();

    /// At once; one more is closed unanswered.
    static constexpr unsigned connections_max = 32;

private:
    class Listener;
    std::shared_ptr<Listener> listener_;
};

}  // namespace dst
