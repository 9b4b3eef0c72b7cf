#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "asio/asio_loop.h"
#include "asio/fd_watch.h"
#include "block/link.h"

namespace dst {

/// An unconnected link to host:port; `host` is IPv4, IPv6 without brackets, or a name. A name is looked up without
/// holding up the loop or another link's look-up; all its addresses are tried in turn. close() waits for nothing.
std::unique_ptr<Link> make_tcp_link(AsioLoop& loop, std::string host, std::uint16_t port);

/// "192.0.2.7:7790", "[2001:db8::1]:7790", "node1.example:7790".
std::string format_endpoint(const std::string& host, std::uint16_t port);

/// Takes connections on one address. Runs out of descriptors gracefully: it rests for a while and goes on.
class TcpListener {
public:
    using Accepted = std::function<void(std::unique_ptr<Link>)>;

    /// Binds and listens. `address` is numeric; an IPv6 one takes IPv6 only. Port 0: any free one. Errors say the
    /// address and what is in the way. `accepted` is called on the loop, never from inside.
    static Result<std::unique_ptr<TcpListener>> listen(AsioLoop& loop, const std::string& address, std::uint16_t port,
                                                       Accepted accepted);
    ~TcpListener();
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;

    /// As bound: "127.0.0.1:40112".
    const std::string& endpoint() const noexcept { return endpoint_; }
    std::uint16_t port() const noexcept { return port_; }

private:
    TcpListener(AsioLoop& loop, int fd, Accepted accepted);
    void accept_ready();

    AsioLoop& loop_;
    int fd_;
    Accepted accepted_;
    std::string endpoint_;
    std::uint16_t port_ = 0;
    FdReadiness readiness_;
    Timer rest_;
    Task more_;
};

}  // namespace dst
