#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "config/spec.h"
#include "head/options.h"
#include "media/medium.h"

namespace dst {

/// One export of a netnode: a disk or a whole tree behind a Medium, and who may use it. A medium that cannot be opened
/// is tried again for as long as the export exists.
class Export {
public:
    Export(AsioLoop& loop, EventSink& events, spec::Export what, const HeadOptions& options);
    ~Export();
    Export(const Export&) = delete;
    Export& operator=(const Export&) = delete;

    const std::string& name() const noexcept { return spec_.name; }
    Medium& medium() noexcept { return medium_; }
    bool allows(const std::string& peer) const;
    /// True when `other` exports the same thing in the same way; the allow-list may differ.
    bool same_medium(const spec::Export& other) const;
    void set_allowed(std::optional<std::vector<spec::Network>> networks) { spec_.allow = std::move(networks); }

    void open() { medium_.open(); }
    /// When its sessions have ended. Destroy it in or after `closed`.
    void close(std::function<void()> closed) { medium_.close(std::move(closed)); }

private:
    spec::Export spec_;
    Medium medium_;
};

/// The export without its places in the file, so that a moved line is no difference.
spec::Export without_positions(spec::Export what);

}  // namespace dst
