#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/link.h"
#include "block/loop.h"
#include "block/request.h"
#include "session/frame_reader.h"
#include "session/frame_writer.h"
#include "session/remote_leaf.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace dst {

/// A request on its way through a RemoteLeaf: sent in one part, or in several when it is over the limits.
struct Job : boost::intrusive::list_base_hook<> {
    Request* request = nullptr;
    Extent unsent;          ///< what no part covers yet
    PieceCursor payload;    ///< of `unsent`
    bool sent_all = false;  ///< no further parts
    std::uint32_t outstanding = 0;
    Errc error = Errc::ok;  ///< the first one
};

/// One connection of a RemoteLeaf: link, HELLO, OPEN, then orders and answers in any order. Made for many lives: after
/// cut() or a loss it can be started again with another link.
class ClientConnection final : private Link::Observer {
public:
    /// Nothing of it is called from inside a call to the connection.
    class Owner {
    public:
        virtual ~Owner() = default;
        /// opened_as() is valid, orders may be sent.
        virtual void opened(ClientConnection& connection) = 0;
        /// A part was answered. May cut or start connections.
        virtual void part_done(Job& job, Errc status) = 0;
        /// Cut by the other side, by a time limit or for what it sent; nothing touches its jobs' memory any more. For
        /// each job part_lost() was called before.
        virtual void lost(ClientConnection& connection, const Error& why) = 0;
        /// A part will not be answered any more; called from inside cut() too. Must only note it.
        virtual void part_lost(Job& job) = 0;
        /// There is room for further parts.
        virtual void has_room() = 0;
    };

    ClientConnection(Loop& loop, const RemoteLeafOptions& options, Owner& owner);
    ~ClientConnection() override;

    /// Takes an unconnected link. Only while closed().
    void start(std::unique_ptr<Link> link, wire::Open open);
    /// Nothing of the link is sent or received afterwards. A pending order beside the data path answers `why` later.
    void cut(const Error& why);
    /// Says CLOSE to the netnode, as far as that goes at once, and cuts.
    void say_close();

    bool closed() const noexcept { return state_ == State::closed; }
    bool is_open() const noexcept { return state_ == State::open; }
    /// It was open in its present or last life.
    bool life_was_open() const noexcept { return life_was_open_; }
    const wire::OpenAnswer& opened_as() const noexcept { return opened_as_; }
    const std::string& netnode_program() const noexcept { return netnode_program_; }

    /// Whether a part with `payload_bytes` to send or to receive may be sent now.
    bool takes(std::uint64_t payload_bytes) const noexcept;
    /// Queues one part of a job; `payload` is what is sent (write) or where the answer goes (read, hash).
    void issue(Job& job, const wire::Header& order, const PieceCursor& payload);
    /// Gives what is queued to the link.
    void flush();

    using ControlDone = std::function<void(Result<Bytes>)>;
    bool control_pending() const noexcept { return static_cast<bool>(control_done_); }
    /// An order beside the data path; one at a time, only while open.
    void control(wire::Kind kind, Bytes payload, ControlDone done);

private:
    enum class State { closed, connecting, hello, opening, open };

    /// Request numbers name an exchange and its use: number = use * exchanges_max + index + 1.
    static constexpr std::size_t exchanges_max = 1024;

    /// An order that is not answered yet.
    struct Exchange {
        wire::Header order;
        Job* job = nullptr;  ///< null: HELLO, OPEN, PING or beside the data path
        PieceCursor answer;
        std::uint64_t counted_bytes = 0;
        TimePoint since;
        OutFrame out;
        bool active = false;
        bool sending = false;  ///< not yet given to the link as a whole
        std::uint64_t uses = 0;
    };

    void on_connected() override;
    void on_readable() override;
    void on_writable() override;
    void on_closed(const Error& why) override;

    void receive();
    bool handle(FrameReader::Step step);
    bool accept_header();
    bool accept_frame();
    void accept_notice();
    void accept_job(Exchange& exchange);
    void accept_control(Exchange& exchange);
    void hello_answered(const Result<Bytes>& answer);
    void open_answered(const Result<Bytes>& answer);
    Exchange* find(std::uint64_t request) noexcept;
    static bool fits(const Exchange& exchange, const wire::Header& answer) noexcept;

    Exchange& take_exchange(wire::Kind kind);
    void release(Exchange& exchange) noexcept;
    void send(Exchange& exchange, const PieceCursor& payload);
    void send_control(wire::Kind kind, Bytes payload);

    void tick();
    void check_life(TimePoint now);
    std::optional<Error> overdue(TimePoint now) const;
    void fail(const Error& why);

    Loop& loop_;
    const RemoteLeafOptions& options_;
    Owner& owner_;
    State state_ = State::closed;
    std::uint64_t life_ = 0;  ///< counts start() and the end, to see that a callback ended this life
    bool life_was_open_ = false;
    std::unique_ptr<Link> link_;
    FrameReader reader_;
    FrameWriter writer_;
    bool checksums_ = true;
    wire::Open open_;
    wire::OpenAnswer opened_as_;
    std::string netnode_program_;

    std::vector<std::unique_ptr<Exchange>> exchanges_;
    std::vector<std::size_t> free_;  ///< indices into exchanges_
    std::size_t active_ = 0;
    std::uint64_t active_bytes_ = 0;

    Bytes control_out_;
    Piece control_piece_;
    Bytes control_in_;
    Piece answer_piece_;
    ControlDone control_done_;

    Timer timer_;
    TimePoint heard_;
    std::uint64_t heard_bytes_ = 0;
    std::optional<TimePoint> ping_since_;
};

}  // namespace dst
