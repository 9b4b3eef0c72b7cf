#include "asio/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "asio/tcp_link.h"
#include "asio/worker.h"

namespace dst {
namespace {

using Addresses = Result<std::vector<SocketAddress>>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t threads_max = 64;

struct Waiter {
    std::shared_ptr<LoopGate> gate;
    std::uint16_t port = 0;
    std::weak_ptr<Lookup::Done> done;
};

/// Addresses that were slow to come.
struct Kept {
    Addresses addresses;
    Clock::time_point until;
};

/// The names that are being looked up, in the whole process, and what is kept of them. Never destroyed: a thread that
/// hangs in the resolver may come back while the process exits.
struct Running {
    std::mutex mutex;
    std::map<std::string, std::vector<Waiter>> names;
    std::map<std::string, Kept> kept;
};

Running& running() {
    static Running& instance = *new Running;
    return instance;
}

void set_port(SocketAddress& address, std::uint16_t port) {
    if (address.storage.ss_family == AF_INET) {
        reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
    } else {
        reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
    }
}

/// `flags` as for getaddrinfo. Blocks unless AI_NUMERICHOST is among them. Ports are zero.
Addresses look_up(const std::string& host, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (error != 0) {
        const char* why = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
        return Error{Errc::not_found, "the name " + host + " cannot be looked up: " + why};
    }
    std::vector<SocketAddress> addresses;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
        SocketAddress address;
        std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        address.length = at->ai_addrlen;
        addresses.push_back(address);
    }
    freeaddrinfo(found);
    if (addresses.empty()) return Error{Errc::not_found, "the name " + host + " has no address"};
    return addresses;
}

Addresses ask_system(const std::string& host) { return look_up(host, 0); }

std::atomic<Lookup::Resolve> resolve_name = &ask_system;

void answer(const Waiter& waiter, Addresses addresses) {
    if (addresses.has_value()) {
        for (SocketAddress& address : *addresses) set_port(address, waiter.port);
    }
    waiter.gate->post([done = waiter.done, addresses = std::move(addresses)] {
        if (const auto alive = done.lock()) (*alive)(addresses);
    });
}

void serve_name(const std::string& host) {
    const Clock::time_point start = Clock::now();
    const Addresses addresses = resolve_name.load()(host);
    const Clock::time_point end = Clock::now();
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(running().mutex);
        if (addresses.has_value() && end - start >= Lookup::slow_min) {
            running().kept.insert_or_assign(host, Kept{addresses, end + Lookup::kept_for});
        }
        auto node = running().names.extract(host);
        waiters = std::move(node.mapped());
    }
    for (const Waiter& waiter : waiters) answer(waiter, addresses);
}

}  // namespace

std::string to_string(const SocketAddress& address) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (address.storage.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        return format_endpoint(text, ntohs(v4.sin_port));
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
    return format_endpoint(text, ntohs(v6.sin6_port));
}

std::optional<SocketAddress> parse_address(const std::string& host, std::uint16_t port) {
    Addresses addresses = look_up(host, AI_NUMERICHOST);
    if (addresses.has_error()) return std::nullopt;
    set_port(addresses->front(), port);
    return addresses->front();
}

void Lookup::start(AsioLoop& loop, const std::string& host, std::uint16_t port, Done done) {
    done_ = std::make_shared<Done>(std::move(done));
    Waiter waiter{loop.gate(), port, done_};
    bool full = false;
    {
        const std::lock_guard lock(running().mutex);
        auto& kept = running().kept;
        std::erase_if(kept, [now = Clock::now()](const auto& each) { return each.second.until <= now; });
        if (const auto found = kept.find(host); found != kept.end()) return answer(waiter, found->second.addresses);
        auto& names = running().names;
        const auto found = names.find(host);
        if (found != names.end()) {
            found->second.push_back(std::move(waiter));
            return;
        }
        full = names.size() >= threads_max;
        if (!full) names[host].push_back(waiter);
    }
    if (full) {
        answer(waiter, Error{Errc::out_of_resources, "the name " + host + " cannot be looked up now: " +
                                                         std::to_string(threads_max) + " other names hang"});
        return;
    }
    std::thread thread;
    const Result<void> started = start_thread(thread, "dst-resolver", [host] { serve_name(host); });
    if (started.has_value()) {
        thread.detach();
        return;
    }
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(running().mutex);
        waiters = std::move(running().names.extract(host).mapped());
    }
    for (const Waiter& each : waiters) answer(each, started.error());
}

void Lookup::cancel() { done_.reset(); }

void Lookup::set_resolve(Resolve resolve) {
    const std::lock_guard lock(running().mutex);
    running().kept.clear();
    resolve_name = resolve != nullptr ? resolve : &ask_system;
}

}  // namespace dst
