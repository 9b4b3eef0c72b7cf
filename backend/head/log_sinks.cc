#include "head/log_sinks.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace dst {

int syslog_priority(Severity severity) noexcept {
    switch (severity) {
        case Severity::debug: return LOG_DEBUG;
        case Severity::info: return LOG_INFO;
        case Severity::notice: return LOG_NOTICE;
        case Severity::warning: return LOG_WARNING;
        case Severity::error: return LOG_ERR;
        case Severity::critical: return LOG_CRIT;
    }
    return LOG_ERR;
}

namespace {

constexpr int patience_ms = 1000;

/// JOURNAL_STREAM holds the device and inode of journald's stream; it is inherited, so it counts only if they are
/// those of our own standard error.
bool standard_error_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    unsigned long long device = 0;
    unsigned long long inode = 0;
    return std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == status.st_dev && inode == status.st_ino;
}

class StandardError : public LogOutput {
public:
    StandardError() : journal_(standard_error_is_journal()) {}

    bool write(Severity severity, std::string_view line) override {
        std::string text;
        if (journal_) text = "<" + std::to_string(syslog_priority(severity)) + ">";
        text += line;
        text += '\n';
        std::string_view left = text;
        while (!left.empty()) {
            if (!wait_for_room()) return false;
            // A pipe that polls writable takes PIPE_BUF bytes without blocking, and in one piece.
            const ssize_t written = ::write(STDERR_FILENO, left.data(), std::min<std::size_t>(left.size(), PIPE_BUF));
            if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
            if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
        }
        return true;
    }

private:
    bool wait_for_room() {
        pollfd watched{STDERR_FILENO, POLLOUT, 0};
        const bool room = ::poll(&watched, 1, stuck_ ? 0 : patience_ms) == 1 && (watched.revents & POLLOUT) != 0;
        stuck_ = !room;
        return room;
    }

    bool journal_;
    bool stuck_ = false;
};

class Syslog : public LogOutput {
public:
    explicit Syslog(const std::string& program) : tag_(program + "[" + std::to_string(::getpid()) + "]: ") {}
    ~Syslog() override { disconnect(); }

    bool write(Severity severity, std::string_view line) override {
        std::string text = "<" + std::to_string(LOG_DAEMON | syslog_priority(severity)) + ">" + tag_;
        text += line;
        // The log daemon may have been started anew since the last line.
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (socket_ < 0 && !connect()) return false;
            if (::send(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
            if (errno == EAGAIN || errno == EMSGSIZE) return false;
            disconnect();
        }
        return false;
    }

private:
    bool connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, "/dev/log");
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (socket_ < 0) return false;
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
        disconnect();
        return false;
    }

    void disconnect() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }

    std::string tag_;
    int socket_ = -1;
};

}  // namespace

std::unique_ptr<LogOutput> make_standard_error_output() { return std::make_unique<StandardError>(); }

std::unique_ptr<LogOutput> make_syslog_output(const std::string& program) { return std::make_unique<Syslog>(program); }

bool standard_error_is_null() {
    struct stat status {};
    if (::fstat(STDERR_FILENO, &status) != 0) return true;
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

}  // namespace dst
