#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "asio/asio_loop.h"

namespace dst {

/// One socket address, as connect() and bind() take it.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

/// "192.0.2.7:7790", "[2001:db8::1]:7790"; an IPv4 address mapped into IPv6 is shown as IPv4.
std::string to_string(const SocketAddress& address);

/// A numeric address without any look-up; none when `host` is a name.
std::optional<SocketAddress> parse_address(const std::string& host, std::uint16_t port);

/// Looks up a name. Every name has a thread of its own while it is looked up, so that one that hangs holds up nobody;
/// links that ask for the same name meanwhile share it. The number of threads is bounded (out_of_resources beyond).
/// Addresses that were slow to come are kept for a while: who asked for them may have given up, or had no time left.
class Lookup {
public:
    using Done = std::function<void(Result<std::vector<SocketAddress>>)>;
    /// Blocks. Ports are zero.
    using Resolve = Result<std::vector<SocketAddress>> (*)(const std::string& host);

    /// A look-up that took at least this long is slow.
    static constexpr Duration slow_min = std::chrono::seconds(1);
    static constexpr Duration kept_for = std::chrono::seconds(30);

    Lookup() = default;
    ~Lookup() { cancel(); }
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    /// `done` is called on the loop, never from inside. One at a time.
    void start(AsioLoop& loop, const std::string& host, std::uint16_t port, Done done);
    /// `done` is not called any more. Waits for nothing.
    void cancel();

    /// What is asked in place of getaddrinfo(3) from now on, in the whole process; null: getaddrinfo again. Forgets
    /// what is kept. For tests.
    static void set_resolve(Resolve resolve);

private:
    std::shared_ptr<Done> done_;
};

}  // namespace dst
