#include "yaml/tree.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <vector>

#include "yaml/address.h"
#include "yaml/mapping.h"
#include "yaml/scalar.h"

namespace dst::yaml {
namespace {

constexpr std::uint64_t region_bytes_min = 64ull << 10;
constexpr std::uint64_t region_bytes_max = 1ull << 30;
constexpr unsigned connections_max = 8;
constexpr std::size_t mirror_members_max = 8;
constexpr std::string_view node_example =
    "one node, such as disk: /dev/sdb, netnode: \"node1.example:7790/disk0\", mirror: [...] or linear: [...],";

const std::vector<std::string_view> kinds{"disk", "netnode", "linear", "mirror"};

/// Walks the tree in reading order.
class TreeReader {
public:
    explicit TreeReader(Report& report) : report_(report) {}

    spec::Node read(const Value& value) {
        spec::Node node;
        node.position = value.at;
        const Entry* entry = find_kind(value);
        if (entry == nullptr) return node;
        if (entry->key == "disk") {
            read_disk(entry->value, node);
        } else if (entry->key == "netnode") {
            read_netnode(entry->value, node);
        } else if (entry->key == "linear") {
            read_linear(entry->value, node);
        } else {
            read_mirror(entry->value, node);
        }
        return node;
    }

private:
    /// The one entry that says what the node is. Null: reported.
    const Entry* find_kind(const Value& value) {
        if (value.kind != Value::Kind::mapping || value.entries.empty()) {
            report_wrong(report_, value, node_example);
            return nullptr;
        }
        const Entry* found = nullptr;
        for (const Entry& entry : value.entries) {
            bool known =
                entry.key == "disk" || entry.key == "netnode" || entry.key == "linear" || entry.key == "mirror";
            if (!known) {
                report_unknown(entry, value);
            } else if (found != nullptr) {
                report_.add(entry.key_at, "the key " + quote(entry.key) + " beside " + quote(found->key) +
                                              "; a node is one of them: begin a new list item");
            } else {
                found = &entry;
            }
        }
        return found;
    }

    void report_unknown(const Entry& entry, const Value& node) {
        static constexpr std::array<std::string_view, 9> options{"name", "read", "region",      "members", "children",
                                                                 "path", "port", "connections", "export"};
        std::string text = "the unknown key " + quote(entry.key) + "; ";
        std::string_view meant = nearest_word(entry.key, kinds);
        bool option = false;
        for (std::string_view known : options) option = option || entry.key == known;
        if (option && node.entries.size() > 1) {
            text += "options stand inside the long form, as in disk: {path: /dev/sdb, read: prefer}";
        } else {
            if (!meant.empty()) text += "did you mean " + quote(meant) + "? ";
            text += "a node is one of " + enumerate(kinds);
        }
        report_.add(entry.key_at, text);
    }

    void read_disk(const Value& value, spec::Node& node) {
        spec::Disk disk;
        if (value.kind == Value::Kind::mapping) {
            Mapping map(report_, value, "a disk", {"path", "name", "read"});
            read_common(map, node);
            if (map.require("path", "path: /dev/sdb") != nullptr) map.read("path", path_scalar("/dev/sdb"), disk.path);
        } else if (auto path = read_scalar(report_, value, path_scalar("/dev/sdb"))) {
            disk.path = *path;
        }
        claim_name(node, disk.path);
        node.what = std::move(disk);
    }

    void read_netnode(const Value& value, spec::Node& node) {
        spec::Netnode netnode;
        if (value.kind == Value::Kind::mapping) {
            Mapping map(report_, value, "a netnode", {"address", "port", "export", "connections", "name", "read"});
            read_common(map, node);
            if (map.require("address", "address: node1.example") != nullptr) {
                map.read("address", host_scalar(), netnode.address);
            }
            if (map.require("port", "port: 7790") != nullptr) map.read("port", port_scalar(), netnode.port);
            if (map.require("export", "export: disk0") != nullptr) {
                map.read("export", name_scalar("an export name"), netnode.export_name);
            }
            map.read("connections", number_scalar({1, connections_max}), netnode.connections);
        } else if (auto short_form = read_scalar(report_, value, netnode_scalar())) {
            netnode = std::move(*short_form);
        }
        bool whole = !netnode.address.empty() && netnode.port != 0 && !netnode.export_name.empty();
        claim_name(node, whole ? endpoint_text(netnode.address, netnode.port) + "/" + netnode.export_name : "");
        node.what = std::move(netnode);
    }

    void read_linear(const Value& value, spec::Node& node) {
        std::string number_name = "linear" + std::to_string(linears_++);
        spec::Linear linear;
        if (value.kind == Value::Kind::mapping) {
            Mapping map(report_, value, "a linear", {"name", "children", "read"});
            read_common(map, node);
            claim_name(node, number_name);
            const Value* children = map.require("children", "children: [{disk: /dev/sdb}, {disk: /dev/sdc}]");
            if (children != nullptr) linear.children = read_list(*children, "a linear");
        } else {
            claim_name(node, number_name);
            linear.children = read_list(value, "a linear");
        }
        node.what = std::move(linear);
    }

    void read_mirror(const Value& value, spec::Node& node) {
        std::string number_name = "mirror" + std::to_string(mirrors_++);
        spec::Mirror mirror;
        const Value* members = &value;
        if (value.kind == Value::Kind::mapping) {
            Mapping map(report_, value, "a mirror", {"name", "region", "members", "read"});
            read_common(map, node);
            std::uint64_t region = 0;
            if (map.read("region", power_of_two_size_scalar({region_bytes_min, region_bytes_max}, "16MiB"), region)) {
                mirror.region_bytes = region;
            }
            members = map.require("members", "members: [{disk: /dev/sdb}, {disk: /dev/sdc}]");
        }
        claim_name(node, number_name);
        if (members != nullptr) {
            mirror.members = read_list(*members, "a mirror");
            if (members->items.size() > mirror_members_max) {
                report_.add(members->items[mirror_members_max].at,
                            "member " + std::to_string(mirror_members_max + 1) + " of a mirror; at most " +
                                std::to_string(mirror_members_max) + " members are possible");
            }
        }
        node.what = std::move(mirror);
    }

    std::vector<spec::Node> read_list(const Value& value, const std::string& what) {
        std::vector<spec::Node> nodes;
        if (value.kind != Value::Kind::sequence || value.items.empty()) {
            report_wrong(report_, value, what + "'s list of one node or more");
            return nodes;
        }
        nodes.reserve(value.items.size());
        for (const Value& item : value.items) nodes.push_back(read(item));
        return nodes;
    }

    void read_common(const Mapping& map, spec::Node& node) {
        if (const Value* name = map.find("name")) {
            if (map.read("name", node_name_scalar(), node.name)) given_at_ = name->at;
        }
        map.read("read",
                 choice_scalar<spec::ReadPreference>({{"automatic", spec::ReadPreference::automatic},
                                                      {"prefer", spec::ReadPreference::prefer},
                                                      {"avoid", spec::ReadPreference::avoid}}),
                 node.read);
    }

    /// Gives the node its name, or `otherwise` when the file gave none, and reports one that is taken. The same medium
    /// twice is MediumUse's to report.
    void claim_name(spec::Node& node, const std::string& otherwise) {
        spec::Position at = node.name.empty() ? node.position : given_at_;
        bool given = !node.name.empty();
        if (!given) node.name = otherwise;
        if (node.name.empty()) return;
        auto [taken, free] = names_.emplace(node.name, Name{at, given});
        if (free || (!given && !taken->second.given && node.name.find('/') != std::string::npos)) return;
        report_.add(at, "the name " + quote(node.name) + (given ? "" : ", which a node without a name gets here,") +
                            " again; the node at line " + std::to_string(taken->second.at.line) +
                            " has it already: give one of them another name");
    }

    struct Name {
        spec::Position at;
        bool given;
    };

    Report& report_;
    std::map<std::string, Name> names_;
    spec::Position given_at_;  ///< of the name that was read last
    unsigned linears_ = 0;
    unsigned mirrors_ = 0;
};

}  // namespace

spec::Node read_tree(Report& report, const Value& value) { return TreeReader(report).read(value); }

void MediumUse::add_tree(const spec::Node& node) {
    if (const auto* disk = std::get_if<spec::Disk>(&node.what)) {
        add_disk(disk->path, node.position);
    } else if (const auto* netnode = std::get_if<spec::Netnode>(&node.what)) {
        bool whole = !netnode->address.empty() && netnode->port != 0 && !netnode->export_name.empty();
        if (!whole) return;
        std::string key = endpoint_text(canonical_host(netnode->address), netnode->port) + "/" + netnode->export_name;
        add("netnode " + key, "the netnode " + quote(key), node.position);
    } else if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (const spec::Node& child : linear->children) add_tree(child);
    } else if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (const spec::Node& member : mirror->members) add_tree(member);
    }
}

void MediumUse::add_disk(const std::string& path, spec::Position at) {
    if (path.empty()) return;
    add("file " + std::filesystem::path(path).lexically_normal().string(), "the disk " + quote(path), at);
}

void MediumUse::add_journal(const std::string& path, spec::Position at) {
    if (path.empty()) return;
    add("file " + std::filesystem::path(path).lexically_normal().string(), "the journal " + quote(path), at);
}

void MediumUse::add(const std::string& key, const std::string& what, spec::Position at) {
    auto [first, added] = first_.emplace(key, at);
    if (added) return;
    report_.add(at, what + " again; it stands in line " + std::to_string(first->second.line) +
                        " already, and a medium is used once: name another one");
}

}  // namespace dst::yaml
