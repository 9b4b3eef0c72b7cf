#include "asio/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "asio/tcp_link.h"

namespace dst {
namespace {

// The sessions' pings notice a dead peer long before; these bound what the kernel keeps for one.
constexpr int keepalive_idle_s = 10;
constexpr int keepalive_interval_s = 5;
constexpr int keepalive_probes = 3;
constexpr int unacknowledged_limit_ms = 20'000;
/// More is not taken before what is there is on its way: what lies in a long queue is no longer in the processor's
/// cache when it is sent. What is on its way does not count, so that a long path is filled all the same.
constexpr int unsent_max_bytes = 128 << 10;

void set_option(int fd, int level, int option, int value) {
    // Tuning only: a kernel that refuses one of them serves all the same.
    static_cast<void>(setsockopt(fd, level, option, &value, sizeof value));
}

}  // namespace

void tune_tcp_socket(int fd) {
    // Buffer sizes are left to the kernel's own tuning, which follows the speed of the path.
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_max_bytes);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_limit_ms);
}

int socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

std::string format_endpoint(const std::string& host, std::uint16_t port) {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace dst
