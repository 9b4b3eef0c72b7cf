#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/events.h"
#include "block/link.h"
#include "block/loop.h"
#include "block/pool.h"
#include "media/medium.h"
#include "session/export_directory.h"
#include "session/frame_reader.h"
#include "session/frame_writer.h"
#include "session/server_session.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace dst {

/// The state machine behind ServerSession.
///
///   hello -> open -> opening -> serving -> draining -> finishing -> cut -> ended
///
/// Any state may go to finishing (the peer is told why, what is queued is sent, then the link is cut) or straight to
/// cut (link lost, protocol broken). From cut on it waits for what still runs on the medium; then it has ended.
class ServerSessionImpl final : private Link::Observer, private Medium::Session {
public:
    ServerSessionImpl(ServerSession& session, Loop& loop, EventSink& events, std::unique_ptr<Link> link,
                      ExportDirectory& exports, std::function<void(ServerSession&)> ended, const SessionLimits& limits);
    ~ServerSessionImpl() override;

    void close(const Error& why, std::function<void()> closed);
    void cut();
    const Medium* medium() const noexcept { return medium_; }
    const std::string& export_name() const noexcept { return open_.export_name; }
    const std::string& peer() const noexcept { return peer_; }
    const std::string& head() const noexcept { return open_.head; }

private:
    enum class State { hello, open, opening, serving, draining, finishing, cut, ended };
    /// What lies in the reader and waits for memory or a free place.
    enum class Held { nothing, header, frame };

    /// One order, from its header to the last byte of its answer.
    struct Work {
        ServerSessionImpl* session = nullptr;
        wire::Header order;
        Request request;
        BufferPool* pool = nullptr;   ///< whose buffer it is
        std::byte* buffer = nullptr;  ///< for buffer_bytes
        std::size_t buffer_bytes = 0;
        Piece piece;
        Bytes text;               ///< payload of answers beside the data path
        bool control = false;     ///< the one order beside the data path, until its answer is sent
        Errc refusal = Errc::ok;  ///< of a write: decided at its header, its payload is thrown away
        OutFrame frame;
    };

    // --- Link, timers (server_session.cc)
    void on_connected() override {}
    void on_readable() override;
    void on_writable() override;
    void on_closed(const Error& why) override;
    void tick();
    void flush();
    void discard();

    // --- The end (server_session.cc)
    void protocol_failure(const Error& why);
    void give_up(const char* what_the_peer_does);
    void finish(const Error& why, bool tell);
    void check_ended();
    void report(Severity severity, std::string_view id, const std::string& text);
    std::string who() const;

    // --- Receiving (server_receive.cc)
    void receive();
    bool handle(FrameReader::Step step);
    bool handle_held();
    bool accept_header();
    bool accept_write_header();
    bool accept_frame();
    const char* check_order(const wire::Header& order) const noexcept;
    bool may_take_more() const noexcept;

    // --- HELLO, OPEN (server_open.cc)
    void handle_hello(Work& work);
    void handle_open(Work& work);
    void end_earlier_and_open(Work& work);
    void replaced(Work& work, const Result<void>& result);
    void look_and_open(Work& work);
    void wait_until_up(Work& work);
    void not_opened();
    void refuse_not_there(Work& work, const Medium& medium);
    bool is_elsewhere(const Label& label) const;
    bool is_expected() const;
    void continue_open(Work& work);
    void refuse_open(Work& work, const Error& why);

    // --- Medium::Session (server_open.cc)
    void fence(const Epoch& by, std::function<void()> ended) override;
    void on_medium_up() override;
    void on_medium_down(const Error& why) override;
    void check_fenced();

    // --- Requests (server_requests.cc)
    Work* take_work(const wire::Header& order);
    std::byte* take_buffer(std::size_t bytes);
    /// Without an accepted epoch, or fenced: no storage that serves depends on it.
    bool guest() const noexcept { return epoch.none() || fenced_; }
    BufferPool& pool() noexcept { return guest() ? exports_.guest_buffers() : exports_.buffers(); }
    static std::size_t buffer_bytes_for(const wire::Header& order, std::uint32_t block_bytes) noexcept;
    void release(Work& work);
    Errc may_start(const Request& request) noexcept;
    void start(Work& work);
    void start_ping(Work& work);
    static void request_done(Request& request);
    void answer(Work& work, Errc status);
    void answer_text(Work& work, Errc status, Bytes payload);
    void answer_error(Work& work, const Error& why);
    void send(Work& work, wire::Header fields, const PieceCursor& payload);
    void work_ended();

    // --- Beside the data path (server_control.cc)
    void start_control(Work& work);
    void begin_control(Work& work);
    void start_promise(Work& work);
    void start_served(Work& work);
    void start_label(Work& work);
    void start_close(Work& work);
    template <typename T>
    void control_done(Work& work, const Result<T>& result);

    ServerSession& session_;
    Loop& loop_;
    EventSink& events_;
    std::unique_ptr<Link> link_;
    ExportDirectory& exports_;
    std::function<void(ServerSession&)> ended_;
    const SessionLimits limits_;
    const std::string peer_;

    State state_ = State::hello;
    Held held_ = Held::nothing;
    FrameReader reader_;
    FrameWriter writer_;
    bool checksums_ = true;
    wire::Open open_;
    Medium* medium_ = nullptr;  ///< attached to it
    bool fenced_ = false;
    bool control_running_ = false;
    std::vector<std::function<void()>> fence_ended_;
    std::function<void()> closed_;
    Error close_reason_{Errc::ok, {}};
    bool looked_ = false;           ///< at the medium, for the OPEN
    Work* looking_work_ = nullptr;  ///< an OPEN whose medium is looked at, or opened anew
    Work* closing_work_ = nullptr;  ///< a CLOSE that waits for the requests before it

    Pool<Work> works_;
    std::uint64_t buffer_bytes_ = 0;  ///< held by works
    std::size_t running_ = 0;         ///< works that the medium has
    Work* receiving_ = nullptr;       ///< a write whose payload is coming in
    Bytes control_in_;

    Task receive_task_;
    Task flush_task_;
    Task end_task_;  ///< check_ended(), outside of whoever ended the last thing
    Timer tick_timer_;
    Timer open_timer_;                 ///< until a medium is open
    Timer end_timer_;                  ///< draining, finishing: bounded
    BufferPool::Waiter waiter_;        ///< for buffers()
    BufferPool::Waiter guest_waiter_;  ///< for guest_buffers()
    TimePoint began_;
    TimePoint heard_;  ///< bytes came last
    TimePoint moved_;  ///< the peer took bytes last, or nothing waited for it
    std::uint64_t heard_bytes_ = 0;
    std::uint64_t moved_bytes_ = 0;
};

}  // namespace dst
