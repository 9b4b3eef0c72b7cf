#include "support/exported.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <variant>

#include "asio/file_store.h"
#include "client/leaf_factory.h"
#include "disk/leaf_factory.h"
#include "start/initializer.h"

namespace dst::ctl {
namespace {

std::fstream open_file(const std::string& path) {
    return std::fstream(path, std::ios::in | std::ios::out | std::ios::binary);
}

}  // namespace

ExportedTrees::ExportedTrees() { std::filesystem::create_directories(path("run")); }

ExportedTrees::~ExportedTrees() { end_exports(); }

MediumInspection ExportedTrees::inspected(const std::string& name) {
    end_exports();
    return inspect_local_medium(path(name));
}

void ExportedTrees::end_exports() {
    // A tree that is exported may be the medium of one that is exported later.
    while (!servers_.empty()) {
        bool closed = false;
        servers_.back()->close([&] {
            closed = true;
            loop_.stop();
        });
        wait_for(closed);
        servers_.pop_back();
    }
}

void ExportedTrees::wait_for(const bool& flag) {
    while (!flag) loop_.run();
}

spec::Node ExportedTrees::disk(const std::string& name, std::uint64_t size_bytes) const {
    std::ofstream(path(name)).close();
    std::filesystem::resize_file(path(name), size_bytes);
    return {.name = path(name), .what = spec::Disk{path(name)}};
}

spec::Node ExportedTrees::mirror(std::vector<spec::Node> members) {
    const std::string name = "mirror of " + members.front().name;
    return {.name = name, .what = spec::Mirror{.members = std::move(members)}};
}

spec::Node ExportedTrees::linear(std::vector<spec::Node> children) {
    const std::string name = "linear of " + children.front().name;
    return {.name = name, .what = spec::Linear{std::move(children)}};
}

spec::Storage ExportedTrees::storage(const std::string& name, const spec::Node& tree) const {
    return {.name = name, .tree = tree, .journal = path(name + ".journal")};
}

void ExportedTrees::initialise(const std::string& name, const spec::Node& tree) {
    const spec::Storage made = storage(name, tree);
    DiskOptions options;
    options.run_dir = path("run");
    const auto leaf_of = [&](const spec::Node& node) {
        if (const auto* netnode = std::get_if<spec::Netnode>(&node.what)) {
            return make_netnode_leaf(loop_, events_,
                                     {netnode->address, netnode->port, netnode->export_name, 1, node.name});
        }
        return make_disk_leaf(loop_, events_, std::get<spec::Disk>(node.what).path, options);
    };
    EngineEnvironment environment{loop_, events_, leaf_of, std::make_unique<FileStore>(loop_, made.journal), "test"};
    Initializer initializer(made, std::move(environment), {});
    bool ended = false;
    initializer.run([&](const Result<InitReport>& report) {
        ended = true;
        EXPECT_TRUE(report.has_value() && report->done)
            << (report ? to_string(report->error) : to_string(report.error()));
        loop_.stop();
    });
    wait_for(ended);
}

spec::Node ExportedTrees::exported(const std::string& name, const spec::Node& tree) {
    initialise(name, tree);
    const HeadOptions options{.run_dir = path("run"), .state_dir = path("state"), .program = "dst-netnode"};
    auto server = std::make_unique<NetnodeServer>(loop_, events_, options);
    const spec::Export made{.name = name, .what = storage(name, tree)};
    const Result<void> started = server->start({.listen = {{"127.0.0.1", 0}}, .exports = {made}});
    EXPECT_TRUE(started.has_value()) << to_string(started.error());
    const std::string endpoint = server->endpoints().at(0);
    const auto port = static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    servers_.push_back(std::move(server));
    return {.name = name, .what = spec::Netnode{.address = "127.0.0.1", .port = port, .export_name = name}};
}

void ExportedTrees::rot(const std::string& name, std::uint64_t offset) const {
    std::fstream file = open_file(path(name));
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(~file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
}

void ExportedTrees::zero(const std::string& name, const Extent& extent) const {
    std::fstream file = open_file(path(name));
    file.seekp(static_cast<std::streamoff>(extent.offset));
    const std::string zeroes(extent.length, '\0');
    file.write(zeroes.data(), static_cast<std::streamsize>(zeroes.size()));
}

}  // namespace dst::ctl
