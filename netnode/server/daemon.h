#pragma once

#include <boost/asio/signal_set.hpp>
#include <string>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "config/spec.h"
#include "head/options.h"
#include "server/netnode_server.h"

namespace dst {

/// dst-netnode as a process: signals, reload, the service manager, a bounded end.
class Daemon {
public:
    /// `path`: of the netnode file, read again at SIGHUP.
    Daemon(AsioLoop& loop, EventSink& events, HeadOptions options, std::string path);

    /// Serves until SIGTERM or SIGINT. The exit status: 0 after a clean end, 70 when it could not listen or what it
    /// served did not end in time.
    int run(const spec::NetnodeFile& file);
    /// False: what it served still runs, and the daemon must not be destroyed.
    bool ended_cleanly() const noexcept { return clean_; }

private:
    void wait_for_signal();
    void reload();
    void stop();

    AsioLoop& loop_;
    EventSink& events_;
    std::string path_;
    NetnodeServer server_;
    boost::asio::signal_set signals_;
    Timer stop_limit_;
    bool stopping_ = false;
    bool clean_ = false;
};

/// Raises the limit of open descriptors as far as the process may.
void raise_descriptor_limit();

}  // namespace dst
