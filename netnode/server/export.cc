#include "server/export.h"

#include <utility>
#include <variant>

#include "disk/file_disk.h"
#include "server/allow_list.h"
#include "server/exported_tree.h"

namespace dst {
namespace {

std::unique_ptr<RawMedium> make_raw(AsioLoop& loop, EventSink& events, const spec::Export& what,
                                    const HeadOptions& options) {
    if (const auto* disk = std::get_if<spec::Disk>(&what.what)) {
        DiskOptions disk_options;
        disk_options.run_dir = options.run_dir;
        // Sessions keep a request's memory until the disk is done with it.
        disk_options.own_buffers = false;
        return std::make_unique<FileDisk>(loop, events, disk->path, disk_options);
    }
    return make_tree_medium(loop, std::get<spec::Storage>(what.what), options);
}

void forget_positions(spec::Node& node) {
    node.position = {};
    if (auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (spec::Node& child : linear->children) forget_positions(child);
    } else if (auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (spec::Node& member : mirror->members) forget_positions(member);
    }
}

}  // namespace

spec::Export without_positions(spec::Export what) {
    what.position = {};
    if (auto* storage = std::get_if<spec::Storage>(&what.what)) {
        storage->file.clear();
        forget_positions(storage->tree);
    }
    return what;
}

Export::Export(AsioLoop& loop, EventSink& events, spec::Export what, const HeadOptions& options)
    : spec_(std::move(what)), medium_(loop, events, make_raw(loop, events, spec_, options)) {}

Export::~Export() = default;

bool Export::allows(const std::string& peer) const { return allowed(spec_.allow, peer); }

bool Export::same_medium(const spec::Export& other) const {
    return without_positions(spec_).what == without_positions(other).what;
}

}  // namespace dst
