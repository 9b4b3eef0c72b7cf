#include <algorithm>

#include "simworld/sim_connection.h"

namespace dst::sim {
namespace {

std::string host_of(const std::string& address) { return address.substr(0, address.rfind(':')); }

}  // namespace

SimConnection::SimConnection(SimNetwork& in_network, std::array<std::string, 2> in_hosts, std::string in_address)
    : network(in_network), hosts(std::move(in_hosts)), address(std::move(in_address)) {}

bool SimConnection::blocked(unsigned from) const { return network.partitioned(hosts[from], hosts[1 - from]); }

bool SimConnection::joins(const std::string& one, const std::string& other) const {
    return (hosts[0] == one && hosts[1] == other) || (hosts[0] == other && hosts[1] == one);
}

void SimConnection::start() {
    const auto self = shared_from_this();
    network.loop().after(network.latency(), [self] { self->arrive_at_listener(); });
    network.loop().after(network.options().connect_timeout, [self] {
        if (self->state == State::connecting)
            self->tell_closed(0, {Errc::timed_out, "no answer from " + self->address});
    });
}

void SimConnection::arrive_at_listener() {
    if (state != State::connecting || silent[0]) return;
    if (ends[0] == nullptr) return;  // given up meanwhile
    if (blocked(0) || blocked(1)) {
        // The SYN, or its answer, is sent again.
        const auto self = shared_from_this();
        network.loop().after(std::chrono::milliseconds(500), [self] { self->arrive_at_listener(); });
        return;
    }
    const SimNetwork::Accept accept = network.listener(address);
    if (!accept) {
        tell_closed(0, {Errc::disconnected, "connection to " + address + " refused"});
        return;
    }
    state = State::open;
    auto link = std::make_unique<SimLink>(network.loop(), shared_from_this(), 1,
                                          hosts[0] + ":" + std::to_string(network.next_port()));
    accept(std::move(link));
    const auto self = shared_from_this();
    network.loop().after(network.latency(), [self] {
        if (self->ends[0] != nullptr && self->state == State::open) self->ends[0]->stands();
    });
}

void SimConnection::move(unsigned from) {
    Direction& direction = directions[from];
    if (direction.moving || state == State::ended || silent[from] || blocked(from)) return;
    if (direction.under_way.empty() && !direction.finished) return;
    if (direction.arrived.size() >= network.options().window_bytes) return;
    direction.moving = true;
    const auto self = shared_from_this();
    network.loop().after(network.latency(), [self, from] {
        self->directions[from].moving = false;
        self->move_now(from);
    });
}

void SimConnection::move_now(unsigned from) {
    Direction& direction = directions[from];
    if (state == State::ended || silent[from] || silent[1 - from] || blocked(from)) return;
    const std::size_t chunk = 1 + network.loop().below(network.options().chunk_bytes_max);
    const std::size_t count = std::min(chunk, direction.under_way.size());
    direction.arrived.push(direction.under_way.data(), count);
    direction.under_way.pop(count);
    if (ends[from] != nullptr) ends[from]->room();
    if (ends[1 - from] != nullptr) {
        ends[1 - from]->arrived();
    } else {
        direction.arrived.clear();
    }
    if (!direction.under_way.empty()) move(from);
}

void SimConnection::close_end(unsigned end) {
    ends[end] = nullptr;
    if (state != State::open || silent[end]) return;
    const bool lost = !directions[1 - end].arrived.empty() || !directions[1 - end].under_way.empty();
    directions[1 - end].arrived.clear();
    if (ends[1 - end] == nullptr) {
        state = State::ended;
        return;
    }
    directions[end].finished = true;
    // Closing with unread bytes is a reset to the other side, and overtakes what was sent.
    if (lost && network.loop().chance(500)) directions[end].under_way.clear();
    move(end);
}

void SimConnection::cut(const std::string& why) {
    if (state == State::ended) return;
    state = State::ended;
    for (unsigned end = 0; end < 2; ++end) {
        directions[end].under_way.clear();
        tell_closed(end, {Errc::disconnected, why});
    }
}

void SimConnection::tell_closed(unsigned end, const Error& why) {
    if (state == State::connecting) state = State::ended;
    if (ends[end] != nullptr && !silent[end]) ends[end]->over(why);
}

void SimConnection::silence(unsigned end) {
    silent[end] = true;
    directions[end].under_way.clear();
    directions[1 - end].arrived.clear();
}

SimNetwork::SimNetwork(SimLoop& loop, const SimNetworkOptions& options) : loop_(loop), options_(options) {}
SimNetwork::~SimNetwork() = default;

void SimNetwork::listen(const std::string& address, Accept accept) { listeners_[address] = std::move(accept); }
void SimNetwork::stop_listening(const std::string& address) {
    touch(host_of(address), host_of(address));
    listeners_.erase(address);
}

SimNetwork::Accept SimNetwork::listener(const std::string& address) const {
    const auto found = listeners_.find(address);
    return found == listeners_.end() ? Accept() : found->second;
}

LinkFactory SimNetwork::factory(const std::string& host, const std::string& address) {
    return [this, host, address, life = lives_[host]]() -> std::unique_ptr<Link> {
        auto connection = std::make_shared<SimConnection>(*this, std::array{host, host_of(address)}, address);
        connection->silent[0] = life != lives_[host];
        connections_.push_back(connection);
        return std::make_unique<SimLink>(loop_, connection, 0, address);
    };
}

std::vector<std::shared_ptr<SimConnection>> SimNetwork::live() const {
    std::vector<std::shared_ptr<SimConnection>> found;
    std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : connections_) {
        auto connection = weak.lock();
        if (connection->state == SimConnection::State::open) found.push_back(std::move(connection));
    }
    return found;
}

void SimNetwork::partition(const std::string& from, const std::string& to) {
    touch(from, to);
    partitions_.emplace(from, to);
}

void SimNetwork::touch(const std::string& one, const std::string& other) {
    touched_[{one, other}] = loop_.now();
    touched_[{other, one}] = loop_.now();
}

std::optional<TimePoint> SimNetwork::last_touched(const std::string& one, const std::string& other) const {
    std::optional<TimePoint> last;
    for (const auto& pair : {std::pair(one, other), std::pair(one, one), std::pair(other, other)}) {
        const auto found = touched_.find(pair);
        if (found != touched_.end()) last = std::max(last.value_or(found->second), found->second);
    }
    return last;
}

void SimNetwork::heal(const std::string& from, const std::string& to) {
    if (partitions_.erase({from, to}) != 0) touch(from, to);
    for (const auto& connection : live()) {
        connection->move(0);
        connection->move(1);
    }
}

void SimNetwork::heal_all() {
    for (const auto& [from, to] : partitions_) touch(from, to);
    partitions_.clear();
    for (const auto& connection : live()) {
        connection->move(0);
        connection->move(1);
    }
}

bool SimNetwork::partitioned(const std::string& from, const std::string& to) const {
    return partitions_.contains({from, to});
}

void SimNetwork::reset(const std::string& one, const std::string& other) {
    touch(one, other);
    for (const auto& connection : live()) {
        if (connection->joins(one, other)) connection->cut("connection reset by peer");
    }
}

void SimNetwork::crash_host(const std::string& host, bool power) {
    ++lives_[host];
    touch(host, host);
    std::erase_if(listeners_, [&host](const auto& entry) { return host_of(entry.first) == host; });
    for (const auto& weak : connections_) {
        const auto connection = weak.lock();
        if (connection == nullptr || connection->state == SimConnection::State::ended) continue;
        for (unsigned end = 0; end < 2; ++end) {
            if (connection->hosts[end] != host || connection->silent[end]) continue;
            connection->silence(end);
            const Duration delay = power ? loop_.between(std::chrono::seconds(1), std::chrono::seconds(30)) : latency();
            loop_.after(delay, [connection] { connection->cut("connection reset by peer"); });
        }
    }
}

std::size_t SimNetwork::connections() const { return live().size(); }

Duration SimNetwork::latency() { return loop_.between(options_.latency_min, options_.latency_max); }

}  // namespace dst::sim
