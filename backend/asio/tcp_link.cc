#include "asio/tcp_link.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <utility>

#include "asio/resolver.h"
#include "asio/tcp_socket.h"
#include "block/assert.h"

namespace dst {

static_assert(Link::pieces_max <= IOV_MAX);
static_assert(sizeof(Piece) == sizeof(iovec) && offsetof(Piece, data) == offsetof(iovec, iov_base) &&
              offsetof(Piece, size) == offsetof(iovec, iov_len));

namespace {

/// While more addresses are left, one that does not answer is given up after this, or sooner when there are many.
constexpr Duration address_limit_max = std::chrono::milliseconds(750);
/// What all addresses have: of the 3 s that a session gives it (RemoteLeafOptions), less a look-up that is not slow.
constexpr Duration addresses_limit = std::chrono::seconds(2);

class TcpLink : public Link {
public:
    /// To connect.
    TcpLink(AsioLoop& loop, std::string host, std::uint16_t port);
    /// Accepted.
    TcpLink(AsioLoop& loop, int fd, std::string peer);
    ~TcpLink() override { close(); }

    void set_observer(Observer* observer) override { observer_ = observer; }
    void connect() override;
    std::size_t read(Pieces into) override;
    std::size_t write(Pieces from) override;
    std::uint64_t untaken_bytes() const override;
    void close() override;
    const std::string& peer() const override { return peer_; }

private:
    enum class State { idle, connecting, connected, failed, closed };

    void looked_up(const Result<std::vector<SocketAddress>>& found);
    void try_next_address();
    void give_up_address(const std::string& why);
    void drop_socket();
    void readable();
    void writable();
    void connect_ended();
    void fail(Error why);
    void fail_with_errno(int error);

    AsioLoop& loop_;
    std::string host_;
    std::uint16_t port_ = 0;
    std::string peer_;
    Observer* observer_ = nullptr;
    State state_ = State::idle;
    int fd_ = -1;
    std::optional<FdReadiness> readiness_;
    Lookup lookup_;
    std::vector<SocketAddress> addresses_;
    std::size_t next_address_ = 0;
    Timer address_timer_;
    Task step_;
    Task lost_;
    Error why_;
};

TcpLink::TcpLink(AsioLoop& loop, std::string host, std::uint16_t port)
    : loop_(loop),
      host_(std::move(host)),
      port_(port),
      peer_(format_endpoint(host_, port)),
      address_timer_(loop, [this] { give_up_address("no answer"); }),
      step_(loop, [this] { try_next_address(); }),
      lost_(loop, [this] { observer_->on_closed(why_); }) {}

TcpLink::TcpLink(AsioLoop& loop, int fd, std::string peer)
    : loop_(loop),
      peer_(std::move(peer)),
      state_(State::connected),
      fd_(fd),
      address_timer_(loop, [] {}),
      step_(loop, [] {}),
      lost_(loop, [this] { observer_->on_closed(why_); }) {
    readiness_.emplace(
        loop, fd, [this] { readable(); }, [this] { writable(); });
    readiness_->want_read();
}

void TcpLink::connect() {
    DST_ASSERT(state_ == State::idle && observer_ != nullptr);
    state_ = State::connecting;
    if (const auto numeric = parse_address(host_, port_)) {
        addresses_ = {*numeric};
        step_.post();
        return;
    }
    lookup_.start(loop_, host_, port_, [this](const Result<std::vector<SocketAddress>>& found) { looked_up(found); });
}

void TcpLink::looked_up(const Result<std::vector<SocketAddress>>& found) {
    if (found.has_error()) {
        fail(found.error());
        return;
    }
    addresses_ = *found;
    try_next_address();
}

void TcpLink::try_next_address() {
    DST_ASSERT(next_address_ < addresses_.size());
    const SocketAddress& address = addresses_[next_address_++];
    peer_ = to_string(address);
    fd_ = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
        const int error = errno;
        // Anything else concerns the one address, as when this machine has no IPv6.
        is_shortage(error) ? fail_with_errno(error) : give_up_address(std::strerror(error));
        return;
    }
    tune_tcp_socket(fd_);
    if (::connect(fd_, address.get(), address.length) != 0 && errno != EINPROGRESS && errno != EINTR) {
        give_up_address(std::strerror(errno));
        return;
    }
    readiness_.emplace(
        loop_, fd_, [this] { readable(); }, [this] { writable(); });
    readiness_->want_write();
    if (next_address_ == addresses_.size()) return;
    const auto share = addresses_limit / static_cast<Duration::rep>(addresses_.size());
    address_timer_.start(std::min(address_limit_max, share));
}

void TcpLink::connect_ended() {
    const int error = socket_error(fd_);
    if (error != 0) {
        give_up_address(std::strerror(error));
        return;
    }
    address_timer_.stop();
    state_ = State::connected;
    readiness_->want_read();
    observer_->on_connected();
}

void TcpLink::give_up_address(const std::string& why) {
    address_timer_.stop();
    drop_socket();
    if (next_address_ < addresses_.size()) {
        step_.post();
        return;
    }
    fail({Errc::disconnected, "cannot connect to " + peer_ + ": " + why});
}

std::size_t TcpLink::read(Pieces into) {
    if (state_ != State::connected || into.empty()) return 0;
    DST_ASSERT(into.size() <= pieces_max);
    ssize_t got = 0;
    do {
        got = ::readv(fd_, reinterpret_cast<const iovec*>(into.data()), static_cast<int>(into.size()));
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno != EAGAIN) {
        fail_with_errno(errno);
        return 0;
    }
    const std::uint64_t wanted = total_size(into);
    if (got == 0 && wanted != 0) {
        fail({Errc::disconnected, peer_ + " closed the connection"});
        return 0;
    }
    const std::size_t bytes = got < 0 ? 0 : static_cast<std::size_t>(got);
    if (bytes < wanted) readiness_->want_more_to_read();
    return bytes;
}

std::size_t TcpLink::write(Pieces from) {
    if (state_ != State::connected || from.empty()) return 0;
    DST_ASSERT(from.size() <= pieces_max);
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<Piece*>(from.data()));
    message.msg_iovlen = from.size();
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN) {
        fail_with_errno(errno);
        return 0;
    }
    const std::size_t bytes = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    if (bytes < total_size(from)) readiness_->want_more_room();
    return bytes;
}

std::uint64_t TcpLink::untaken_bytes() const {
    int bytes = 0;
    if (state_ != State::connected || ::ioctl(fd_, SIOCOUTQ, &bytes) != 0) return 0;
    return static_cast<std::uint64_t>(bytes);
}

void TcpLink::close() {
    state_ = State::closed;
    lookup_.cancel();
    address_timer_.stop();
    step_.cancel();
    lost_.cancel();
    drop_socket();
}

void TcpLink::drop_socket() {
    // Stopped, not destroyed: this may run inside one of its callbacks.
    if (readiness_) readiness_->stop();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void TcpLink::readable() { observer_->on_readable(); }

void TcpLink::writable() {
    if (state_ == State::connecting) {
        connect_ended();
    } else {
        observer_->on_writable();
    }
}

void TcpLink::fail(Error why) {
    why_ = std::move(why);
    state_ = State::failed;
    drop_socket();
    lost_.post();
}

void TcpLink::fail_with_errno(int error) {
    fail({errc_from_errno(error), "the connection to " + peer_ + " is lost: " + std::strerror(error)});
}

}  // namespace

std::unique_ptr<Link> make_tcp_link(AsioLoop& loop, std::string host, std::uint16_t port) {
    return std::make_unique<TcpLink>(loop, std::move(host), port);
}

std::unique_ptr<Link> make_accepted_link(AsioLoop& loop, int fd, std::string peer) {
    tune_tcp_socket(fd);
    return std::make_unique<TcpLink>(loop, fd, std::move(peer));
}

}  // namespace dst
