#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dst::ctl {

/// One line of a drawn tree: a name, and notes to the right of it in a column of their own.
struct DrawnNode {
    std::string name;
    std::string notes;  ///< may hold colours; empty: none
    std::vector<DrawnNode> children;
};

/// "└─ mirror m0" and so on, one node per line, notes aligned in one column over the whole tree.
std::string draw_tree(const DrawnNode& root);

/// What stands for an inner node: "mirror m0", but "mirror0" for one that the file did not name.
std::string inner_node_title(std::string_view kind, std::string_view name);

}  // namespace dst::ctl
