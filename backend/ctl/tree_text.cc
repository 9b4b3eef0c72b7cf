#include "ctl/tree_text.h"

#include <string_view>
#include <variant>

#include "ctl/drawing.h"
#include "ctl/units.h"
#include "yaml/address.h"

namespace dst::ctl {
namespace {

/// Separates notes with two blanks.
void add_note(std::string& notes, const std::string& note) {
    if (!notes.empty()) notes += "  ";
    notes += note;
}

std::string preference_note(spec::ReadPreference preference) {
    switch (preference) {
        case spec::ReadPreference::automatic: return {};
        case spec::ReadPreference::prefer: return "read: prefer";
        case spec::ReadPreference::avoid: return "read: avoid";
    }
    return {};
}

DrawnNode drawn(const spec::Node& node);

struct Drawer {
    const spec::Node& node;

    DrawnNode operator()(const spec::Disk& disk) const {
        DrawnNode result{node.name, "disk", {}};
        if (node.name != disk.path) add_note(result.notes, disk.path);
        return result;
    }

    DrawnNode operator()(const spec::Netnode& netnode) const {
        DrawnNode result{node.name, "netnode", {}};
        std::string place = yaml::endpoint_text(netnode.address, netnode.port) + "/" + netnode.export_name;
        if (node.name != place) add_note(result.notes, place);
        if (netnode.connections != 1) add_note(result.notes, std::to_string(netnode.connections) + " connections");
        return result;
    }

    DrawnNode operator()(const spec::Linear& linear) const {
        DrawnNode result{inner_node_title("linear", node.name), "", {}};
        for (const spec::Node& child : linear.children) result.children.push_back(drawn(child));
        return result;
    }

    DrawnNode operator()(const spec::Mirror& mirror) const {
        DrawnNode result{inner_node_title("mirror", node.name), "", {}};
        if (mirror.region_bytes) add_note(result.notes, "regions of " + format_size(*mirror.region_bytes));
        for (const spec::Node& member : mirror.members) result.children.push_back(drawn(member));
        return result;
    }
};

DrawnNode drawn(const spec::Node& node) {
    DrawnNode result = std::visit(Drawer{node}, node.what);
    std::string preference = preference_note(node.read);
    if (!preference.empty()) add_note(result.notes, preference);
    return result;
}

}  // namespace

std::string tree_text(const spec::Storage& storage) { return storage.name + "\n" + draw_tree(drawn(storage.tree)); }

}  // namespace dst::ctl
