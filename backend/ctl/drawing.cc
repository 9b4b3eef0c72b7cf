#include "ctl/drawing.h"

#include <algorithm>

#include "ctl/terminal.h"

namespace dst::ctl {
namespace {

/// A line whose notes are not in place yet.
struct Line {
    std::string left;
    std::string notes;
};

void add_lines(const DrawnNode& node, const std::string& indent, bool last, std::vector<Line>& lines) {
    lines.push_back({indent + (last ? "└─ " : "├─ ") + node.name, node.notes});
    std::string below = indent + (last ? "   " : "│  ");
    for (const DrawnNode& child : node.children) add_lines(child, below, &child == &node.children.back(), lines);
}

}  // namespace

std::string draw_tree(const DrawnNode& root) {
    std::vector<Line> lines;
    add_lines(root, "", true, lines);
    std::size_t column = 0;
    for (const Line& line : lines) {
        if (!line.notes.empty()) column = std::max(column, display_width(line.left) + 3);
    }
    std::string text;
    for (const Line& line : lines) {
        text += line.notes.empty() ? line.left : padded(line.left, column) + line.notes;
        text += "\n";
    }
    return text;
}

std::string inner_node_title(std::string_view kind, std::string_view name) {
    if (name.empty() || name.starts_with(kind)) return std::string(name.empty() ? kind : name);
    return std::string(kind) + " " + std::string(name);
}

}  // namespace dst::ctl
