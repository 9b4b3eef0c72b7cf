#include "ctl/drawing.h"

#include <algorithm>

#include "ctl/terminal.h"

namespace dst::ctl {
namespace {

/// A line whose notes are not in place yet.
struct Line {
    std::string left;
    std::string below;  ///< stands left of the notes' further lines
    std::string notes;
};

/// Each line of the notes in their column.
std::string in_column(const Line& line, std::size_t column) {
    std::string text = padded(line.left, column);
    for (const char c : line.notes) {
        text += c;
        if (c == '\n') text += padded(line.below, column);
    }
    return text;
}

void add_lines(const DrawnNode& node, const std::string& indent, bool last, std::vector<Line>& lines) {
    const std::string below = indent + (last ? "   " : "│  ");
    lines.push_back(
        {indent + (last ? "└─ " : "├─ ") + node.name, below + (node.children.empty() ? "" : "│"), node.notes});
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
        text += line.notes.empty() ? line.left : in_column(line, column);
        text += "\n";
    }
    return text;
}

std::string inner_node_title(std::string_view kind, std::string_view name) {
    if (name.empty() || name.starts_with(kind)) return std::string(name.empty() ? kind : name);
    return std::string(kind) + " " + std::string(name);
}

}  // namespace dst::ctl
