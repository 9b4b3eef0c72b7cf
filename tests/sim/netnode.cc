#include "netnode.h"

#include <algorithm>

namespace dst::sim {

NetnodeProcess::NetnodeProcess(Trace& trace, SimNetwork& network, const NetnodeMachine& machine)
    : trace_(trace), network_(network), machine_(machine), events_(trace, machine.host) {
    for (const auto& [name, platter] : machine.exports) {
        SimDiskOptions options;
        options.own_buffers = false;
        auto disk = std::make_unique<SimDisk>(trace.loop(), *platter, machine.host + "/" + name, options);
        auto medium = std::make_unique<Medium>(trace.loop(), events_, std::move(disk));
        medium->open();
        ++media_open_;
        media_.emplace(name, std::move(medium));
    }
    network_.listen(machine.address, [this](std::unique_ptr<Link> link) { accept(std::move(link)); });
}

NetnodeProcess::~NetnodeProcess() = default;

Result<Medium*> NetnodeProcess::find(const std::string& export_name, const std::string& peer) {
    const auto found = media_.find(export_name);
    if (found == media_.end()) return Error{Errc::not_found, "no export " + export_name + " for " + peer};
    return found->second.get();
}

void NetnodeProcess::accept(std::unique_ptr<Link> link) {
    sessions_.push_back(std::make_unique<ServerSession>(trace_.loop(), events_, std::move(link),
                                                        static_cast<ExportDirectory&>(*this),
                                                        [this](ServerSession& session) { ended(session); }));
}

void NetnodeProcess::ended(ServerSession& session) {
    std::erase_if(sessions_, [&session](const auto& one) { return one.get() == &session; });
    if (stopping_ && sessions_.empty()) close_media();
}

void NetnodeProcess::crash(bool power) {
    dead_ = true;
    events_.silence();
    network_.crash_host(machine_.host, power);
    for (const auto& [name, platter] : machine_.exports) {
        if (power) {
            platter->power_loss();
        } else {
            platter->crash();
        }
    }
    stop();
}

void NetnodeProcess::stop() {
    if (stopping_) return;
    stopping_ = true;
    network_.stop_listening(machine_.address);
    for (const auto& session : sessions_) session->close({Errc::cancelled, "the netnode stops"}, [] {});
    if (sessions_.empty()) close_media();
}

void NetnodeProcess::close_media() {
    if (closing_media_) return;
    closing_media_ = true;
    for (const auto& [name, medium] : media_) medium->close([this] { --media_open_; });
}

}  // namespace dst::sim
