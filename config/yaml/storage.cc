#include "yaml/storage.h"

#include "yaml/mapping.h"
#include "yaml/policy.h"
#include "yaml/scalar.h"

namespace dst::yaml {

void read_storage_keys(Report& report, const Mapping& map, const Options& options, MediumUse& media,
                       spec::Storage& storage) {
    storage.file = report.file();
    const Value* tree = map.require("tree", "tree: {mirror: [{disk: /dev/sdb}, {disk: /dev/sdc}]}");
    if (tree != nullptr) {
        storage.tree = read_tree(report, *tree);
        media.add_tree(storage.tree);
    }
    if (const Value* policy = map.find("policy")) storage.policy = read_policy(report, *policy);
    const Value* journal = map.find("journal");
    if (journal != nullptr) {
        map.read("journal", path_scalar("/var/lib/dst/vol0.journal"), storage.journal);
        media.add_journal(storage.journal, journal->at);
    } else if (!storage.name.empty()) {
        storage.journal = options.state_dir + "/" + storage.name + ".journal";
        media.add_journal(storage.journal, tree != nullptr ? tree->at : spec::Position{});
    }
}

spec::Storage read_storage_file(Report& report, const Value& root, const Options& options) {
    spec::Storage storage;
    Mapping map(report, root, "a storage file", {"storage", "tree", "policy", "journal"});
    if (!map.usable()) return storage;
    if (map.require("storage", "storage: vol0") != nullptr) {
        map.read("storage", name_scalar("a storage name"), storage.name);
    }
    MediumUse media(report);
    read_storage_keys(report, map, options, media, storage);
    return storage;
}

}  // namespace dst::yaml
