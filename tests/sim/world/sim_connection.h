#pragma once

#include <array>
#include <memory>
#include <string>

#include "simworld/sim_byte_queue.h"
#include "simworld/sim_link.h"

namespace dst::sim {

class SimLink;

/// One connection: two ends and the bytes between them. End 0 connected, end 1 was accepted. Shared by its links and by
/// the events that are under way.
struct SimConnection : std::enable_shared_from_this<SimConnection> {
    /// Bytes from end i to the other one.
    struct Direction {
        SimByteQueue under_way;
        SimByteQueue arrived;
        bool moving = false;    ///< an event for the next chunk is scheduled
        bool finished = false;  ///< the sender closed: nothing follows what is under way
    };
    enum class State { connecting, open, ended };

    SimConnection(SimNetwork& in_network, std::array<std::string, 2> in_hosts, std::string in_address);

    void start();
    void arrive_at_listener();
    void move(unsigned from);
    void move_now(unsigned from);
    /// End `end` closed by itself.
    void close_end(unsigned end);
    /// Both ends hear that it is over; what is under way is lost.
    void cut(const std::string& why);
    /// End `end` hears that it is over.
    void tell_closed(unsigned end, const Error& why);
    /// End `end` is of a dead process: nothing reaches it and nothing comes from it.
    void silence(unsigned end);
    bool blocked(unsigned from) const;
    bool joins(const std::string& one, const std::string& other) const;

    SimNetwork& network;
    std::array<std::string, 2> hosts;
    std::string address;
    State state = State::connecting;
    std::array<SimLink*, 2> ends{};
    std::array<bool, 2> silent{};
    std::array<Direction, 2> directions;
};

/// One end.
class SimLink final : public Link {
public:
    SimLink(SimLoop& loop, std::shared_ptr<SimConnection> connection, unsigned end, std::string peer);
    ~SimLink() override { close(); }

    void set_observer(Observer* observer) override { observer_ = observer; }
    void connect() override;
    std::size_t read(Pieces into) override;
    std::size_t write(Pieces from) override;
    std::uint64_t untaken_bytes() const override { return connection_->directions[end_].under_way.size(); }
    void close() override;
    const std::string& peer() const override { return peer_; }

    /// Bytes arrived, room came free, it stands, it is over: the observer hears it from the loop.
    void arrived();
    void room();
    void stands();
    void over(const Error& why);

private:
    void notify_soon();
    void notify();

    SimLoop& loop_;
    std::shared_ptr<SimConnection> connection_;
    unsigned end_;
    std::string peer_;
    Observer* observer_ = nullptr;
    bool closed_ = false;
    bool read_armed_ = true;
    bool write_armed_ = false;
    bool tell_stands_ = false;
    bool tell_readable_ = false;
    bool tell_writable_ = false;
    std::unique_ptr<Error> tell_over_;
    bool notify_scheduled_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace dst::sim
