#pragma once

#include <memory>
#include <string>
#include <vector>

#include "asio/asio_loop.h"
#include "block/events.h"
#include "config/spec.h"
#include "ctl/inspection.h"
#include "server/netnode_server.h"
#include "support/inspected_file.h"

namespace dst::ctl {

class NullEvents final : public EventSink {
public:
    void event(Severity, std::string_view, std::string_view, std::initializer_list<EventField>) override {}
};

/// Storages on files of a folder of the test's own, initialised as `dstctl init` does it, whose trees netnodes export.
class ExportedTrees : public InspectFile {
protected:
    ExportedTrees();
    ~ExportedTrees() override;

    /// A file of `size_bytes`, zeroes.
    spec::Node disk(const std::string& name, std::uint64_t size_bytes = 16u << 20) const;
    static spec::Node mirror(std::vector<spec::Node> members);
    static spec::Node linear(std::vector<spec::Node> children);

    void initialise(const std::string& name, const spec::Node& tree);
    /// Initialises it, and has a netnode of its own export it from then on: the leaf that it is to others.
    spec::Node exported(const std::string& name, const spec::Node& tree);

    /// Ends all exports first, so that nothing is just being written.
    MediumInspection inspected(const std::string& name);
    /// Flips a byte of the file.
    void rot(const std::string& name, std::uint64_t offset) const;
    void zero(const std::string& name, const Extent& extent) const;

private:
    spec::Storage storage(const std::string& name, const spec::Node& tree) const;
    void end_exports();
    void wait_for(const bool& flag);

    NullEvents events_;
    AsioLoop loop_;
    std::vector<std::unique_ptr<NetnodeServer>> servers_;
};

}  // namespace dst::ctl
