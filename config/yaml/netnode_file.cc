#include "yaml/netnode_file.h"

#include "yaml/address.h"
#include "yaml/mapping.h"
#include "yaml/scalar.h"
#include "yaml/storage.h"
#include "yaml/tree.h"

namespace dst::yaml {
namespace {

bool same_family(const std::string& a, const std::string& b) {
    return (a.find(':') == std::string::npos) == (b.find(':') == std::string::npos);
}

/// True when both cannot be bound at once.
bool collide(const spec::Listen& a, const spec::Listen& b) {
    if (a.port != b.port || !same_family(a.address, b.address)) return false;
    return canonical_host(a.address) == canonical_host(b.address) || is_any_address(a.address) ||
           is_any_address(b.address);
}

std::vector<spec::Listen> read_listen(Report& report, const Value& value) {
    std::vector<spec::Listen> all;
    if (value.kind != Value::Kind::sequence || value.items.empty()) {
        report_wrong(report, value, "a list of addresses such as [\"0.0.0.0:7790\", \"[::]:7790\"]");
        return all;
    }
    for (const Value& item : value.items) {
        auto listen = read_scalar(report, item, listen_scalar());
        if (!listen) continue;
        for (const spec::Listen& other : all) {
            if (!collide(*listen, other)) continue;
            report.add(item.at, quote(item.text) + " is taken by " + endpoint_text(other.address, other.port) +
                                    " in the same list; one of them must go");
            break;
        }
        all.push_back(std::move(*listen));
    }
    return all;
}

std::vector<spec::Network> read_allow(Report& report, const Value& value) {
    std::vector<spec::Network> networks;
    if (value.kind != Value::Kind::sequence || value.items.empty()) {
        report_wrong(report, value, "a list of networks such as [192.0.2.0/24], or no `allow` to let everybody in,");
        return networks;
    }
    for (const Value& item : value.items) {
        auto network = read_scalar(report, item, network_scalar());
        if (!network) continue;
        for (const spec::Network& other : networks) {
            if (other == *network) report.add(item.at, quote(item.text) + " again; once is enough");
        }
        networks.push_back(std::move(*network));
    }
    return networks;
}

/// One entry of `exports`.
class ExportReader {
public:
    ExportReader(Report& report, const Options& options, MediumUse& media)
        : report_(report), options_(options), media_(media) {}

    spec::Export read(const Entry& entry) {
        spec::Export result;
        result.position = entry.key_at;
        Value name{.kind = Value::Kind::scalar, .at = entry.key_at, .text = entry.key};
        if (auto read = read_scalar(report_, name, name_scalar("an export name"))) result.name = *read;
        Mapping map(report_, entry.value, "an export", {"disk", "tree", "policy", "journal", "allow"});
        if (!map.usable()) return result;
        const Value* disk = map.find("disk");
        const Value* tree = map.find("tree");
        if (disk != nullptr && tree != nullptr) {
            report_.add(tree->at, "`tree` beside `disk`; an export is one of them");
        } else if (disk != nullptr) {
            result.what = read_disk(map, *disk);
        } else if (tree != nullptr) {
            spec::Storage storage;
            storage.name = result.name;
            read_storage_keys(report_, map, options_, media_, storage);
            result.what = std::move(storage);
        } else {
            report_.add(entry.key_at, "the export " + quote(entry.key) +
                                          " without `disk` or `tree`; it needs one, such as disk: /dev/sdb");
        }
        if (const Value* allow = map.find("allow")) result.allow = read_allow(report_, *allow);
        return result;
    }

private:
    spec::Disk read_disk(const Mapping& map, const Value& value) {
        spec::Disk disk;
        if (value.kind == Value::Kind::mapping) {
            Mapping inner(report_, value, "an exported disk", {"path"});
            if (inner.require("path", "path: /dev/sdb") != nullptr) {
                inner.read("path", path_scalar("/dev/sdb"), disk.path);
            }
        } else if (auto path = read_scalar(report_, value, path_scalar("/dev/sdb"))) {
            disk.path = std::move(*path);
        }
        media_.add_disk(disk.path, value.at);
        for (std::string_view key : {"policy", "journal"}) {
            if (const Value* extra = map.find(key)) {
                report_.add(extra->at, "`" + std::string(key) + "` beside `disk`; only an export of a `tree` has one");
            }
        }
        return disk;
    }

    Report& report_;
    const Options& options_;
    MediumUse& media_;
};

}  // namespace

spec::NetnodeFile read_netnode_root(Report& report, const Value& root, const Options& options) {
    spec::NetnodeFile file;
    file.file = report.file();
    Mapping map(report, root, "a netnode file", {"listen", "exports"});
    if (!map.usable()) return file;
    if (const Value* listen = map.require("listen", "listen: [\"0.0.0.0:7790\"]")) {
        file.listen = read_listen(report, *listen);
    }
    const Value* exports = map.require("exports", "exports: {disk0: {disk: /dev/sdb}}");
    if (exports == nullptr) return file;
    if (exports->kind != Value::Kind::mapping || exports->entries.empty()) {
        report_wrong(report, *exports, "a mapping of export names, such as {disk0: {disk: /dev/sdb}},");
        return file;
    }
    MediumUse media(report);
    ExportReader reader(report, options, media);
    for (const Entry& entry : exports->entries) file.exports.push_back(reader.read(entry));
    return file;
}

}  // namespace dst::yaml
