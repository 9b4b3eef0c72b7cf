#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "block/events.h"
#include "block/link.h"
#include "block/loop.h"
#include "session/export_directory.h"

namespace dst {

class Medium;
class ServerSessionImpl;

/// Bounds of one connection. What a peer sends beyond them stays in its own socket.
struct SessionLimits {
    std::uint32_t requests_max = 256;                  ///< unanswered at once
    std::uint64_t buffer_bytes_max = 64u << 20;        ///< of their payloads, and of answers not yet sent
    std::uint64_t guest_buffer_bytes_max = 16u << 20;  ///< the same while no epoch of the session is accepted
    std::uint32_t request_bytes_max = 8u << 20;
    Duration open_timeout = std::chrono::seconds(10);  ///< for HELLO and OPEN to arrive
    Duration idle_timeout = std::chrono::seconds(20);  ///< with nothing running and nothing received
    /// With answers waiting of which the peer takes nothing. Longer than the default member_timeout, so that a head
    /// has judged by itself before; shorter than the kernel's own patience (tcp_socket.cc), which ends without a word.
    Duration stall_timeout = std::chrono::seconds(15);
    std::string program = "dst-netnode";  ///< for the head's messages
};

/// One accepted connection of a head: HELLO, OPEN of an export, then requests, many in flight and answered in any
/// order. What is in flight when the connection is lost runs to its end into memory of the netnode's own.
class ServerSession {
public:
    /// Takes the link over and starts at once. `ended` is called once, from a deferred function: from then on, and not
    /// before, the session may be destroyed (inside `ended` too).
    ServerSession(Loop& loop, EventSink& events, std::unique_ptr<Link> link, ExportDirectory& exports,
                  std::function<void(ServerSession&)> ended, const SessionLimits& limits = {});
    ~ServerSession();
    ServerSession(const ServerSession&) = delete;
    ServerSession& operator=(const ServerSession&) = delete;

    /// Takes no further requests, answers those that run (for 2 s at most), tells the peer `why`, cuts the connection
    /// and ends as always; `closed` is called just before `ended`. Once.
    void close(const Error& why, std::function<void()> closed);

    /// Cuts the connection at once; what runs on the medium ends as always, then `ended` is called.
    void cut();

    /// The export's medium; null before OPEN and after the end.
    const Medium* medium() const noexcept;
    const std::string& export_name() const noexcept;
    const std::string& peer() const noexcept;
    /// How the head calls itself: "tgtd[1234] on alpha".
    const std::string& head() const noexcept;

private:
    friend class ServerSessionImpl;
    std::unique_ptr<ServerSessionImpl> impl_;
};

}  // namespace dst
