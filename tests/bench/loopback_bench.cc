// What the way itself costs: bytes in pieces of 1 MiB over TCP connections of this machine, copied in and out by the
// kernel, and nothing done with them. Prints the processor time of all processors for each MiB and receiver; whatever
// sends a mirror's writes to netnodes on the same machine needs at least that.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr std::size_t mib = 1u << 20;
constexpr unsigned in_flight = 8;

void check(bool good, const char* what) {
    if (!good) throw std::system_error(errno, std::generic_category(), what);
}

/// Seconds that the processors were busy since the machine started, of all together.
double busy_seconds() {
    std::ifstream file("/proc/stat");
    std::string name;
    std::array<double, 7> ticks{};  // user, nice, system, idle, iowait, irq, softirq
    file >> name;
    for (double& one : ticks) file >> one;
    return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Receives until the other side closes; answers each MiB with one byte.
[[noreturn]] void receive(int fd) {
    std::vector<char> memory(in_flight * mib, 1);
    for (unsigned slot = 0;; slot = (slot + 1) % in_flight) {
        for (std::size_t at = 0; at < mib;) {
            const ssize_t got = ::recv(fd, memory.data() + slot * mib + at, mib - at, MSG_WAITALL);
            if (got <= 0) ::_exit(0);
            at += static_cast<std::size_t>(got);
        }
        const char answer = 1;
        if (::send(fd, &answer, 1, MSG_NOSIGNAL) != 1) ::_exit(1);
    }
}

/// Two ends of one connection, the sender's with what a session's has (asio/tcp_socket.cc).
std::array<int, 2> connection() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    check(listener >= 0 && ::bind(listener, plain, length) == 0 && ::listen(listener, 1) == 0 &&
              ::getsockname(listener, plain, &length) == 0,
          "listening on the loopback");
    const int sender = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(sender >= 0 && ::connect(sender, plain, length) == 0, "connecting to the loopback");
    const int receiver = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    check(receiver >= 0, "accepting from the loopback");
    ::close(listener);
    const int not_sent_max = 128 << 10;
    check(::setsockopt(sender, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent_max, sizeof not_sent_max) == 0,
          "TCP_NOTSENT_LOWAT");
    return {sender, receiver};
}

void send_mib(int fd, const char* memory) {
    for (std::size_t at = 0; at < mib;) {
        const ssize_t sent = ::send(fd, memory + at, mib - at, MSG_NOSIGNAL);
        check(sent > 0, "sending");
        at += static_cast<std::size_t>(sent);
    }
}

void run(unsigned receivers, double seconds) {
    std::vector<int> senders;
    for (unsigned i = 0; i < receivers; ++i) {
        const auto [sender, receiver] = connection();
        const pid_t child = ::fork();
        check(child >= 0, "fork");
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(sender);
            for (const int other : senders) ::close(other);
            receive(receiver);
        }
        ::close(receiver);
        senders.push_back(sender);
    }
    const std::vector<char> memory(in_flight * mib, 2);
    std::vector<std::size_t> answered(receivers, 0);
    const double busy = busy_seconds();
    const auto begun = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    };
    std::size_t sent = 0;
    for (; elapsed() < seconds; ++sent) {
        for (unsigned i = 0; i < receivers; ++i) {
            std::array<char, 64> answers{};
            while (sent - answered[i] >= in_flight) {
                const ssize_t got = ::recv(senders[i], answers.data(), answers.size(), 0);
                check(got > 0, "waiting for an answer");
                answered[i] += static_cast<std::size_t>(got);
            }
            send_mib(senders[i], memory.data() + sent % in_flight * mib);
        }
    }
    const double took = elapsed();
    const double worked = busy_seconds() - busy;
    for (const int sender : senders) ::close(sender);
    while (::wait(nullptr) > 0) {
    }
    const auto count = static_cast<double>(sent);
    std::printf("%u receivers: %.0f MiB/s each, %.2f ms of processor time for each MiB and receiver\n", receivers,
                count / took, 1e3 * worked / count / receivers);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "What TCP over the loopback costs without anything else; a machine that has nothing else to do is needed.");
    unsigned receivers = 2;
    double seconds = 3;
    app.add_option("--receivers", receivers, "Each gets all bytes")->check(CLI::Range(1, 16))->capture_default_str();
    app.add_option("--seconds", seconds)->check(CLI::PositiveNumber)->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        run(receivers, seconds);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
