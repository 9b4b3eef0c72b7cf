#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "asio/asio_loop.h"
#include "asio/tcp_link.h"
#include "block/events.h"
#include "config/spec.h"
#include "head/options.h"
#include "server/event_gate.h"
#include "server/export.h"
#include "session/export_directory.h"
#include "session/server_session.h"

namespace dst {

/// Everything a netnode serves: listeners, sessions and exports, on one loop.
class NetnodeServer : private ExportDirectory {
public:
    static constexpr std::size_t connections_max = 1024;
    /// Of one address, so that it leaves a quarter to others.
    static constexpr std::size_t connections_per_address_max = connections_max / 4 * 3;
    /// Connections that have not opened an export; where one more comes the oldest is given up.
    static constexpr std::size_t unopened_max = connections_max / 2;
    static constexpr std::size_t unopened_per_address_max = unopened_max / 2;

    /// `limits`: of every connection; its program is taken from the options.
    NetnodeServer(AsioLoop& loop, EventSink& events, HeadOptions options, const SessionLimits& limits = {});
    ~NetnodeServer() override;  ///< after close() has called back, or never started

    /// Opens the exports and listens. Error when not a single address can be listened on; one that cannot, and every
    /// export whose medium is missing, is tried again later. Once.
    Result<void> start(const spec::NetnodeFile& file);
    /// Takes up a changed file: exports and addresses that are in both stay as they are.
    void reload(const spec::NetnodeFile& file);
    /// Stops listening, ends all sessions (what runs is answered, for a moment), closes all exports, then `closed`.
    void close(std::function<void()> closed);

    /// The addresses that are listened on, as bound.
    std::vector<std::string> endpoints() const;
    std::size_t sessions() const noexcept { return sessions_.size(); }

private:
    struct Listening {
        spec::Listen where;
        std::unique_ptr<TcpListener> listener;  ///< null: could not be bound yet
    };

    /// An address that cannot be bound now.
    struct Unbound {
        spec::Listen where;
        Error why;
    };

    struct Serving {
        std::unique_ptr<ServerSession> session;
        std::string address;
        bool closing = false;

        bool unopened() const noexcept { return !closing && session->medium() == nullptr; }
    };

    Result<Medium*> find(const std::string& export_name, const std::string& peer) override;
    Export* find_export(const std::string& name);

    std::vector<Unbound> listen_to(const std::vector<spec::Listen>& wanted);
    Result<void> try_listen(Listening& listening);
    void try_again_later(const std::vector<Unbound>& unbound);
    void tell_unbound(const std::vector<Unbound>& unbound, const std::string& what_now);
    void retry_listening();
    void accepted(std::unique_ptr<Link> link);
    bool allowed_somewhere(const std::string& peer) const;
    bool make_room(const std::string& address);
    bool give_up_oldest_unopened(const std::string* address);
    void session_ended(ServerSession& session);
    void reload_listeners(const std::vector<spec::Listen>& wanted);
    void reload_exports(const std::vector<spec::Export>& wanted);
    void start_waiting();
    void open_export(const spec::Export& wanted);
    void start_export(const spec::Export& wanted);
    static void end_session(Serving& serving, const Error& why);
    void end_sessions_of(Export& exported, const Error& why, const std::function<bool(const ServerSession&)>& which);
    void end_export(std::size_t index, const Error& why);
    void advance();
    bool in_use(Export& exported) const;

    AsioLoop& loop_;
    EventSink& events_;
    HeadOptions options_;
    SessionLimits limits_;
    std::vector<Listening> listening_;
    std::vector<Serving> sessions_;  ///< the oldest first
    std::vector<std::unique_ptr<Export>> exports_;
    std::vector<std::unique_ptr<Export>> ending_;   ///< no longer offered; their sessions are being ended
    std::vector<std::unique_ptr<Export>> closing_;  ///< without sessions; their media are being closed
    std::vector<spec::Export> waiting_;             ///< to be started when what was there before has closed
    Timer waiting_timer_;  ///< one that hangs keeps nobody else off; what it holds is busy until then
    Timer listen_retry_;
    Task advance_;
    EventGate told_refused_;   ///< addresses, and addresses with an export, that are not allowed
    EventGate told_too_many_;  ///< addresses
    std::function<void()> closed_;
};

}  // namespace dst
