#include <filesystem>

#include "ctl/inspection_rows.h"

namespace dst::ctl {
namespace {

/// What comes of an incarnation that does not go on.
constexpr const char* as_lossy =
    "the next opening draws a new number, and mirrors take the medium for one that lost what was not flushed; look at "
    "the "
    "disk";

/// "the file with inode 4711 on device 8:1", by the file's name; empty when it tells nothing.
std::string medium_of(const std::string& path) {
    const std::string name = std::filesystem::path(path).filename();
    const std::size_t end = name.rfind('-');
    if (name.starts_with("block-")) return "the block device " + name.substr(6);
    if (!name.starts_with("file-") || end < 5) return {};
    return "the file with inode " + name.substr(end + 1) + " on device " + name.substr(5, end - 5);
}

}  // namespace

std::string incarnation_text(const IncarnationInspection& found, const View& view) {
    std::string text = "incarnation " + found.path + "\n";
    std::string medium = medium_of(found.path);
    if (!found.medium.empty()) medium = found.medium + (medium.empty() ? "" : ", " + medium);
    if (!medium.empty()) text += row("of", medium);
    if (!found.kept) return text + row("number", view.yellow("none, " + found.error->text + ": " + as_lossy));
    text += row("number", to_string(found.kept->random) + "  of boot and medium " + to_string(found.kept->basis));
    text += row("size", view.size(found.kept->size_bytes) + " at the last opening");
    if (!found.kept->mark) {
        return text + row("mark", "not set: the next opening of the medium within this boot goes on with this number");
    }
    return text +
           row("mark", view.yellow("set: a flush runs just now, or one failed or was interrupted, or a loss was "
                                   "seen")) +
           row("", view.yellow(std::string("unless a flush ends well, ") + as_lossy));
}

}  // namespace dst::ctl
