// A TCP relay whose answers come later while SIGUSR1 has switched that on: what a slow way to a node, or a slow disk
// behind it, looks like to others. Everything still flows at full rate.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <list>
#include <stdexcept>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t late = 0;

/// One direction of one connection.
struct Stream {
    struct Part {
        Clock::time_point due;
        std::vector<char> bytes;
    };
    int from;
    int to;
    bool delayed;
    std::deque<Part> parts;
    std::size_t sent = 0;  ///< of the first part
};

void check(bool good, const char* what) {
    if (!good) throw std::runtime_error(what);
}

int socket_for(std::uint16_t port, sockaddr_in& address) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    check(descriptor >= 0, "socket");
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return descriptor;
}

class Relay {
public:
    Relay(std::uint16_t port, std::uint16_t to_port, std::chrono::milliseconds delay)
        : to_port_(to_port), delay_(delay) {
        sockaddr_in address{};
        listener_ = socket_for(port, address);
        check(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
        check(::listen(listener_, 64) == 0, "listen");
    }

    [[noreturn]] void run() {
        for (;;) {
            std::vector<pollfd> wanted{{listener_, POLLIN, 0}};
            int wait_ms = 1000;
            const auto now = Clock::now();
            for (const Stream& stream : streams_) {
                wanted.push_back({stream.from, POLLIN, 0});
                if (stream.parts.empty()) continue;
                const auto left =
                    std::chrono::duration_cast<std::chrono::microseconds>(stream.parts.front().due - now).count();
                // Not later than asked for: a millisecond would show.
                wait_ms = std::min(wait_ms, left <= 0 ? 0 : static_cast<int>(left / 1000));
                if (left <= 0) wanted.push_back({stream.to, POLLOUT, 0});
            }
            ::poll(wanted.data(), wanted.size(), wait_ms);
            if ((wanted[0].revents & POLLIN) != 0) accept();
            for (auto stream = streams_.begin(); stream != streams_.end();) {
                if (move(*stream)) {
                    ++stream;
                } else {
                    stream = end(stream);
                }
            }
        }
    }

private:
    void accept() {
        const int head = ::accept(listener_, nullptr, nullptr);
        if (head < 0) return;
        const int on = 1;
        ::setsockopt(head, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in address{};
        const int node = socket_for(to_port_, address);
        if (::connect(node, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            ::close(node);
            ::close(head);
            return;
        }
        streams_.push_back({head, node, false, {}});
        streams_.push_back({node, head, true, {}});
    }

    bool move(Stream& stream) {
        std::vector<char> bytes(256 << 10);
        if (stream.parts.size() < 4096) {
            const ssize_t got = ::recv(stream.from, bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got == 0) return false;
            if (got > 0) {
                bytes.resize(static_cast<std::size_t>(got));
                const auto delay = stream.delayed && late != 0 ? delay_ : std::chrono::milliseconds(0);
                auto due = Clock::now() + delay;
                if (!stream.parts.empty()) due = std::max(due, stream.parts.back().due);
                stream.parts.push_back({due, std::move(bytes)});
            }
        }
        while (!stream.parts.empty() && stream.parts.front().due <= Clock::now()) {
            const std::vector<char>& first = stream.parts.front().bytes;
            const ssize_t put =
                ::send(stream.to, first.data() + stream.sent, first.size() - stream.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (put <= 0) break;
            stream.sent += static_cast<std::size_t>(put);
            if (stream.sent < first.size()) break;
            stream.sent = 0;
            stream.parts.pop_front();
        }
        return true;
    }

    /// Both directions.
    std::list<Stream>::iterator end(std::list<Stream>::iterator stream) {
        const int one = stream->from;
        const int other = stream->to;
        ::close(one);
        ::close(other);
        streams_.remove_if([&](const Stream& any) { return any.from == one || any.from == other; });
        return streams_.begin();
    }

    int listener_ = -1;
    std::uint16_t to_port_;
    std::chrono::milliseconds delay_;
    std::list<Stream> streams_;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Relays TCP connections on loopback; SIGUSR1 makes answers late, and again in time"};
    std::uint16_t port = 0;
    std::uint16_t to = 0;
    unsigned delay_ms = 10;
    app.add_option("PORT", port)->required();
    app.add_option("TO", to)->required();
    app.add_option("--delay-ms", delay_ms);
    CLI11_PARSE(app, argc, argv);
    std::signal(SIGUSR1, [](int) { late = late == 0 ? 1 : 0; });
    try {
        Relay(port, to, std::chrono::milliseconds(delay_ms)).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_late_relay: %s\n", error.what());
        return 1;
    }
}
