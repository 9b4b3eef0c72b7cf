#include "server/daemon.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>

#include "server/notify.h"
#include "yaml/load.h"

namespace dst {
namespace {

constexpr int exit_failure = 70;
constexpr Duration stop_limit = std::chrono::seconds(15);
constexpr rlim_t descriptors_wanted = 16384;

std::string monotonic_microseconds() {
    timespec at{};
    static_cast<void>(clock_gettime(CLOCK_MONOTONIC, &at));
    return std::to_string(at.tv_sec * 1'000'000LL + at.tv_nsec / 1'000);
}

}  // namespace

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= descriptors_wanted) return;
    const rlimit before = limit;
    limit.rlim_cur = descriptors_wanted;
    limit.rlim_max = std::max(limit.rlim_max, descriptors_wanted);
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
    // Above the hard limit only root may go.
    limit = before;
    limit.rlim_cur = std::min(limit.rlim_max, descriptors_wanted);
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

Daemon::Daemon(AsioLoop& loop, EventSink& events, HeadOptions options, std::string path)
    : loop_(loop),
      events_(events),
      path_(std::move(path)),
      server_(loop, events, std::move(options)),
      signals_(loop.context()),
      stop_limit_(loop, [this] { loop_.stop(); }) {}

int Daemon::run(const spec::NetnodeFile& file) {
    // Before anybody can see that it listens; what comes meanwhile is kept for wait_for_signal().
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        boost::system::error_code failure;
        signals_.add(signal, failure);
    }
    const Result<void> started = server_.start(file);
    if (started.has_error()) {
        events_.event(Severity::critical, "start-failed", "netnode cannot listen on any address of its file; it ends",
                      {{"file", path_}, {"reason", started.error().text}});
        clean_ = true;
        return exit_failure;
    }
    wait_for_signal();
    notify_service_manager("READY=1");
    loop_.run();
    if (clean_) return 0;
    events_.event(Severity::error, "stop-timed-out",
                  "a disk or tree did not end in time; the process ends without waiting for it", {});
    return exit_failure;
}

void Daemon::wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& failure, int signal) {
        if (failure) return;
        if (signal == SIGHUP) {
            if (!stopping_) reload();
            wait_for_signal();
        } else if (!stopping_) {
            events_.event(Severity::info, "stopping",
                          "netnode was told to stop; it ends its sessions and closes its exports",
                          {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
            stop();
            wait_for_signal();
        } else {
            loop_.stop();
        }
    });
}

void Daemon::reload() {
    notify_service_manager("RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
    const auto loaded = yaml::load_netnode_file(path_);
    if (const auto* mistakes = std::get_if<std::vector<yaml::Mistake>>(&loaded)) {
        for (const yaml::Mistake& mistake : *mistakes) {
            events_.event(Severity::error, "reload-refused",
                          "the changed file has a mistake; netnode goes on as before: " + yaml::to_string(mistake), {});
        }
    } else {
        server_.reload(std::get<spec::NetnodeFile>(loaded));
    }
    notify_service_manager("READY=1");
}

void Daemon::stop() {
    stopping_ = true;
    notify_service_manager("STOPPING=1");
    stop_limit_.start(stop_limit);
    server_.close([this] {
        clean_ = true;
        events_.event(Severity::info, "stopped", "netnode has ended cleanly", {});
        loop_.stop();
    });
}

}  // namespace dst
