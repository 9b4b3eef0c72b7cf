#include "ctl/status_text.h"

#include <cmath>

#include "control/status_json.h"
#include "ctl/drawing.h"
#include "ctl/units.h"

namespace dst::ctl {
namespace {

constexpr unsigned bar_cells = 12;
constexpr std::size_t state_width = 8;  // "degraded"

Colour colour_of(StorageState state) {
    switch (state) {
        case StorageState::healthy: return Colour::green;
        case StorageState::degraded: return Colour::yellow;
        case StorageState::waiting:
        case StorageState::held:
        case StorageState::failed:
        case StorageState::fenced:
        case StorageState::split: return Colour::red;
    }
    return Colour::none;
}

Colour colour_of(VertexState state) {
    switch (state) {
        case VertexState::up:
        case VertexState::in_sync: return Colour::green;
        case VertexState::dirty:
        case VertexState::resyncing:
        case VertexState::detached: return Colour::yellow;
        case VertexState::down:
        case VertexState::unreachable:
        case VertexState::refused: return Colour::red;
    }
    return Colour::none;
}

std::string_view word_of(VertexState state) { return state == VertexState::in_sync ? "in sync" : to_token(state); }

/// "[#######-----] 58 %  4.2 GiB left  118 MiB/s  36 s"
std::string progress_text(const ResyncProgress& resync) {
    std::uint64_t left = resync.total_bytes > resync.done_bytes ? resync.total_bytes - resync.done_bytes : 0;
    unsigned percent = percent_of(resync.done_bytes, resync.total_bytes);
    auto filled = static_cast<std::size_t>(std::lround(percent * bar_cells / 100.0));
    std::string text = "[" + std::string(filled, '#') + std::string(bar_cells - filled, '-') + "] " +
                       std::to_string(percent) + " %  " + format_size(left) + " left";
    if (resync.bytes_per_second == 0) return text;
    std::uint64_t seconds = left / resync.bytes_per_second;
    return text + "  " + format_rate(resync.bytes_per_second) + "  " + format_duration(seconds);
}

std::string notes_of(const VertexStatus& vertex, const Terminal& terminal) {
    bool inner = vertex.kind == VertexKind::linear || vertex.kind == VertexKind::mirror;
    if (inner && vertex.state == VertexState::up && !vertex.resync && vertex.reason.empty()) return {};
    std::string notes = terminal.paint(colour_of(vertex.state), word_of(vertex.state));
    // What there is to do is known a moment after it begins.
    if (vertex.resync && vertex.resync->total_bytes != 0) notes += " " + progress_text(*vertex.resync);
    if (!vertex.reason.empty()) notes += (vertex.resync ? "  " : ": ") + vertex.reason;
    if (!vertex.last_error.empty()) notes += "; last error: " + vertex.last_error;
    return notes;
}

DrawnNode drawn(const VertexStatus& vertex, const Terminal& terminal) {
    bool inner = vertex.kind == VertexKind::linear || vertex.kind == VertexKind::mirror;
    DrawnNode node{
        inner ? inner_node_title(to_token(vertex.kind), vertex.name) : vertex.name, notes_of(vertex, terminal), {}};
    for (const VertexStatus& child : vertex.children) node.children.push_back(drawn(child, terminal));
    return node;
}

/// Lines after the first stand below it.
std::string indented(const std::string& text, const std::string& indent) {
    std::string result = indent;
    for (const char c : text) {
        result += c;
        if (c == '\n') result += indent;
    }
    while (!result.empty() && (result.back() == '\n' || result.back() == ' ')) result.pop_back();
    return result + "\n";
}

std::string head_line(const StorageStatus& status, const Terminal& terminal) {
    std::string line = status.storage + "  ";
    line += status.size_bytes == 0 ? "size unknown" : format_size(status.size_bytes);
    std::string state(to_token(status.state));
    std::string rest;
    if (!status.id.is_nil()) rest += "   age " + short_string(status.id) + "/" + std::to_string(status.generation);
    if (status.epoch != 0) rest += "  epoch " + std::to_string(status.epoch);
    if (!status.head.empty()) rest += std::string(rest.empty() ? "   " : "  ") + "head " + status.head;
    std::string gap(!rest.empty() && state.size() < state_width ? state_width - state.size() : 0, ' ');
    return line + "  " + terminal.paint(colour_of(status.state), state) + gap + rest + "\n";
}

}  // namespace

std::string status_text(const StorageStatus& status, const Terminal& terminal) {
    std::string text = head_line(status, terminal);
    if (!status.reason.empty()) text += indented(status.reason, "   ");
    if (status.tree) text += draw_tree(drawn(*status.tree, terminal));
    return text;
}

}  // namespace dst::ctl
