#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "asio/resolver.h"
#include "asio/tcp_link.h"
#include "asio/tcp_socket.h"

namespace dst {
namespace {

constexpr int backlog = 128;
/// Connections taken in one go, before others on the loop get their turn.
constexpr int accepted_at_once_max = 16;
constexpr Duration rest_without_descriptors = std::chrono::milliseconds(100);

std::string bind_advice(int error) {
    if (error == EADDRINUSE) return "; another process listens there (see ss -ltnp)";
    if (error == EADDRNOTAVAIL) return "; no interface of this machine has that address";
    if (error == EACCES) return "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    return "";
}

}  // namespace

Result<std::unique_ptr<TcpListener>> TcpListener::listen(AsioLoop& loop, const std::string& address, std::uint16_t port,
                                                         Accepted accepted) {
    const std::string where = format_endpoint(address, port);
    auto at = parse_address(address, port);
    if (!at) return Error{Errc::invalid_argument, "cannot listen on " + where + ": not an IPv4 or IPv6 address"};
    const int family = at->storage.ss_family;
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    const bool stands = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                        (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
                        ::bind(fd, at->get(), at->length) == 0 && ::listen(fd, backlog) == 0 &&
                        getsockname(fd, at->get(), &at->length) == 0;
    if (!stands) {
        const int error = errno;
        if (fd >= 0) ::close(fd);
        return Error{errc_from_errno(error),
                     "cannot listen on " + where + ": " + std::strerror(error) + bind_advice(error)};
    }
    std::unique_ptr<TcpListener> listener(new TcpListener(loop, fd, std::move(accepted)));
    listener->endpoint_ = to_string(*at);
    listener->port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in&>(at->storage).sin_port
                                              : reinterpret_cast<sockaddr_in6&>(at->storage).sin6_port);
    return listener;
}

TcpListener::TcpListener(AsioLoop& loop, int fd, Accepted accepted)
    : loop_(loop),
      fd_(fd),
      accepted_(std::move(accepted)),
      readiness_(
          loop, fd, [this] { accept_ready(); }, [] {}),
      rest_(loop, [this] { accept_ready(); }),
      more_(loop, [this] { accept_ready(); }) {
    readiness_.want_read();
}

TcpListener::~TcpListener() {
    readiness_.stop();
    ::close(fd_);
}

void TcpListener::accept_ready() {
    for (int taken = 0; taken < accepted_at_once_max; ++taken) {
        SocketAddress peer;
        peer.length = sizeof peer.storage;
        const int fd = ::accept4(fd_, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted_(make_accepted_link(loop_, fd, to_string(peer)));
            continue;
        }
        if (errno == EAGAIN) return readiness_.want_more_to_read();
        if (is_shortage(errno)) {
            // The connection stays in the queue and would wake the loop at once again.
            rest_.start(rest_without_descriptors);
            return;
        }
        // Anything else concerns the one connection, which has gone (accept(2)).
    }
    // There may be more, of which nothing new will be told; others have their turn first.
    more_.post();
}

}  // namespace dst
