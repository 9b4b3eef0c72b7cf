#include "server/netnode_server.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "block/assert.h"
#include "server/allow_list.h"

namespace dst {
namespace {

constexpr Duration listen_retry = std::chrono::seconds(5);
constexpr Duration waiting_limit = std::chrono::seconds(5);

}  // namespace

NetnodeServer::NetnodeServer(AsioLoop& loop, EventSink& events, HeadOptions options, const SessionLimits& limits)
    : loop_(loop),
      events_(events),
      options_(std::move(options)),
      limits_(limits),
      waiting_timer_(loop, [this] { start_waiting(); }),
      listen_retry_(loop, [this] { retry_listening(); }),
      advance_(loop, [this] { advance(); }) {
    limits_.program = options_.program;
}

NetnodeServer::~NetnodeServer() { DST_ASSERT(sessions_.empty() && exports_.empty() && closing_.empty()); }

Result<void> NetnodeServer::start(const spec::NetnodeFile& file) {
    const std::vector<Unbound> unbound = listen_to(file.listen);
    if (endpoints().empty()) {
        listening_.clear();
        tell_unbound(unbound, "");
        return unbound.empty() ? Error{Errc::invalid_argument, "the file names no address"} : unbound.back().why;
    }
    try_again_later(unbound);
    for (const spec::Export& wanted : file.exports) start_export(wanted);
    return {};
}

/// Returns those that cannot be bound now.
std::vector<NetnodeServer::Unbound> NetnodeServer::listen_to(const std::vector<spec::Listen>& wanted) {
    std::vector<Unbound> unbound;
    for (const spec::Listen& where : wanted) {
        listening_.push_back({where, nullptr});
        if (auto bound = try_listen(listening_.back()); !bound) unbound.push_back({where, bound.error()});
    }
    return unbound;
}

Result<void> NetnodeServer::try_listen(Listening& listening) {
    Result<std::unique_ptr<TcpListener>> made =
        TcpListener::listen(loop_, listening.where.address, listening.where.port,
                            [this](std::unique_ptr<Link> link) { accepted(std::move(link)); });
    if (!made) return made.error();
    listening.listener = std::move(*made);
    events_.event(Severity::info, "listening", "netnode takes connections",
                  {{"address", listening.listener->endpoint()}});
    return {};
}

void NetnodeServer::try_again_later(const std::vector<Unbound>& unbound) {
    if (unbound.empty()) return;
    tell_unbound(unbound, endpoints().empty() ? "; it is tried again; until then the netnode listens nowhere"
                                              : "; it is tried again, other addresses are served");
    listen_retry_.start(listen_retry);
}

void NetnodeServer::tell_unbound(const std::vector<Unbound>& unbound, const std::string& what_now) {
    for (const Unbound& each : unbound) {
        events_.event(Severity::error, "listen-failed", each.why.text + what_now,
                      {{"address", format_endpoint(each.where.address, each.where.port)}});
    }
}

void NetnodeServer::retry_listening() {
    for (Listening& listening : listening_) {
        if (!listening.listener && !try_listen(listening)) listen_retry_.start(listen_retry);
    }
}

std::vector<std::string> NetnodeServer::endpoints() const {
    std::vector<std::string> bound;
    for (const Listening& listening : listening_) {
        if (listening.listener) bound.push_back(listening.listener->endpoint());
    }
    return bound;
}

void NetnodeServer::accepted(std::unique_ptr<Link> link) {
    const std::string address = address_of(link->peer());
    if (!allowed_somewhere(link->peer())) {
        if (told_refused_.pass(address, loop_.now())) {
            events_.event(Severity::warning, "peer-refused",
                          "a machine connected that may use no export here; its connections are closed at once, which "
                          "is told once a minute; if it is a head of yours add it to 'allow' of its export",
                          {{"address", address}});
        }
        return;
    }
    if (!make_room(address)) return;
    ExportDirectory& exports = *this;
    auto session = std::make_unique<ServerSession>(
        loop_, events_, std::move(link), exports, [this](ServerSession& ended) { session_ended(ended); }, limits_);
    sessions_.push_back({std::move(session), address});
}

bool NetnodeServer::allowed_somewhere(const std::string& peer) const {
    return std::any_of(exports_.begin(), exports_.end(), [&](const auto& each) { return each->allows(peer); }) ||
           std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const spec::Export& each) { return allowed(each.allow, peer); });
}

/// False: there are too many connections for one more of this address.
bool NetnodeServer::make_room(const std::string& address) {
    const auto of_address = [&](const Serving& each) { return each.address == address; };
    const auto unopened = [](const Serving& each) { return each.unopened(); };
    const auto count = [this](const auto& which) {
        return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), which));
    };
    bool room = true;
    std::string_view full;
    if (count(of_address) >= connections_per_address_max) {
        room = give_up_oldest_unopened(&address);
        full = "one address has as many connections as the netnode serves to one";
    } else if (count([&](const Serving& each) { return of_address(each) && unopened(each); }) >=
               unopened_per_address_max) {
        room = give_up_oldest_unopened(&address);
        full = "one address has too many connections that open no export";
    } else if (sessions_.size() >= connections_max || count(unopened) >= unopened_max) {
        room = give_up_oldest_unopened(nullptr);
        full = "there are as many connections as the netnode serves";
    } else {
        return true;
    }
    if (told_too_many_.pass(address, loop_.now())) {
        events_.event(Severity::warning, "too-many-connections",
                      std::string(full) +
                          (room ? "; the oldest one that has opened nothing is given up"
                                : "; new ones are refused until some end") +
                          " (told once a minute); look for a client that opens too many",
                      {{"address", address}, {"connections", std::to_string(sessions_.size())}});
    }
    return room;
}

/// Of one address or of all. False: there is none.
bool NetnodeServer::give_up_oldest_unopened(const std::string* address) {
    const auto oldest = std::find_if(sessions_.begin(), sessions_.end(), [&](const Serving& each) {
        return each.unopened() && (address == nullptr || each.address == *address);
    });
    if (oldest == sessions_.end()) return false;
    oldest->closing = true;
    oldest->session->cut();
    return true;
}

void NetnodeServer::session_ended(ServerSession& session) {
    const auto at = std::find_if(sessions_.begin(), sessions_.end(),
                                 [&](const Serving& each) { return each.session.get() == &session; });
    DST_ASSERT(at != sessions_.end());
    sessions_.erase(at);
    if (!ending_.empty() || closed_) advance_.post();
}

Export* NetnodeServer::find_export(const std::string& name) {
    const auto at =
        std::find_if(exports_.begin(), exports_.end(), [&](const auto& each) { return each->name() == name; });
    return at == exports_.end() ? nullptr : at->get();
}

Result<Medium*> NetnodeServer::find(const std::string& export_name, const std::string& peer) {
    Export* exported = find_export(export_name);
    if (exported == nullptr) return Error{Errc::not_found, "this netnode has no export " + export_name};
    if (!exported->allows(peer)) {
        if (told_refused_.pass(address_of(peer) + " " + export_name, loop_.now())) {
            events_.event(Severity::warning, "peer-refused",
                          "a peer asked for an export that its network is not allowed to use; it is refused, which is "
                          "told once a minute; if it is a head of yours add it to 'allow' of the export",
                          {{"export", export_name}, {"peer", peer}});
        }
        return Error{Errc::refused, "the allow-list of export " + export_name + " does not hold " + peer};
    }
    return &exported->medium();
}

void NetnodeServer::reload(const spec::NetnodeFile& file) {
    DST_ASSERT(!closed_);
    reload_listeners(file.listen);
    reload_exports(file.exports);
    events_.event(Severity::info, "reloaded", "netnode has taken up its changed file",
                  {{"file", file.file}, {"exports", std::to_string(file.exports.size())}});
}

void NetnodeServer::reload_listeners(const std::vector<spec::Listen>& wanted) {
    std::erase_if(listening_, [&](const Listening& each) {
        return std::find(wanted.begin(), wanted.end(), each.where) == wanted.end();
    });
    std::vector<spec::Listen> added;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(added), [&](const spec::Listen& where) {
        return std::none_of(listening_.begin(), listening_.end(),
                            [&](const Listening& each) { return each.where == where; });
    });
    try_again_later(listen_to(added));
}

void NetnodeServer::reload_exports(const std::vector<spec::Export>& wanted) {
    waiting_.clear();
    waiting_timer_.stop();
    for (std::size_t i = exports_.size(); i-- > 0;) {
        Export& exported = *exports_[i];
        const auto same = std::find_if(wanted.begin(), wanted.end(), [&](const spec::Export& each) {
            return each.name == exported.name() && exported.same_medium(each);
        });
        if (same == wanted.end()) {
            end_export(i, {Errc::not_found, "the export " + exported.name() + " was changed or taken away"});
            continue;
        }
        exported.set_allowed(same->allow);
        end_sessions_of(exported, {Errc::refused, "the allow-list of export " + exported.name() + " has changed"},
                        [&](const ServerSession& session) { return !exported.allows(session.peer()); });
    }
    for (const spec::Export& each : wanted) {
        if (find_export(each.name) == nullptr) start_export(each);
    }
}

/// Starts it at once, or when what was exported before has let go of its medium.
void NetnodeServer::start_export(const spec::Export& wanted) {
    if (!ending_.empty() || !closing_.empty()) {
        waiting_.push_back(wanted);
        if (!waiting_timer_.running()) waiting_timer_.start(waiting_limit);
        return;
    }
    open_export(wanted);
}

void NetnodeServer::start_waiting() {
    waiting_timer_.stop();
    for (const spec::Export& wanted : std::exchange(waiting_, {})) open_export(wanted);
}

void NetnodeServer::open_export(const spec::Export& wanted) {
    exports_.push_back(std::make_unique<Export>(loop_, events_, wanted, options_));
    exports_.back()->open();
}

void NetnodeServer::end_session(Serving& serving, const Error& why) {
    if (!std::exchange(serving.closing, true)) serving.session->close(why, [] {});
}

void NetnodeServer::end_sessions_of(Export& exported, const Error& why,
                                    const std::function<bool(const ServerSession&)>& which) {
    for (Serving& each : sessions_) {
        if (each.session->medium() == &exported.medium() && which(*each.session)) end_session(each, why);
    }
}

void NetnodeServer::end_export(std::size_t index, const Error& why) {
    ending_.push_back(std::move(exports_[index]));
    exports_.erase(exports_.begin() + static_cast<std::ptrdiff_t>(index));
    end_sessions_of(*ending_.back(), why, [](const ServerSession&) { return true; });
    advance_.post();
}

bool NetnodeServer::in_use(Export& exported) const {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const Serving& each) { return each.session->medium() == &exported.medium(); });
}

void NetnodeServer::advance() {
    for (std::size_t i = ending_.size(); i-- > 0;) {
        if (in_use(*ending_[i])) continue;
        closing_.push_back(std::move(ending_[i]));
        ending_.erase(ending_.begin() + static_cast<std::ptrdiff_t>(i));
        Export* exported = closing_.back().get();
        exported->close([this, exported] {
            std::erase_if(closing_, [&](const auto& each) { return each.get() == exported; });
            advance_.post();
        });
    }
    if (!ending_.empty() || !closing_.empty()) return;
    start_waiting();
    if (closed_ && sessions_.empty()) loop_.defer(std::exchange(closed_, nullptr));
}

void NetnodeServer::close(std::function<void()> closed) {
    DST_ASSERT(!closed_);
    closed_ = std::move(closed);
    listening_.clear();
    listen_retry_.stop();
    waiting_.clear();
    waiting_timer_.stop();
    const Error why{Errc::disconnected, "the netnode is being stopped"};
    while (!exports_.empty()) end_export(exports_.size() - 1, why);
    for (Serving& each : sessions_) end_session(each, why);
    advance_.post();
}

}  // namespace dst
