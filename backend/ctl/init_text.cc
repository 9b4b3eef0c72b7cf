#include "ctl/init_text.h"

#include <algorithm>

#include "ctl/units.h"

namespace dst::ctl {

namespace {

/// A text that names the leaf already stays as it is.
std::string with_name(const std::string& name, const std::string& text) {
    return text.find(name) == std::string::npos ? name + ": " + text : text;
}

/// The reason without what the leaves' own lines said already.
std::string remaining_reason(const InitReport& report) {
    std::string reason = to_string(report.error);
    for (const auto& leaf : report.leaves) {
        if (leaf.code == Errc::ok || leaf.text.empty()) continue;
        std::size_t at = report.error.text.find(leaf.text);
        if (at == std::string::npos) continue;
        reason = report.error.text.substr(0, at);
        if (reason.ends_with(": ")) reason.resize(reason.size() - 2);
        break;
    }
    return reason.empty() ? "" : ": " + reason;
}

}  // namespace

bool found_busy(const InitReport& report) {
    return report.error.code == Errc::busy || std::any_of(report.leaves.begin(), report.leaves.end(),
                                                          [](const auto& leaf) { return leaf.code == Errc::busy; });
}

ExitStatus report_init(const spec::Storage& storage, const InitReport& report, const InitOptions& options,
                       const std::string& head, const Terminal& terminal) {
    std::size_t name_width = 0;
    for (const auto& leaf : report.leaves) name_width = std::max(name_width, display_width(leaf.name));
    for (const auto& leaf : report.leaves) {
        if (leaf.code != Errc::ok) {
            terminal.err << "dstctl: " << with_name(leaf.name, leaf.text) << "\n";
        } else if (!leaf.text.empty()) {
            terminal.out << padded(leaf.name, name_width) << "   " << leaf.text
                         << (leaf.size_bytes == 0 ? "" : ", " + format_size(leaf.size_bytes)) << "\n";
        }
    }
    if (!report.done && !head.empty()) {
        terminal.err << "dstctl: storage " << storage.name << " is being served by " << head
                     << "; nothing was changed. Remove its LUN or export there before it is initialised anew\n";
        return ExitStatus::other;
    }
    if (!report.done) {
        terminal.err << "dstctl: storage " << storage.name << " is not initialised" << remaining_reason(report) << "\n";
        return ExitStatus::other;
    }
    terminal.out << "storage " << storage.name << " is initialised: " << format_size(report.size_bytes)
                 << ", blocks of " << report.logical_block_bytes << " bytes, id " << to_string(report.storage) << "\n";
    if (!report.adopted.name.empty()) {
        const std::string& name = report.adopted.name;
        terminal.out << "Of " << name << " the first " << report.adopted.kept_bytes << " bytes are kept. The last "
                     << report.adopted.cut_bytes
                     << " bytes are for label, records and maps, or more than the other members have, and not part of "
                        "the storage any more:\na file system or partition that reached there must have been shrunk "
                        "before; if it was not, do not write to it.\n";
    }
    if (!report.all_in_sync) {
        terminal.out << "The copies are not known to be equal, so "
                     << (options.adopt ? options.adopt.value() : "each mirror's first member")
                     << " is in sync and the other members are owed everything.\n";
    }
    return ExitStatus::well;
}

}  // namespace dst::ctl
