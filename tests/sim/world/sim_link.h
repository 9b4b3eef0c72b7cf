#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "block/link.h"
#include "simworld/sim_loop.h"

namespace dst::sim {

struct SimConnection;

struct SimNetworkOptions {
    Duration latency_min = std::chrono::microseconds(30);
    Duration latency_max = std::chrono::microseconds(300);
    /// Bytes that a direction holds before write() takes no more.
    std::size_t window_bytes = 256u << 10;
    /// Bytes move in chunks of a random size up to this; small values try every partial read and write.
    std::size_t chunk_bytes_max = 64u << 10;
    /// A SYN without an answer.
    Duration connect_timeout = std::chrono::seconds(20);
};

/// TCP between named hosts. A host is any text; an address is "host:port". Bytes of a connection arrive in order,
/// late and in pieces; nothing is ever lost without the connection ending.
class SimNetwork {
public:
    using Accept = std::function<void(std::unique_ptr<Link>)>;

    explicit SimNetwork(SimLoop& loop, const SimNetworkOptions& options = {});
    ~SimNetwork();
    SimNetwork(const SimNetwork&) = delete;
    SimNetwork& operator=(const SimNetwork&) = delete;

    /// One listener per address; replaces an earlier one.
    void listen(const std::string& address, Accept accept);
    void stop_listening(const std::string& address);
    /// Links from `host` to `address`. The network must outlive them.
    LinkFactory factory(const std::string& host, const std::string& address);

    // --- Faults. Connections that already are there are meant too.
    /// Nothing moves from `from` to `to` until healed: what is under way waits, as TCP sends again.
    void partition(const std::string& from, const std::string& to);
    void heal(const std::string& from, const std::string& to);
    void heal_all();
    bool partitioned(const std::string& from, const std::string& to) const;
    /// A link between them has ever been cut or kept from carrying anything, or one of them has ended.
    bool touched(const std::string& one, const std::string& other) const {
        return last_touched(one, other).has_value();
    }
    /// When that was last the case.
    std::optional<TimePoint> last_touched(const std::string& one, const std::string& other) const;
    /// Both ends of every connection between the two hosts hear a reset, what was under way is lost.
    void reset(const std::string& one, const std::string& other);
    /// The process on `host` dies: its ends of connections and its factories fall silent for ever, its listeners end,
    /// and the peers hear it: at once, or with `power` gone only when some seconds have passed. What is made for the
    /// same name afterwards is a new process.
    void crash_host(const std::string& host, bool power = false);

    std::size_t connections() const;

    // --- For the connections.
    SimLoop& loop() noexcept { return loop_; }
    const SimNetworkOptions& options() const noexcept { return options_; }
    Duration latency();
    Accept listener(const std::string& address) const;
    std::uint64_t next_port() noexcept { return ports_++; }

private:
    std::vector<std::shared_ptr<SimConnection>> live() const;

    SimLoop& loop_;
    SimNetworkOptions options_;
    std::map<std::string, Accept> listeners_;
    void touch(const std::string& one, const std::string& other);

    std::set<std::pair<std::string, std::string>> partitions_;
    /// Both ways, and when last; a host that ended: with itself.
    std::map<std::pair<std::string, std::string>, TimePoint> touched_;
    mutable std::vector<std::weak_ptr<SimConnection>> connections_;
    std::map<std::string, std::uint64_t> lives_;  ///< processes so far, by host
    std::uint64_t ports_ = 40000;
};

}  // namespace dst::sim
