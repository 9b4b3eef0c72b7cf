#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "asio/asio_loop.h"
#include "client/leaf_factory.h"
#include "control/run_dir.h"
#include "ctl/command.h"
#include "ctl/inspection.h"
#include "ctl/inspection_json.h"
#include "ctl/inspection_status.h"
#include "ctl/inspection_text.h"
#include "ctl/leaf_session.h"
#include "ctl/leaves.h"
#include "ctl/storage_file.h"
#include "ctl/terminal_events.h"
#include "yaml/address.h"

namespace dst::ctl {
namespace {

struct InspectArguments {
    std::string what;
    bool json = false;
    bool verbose = false;
};

/// Meant as "host:port/export", unless a file has that name.
bool means_netnode(const std::string& what) {
    struct stat status {};
    if (what.starts_with('/') || what.starts_with('.') || ::stat(what.c_str(), &status) == 0) return false;
    return what.find(':') != std::string::npos;
}

MediumInspection inspect_netnode_at(const spec::Netnode& netnode, const std::string& name, EventSink& events) {
    AsioLoop loop;
    auto leaf = make_netnode_leaf(loop, events, {netnode.address, netnode.port, netnode.export_name, 1, name});
    LeafIdentity identity;
    identity.head = program_and_host();
    leaf->set_identity(identity);
    return inspect_netnode(loop, std::move(leaf));
}

/// Well: `found` is filled. Else what was asked for makes no sense, which was printed.
ExitStatus inspect(const InspectArguments& arguments, const Terminal& terminal, Inspection& found) {
    TerminalEvents events(terminal, arguments.verbose);
    if (means_netnode(arguments.what)) {
        const auto scalar = yaml::netnode_scalar();
        std::string why;
        const auto netnode = scalar.parse(arguments.what, why);
        if (!netnode) {
            terminal.err << "dstctl: " << arguments.what << " " << why << "; " << scalar.expected
                         << " would be right, and no file has that name\n";
            return ExitStatus::usage;
        }
        found.media.push_back(inspect_netnode_at(*netnode, arguments.what, events));
    } else if (arguments.what.ends_with(".yaml") || arguments.what.ends_with(".yml")) {
        auto storage = load_storage_file(arguments.what, terminal);
        if (!storage) return ExitStatus::attention;
        found = inspect_storage(*storage, events);
    } else if (is_incarnation_file(arguments.what)) {
        found.incarnations.push_back(inspect_incarnation(arguments.what));
    } else if (is_journal_file(arguments.what)) {
        found.journals.push_back(inspect_journal(arguments.what));
    } else {
        found.media.push_back(inspect_local_medium(arguments.what));
    }
    return ExitStatus::well;
}

/// What could not be looked at, as errors are told.
void tell_errors(const Inspection& found, const Terminal& terminal) {
    for (const MediumInspection& medium : found.media) {
        if (medium.error) terminal.err << "dstctl: " << medium.name << ": " << to_string(*medium.error) << "\n";
    }
    for (const JournalInspection& journal : found.journals) {
        if (!journal.file && journal.error)
            terminal.err << "dstctl: journal " << journal.path << ": " << to_string(*journal.error) << "\n";
    }
}

}  // namespace

Inspection inspect_storage(const spec::Storage& storage, EventSink& events) {
    Inspection found;
    for (const spec::Node* leaf : leaves_of(storage.tree)) {
        if (const auto* disk = std::get_if<spec::Disk>(&leaf->what)) {
            found.media.push_back(inspect_local_medium(disk->path));
            auto incarnation = inspect_incarnation_of(disk->path, control::default_run_dir());
            if (incarnation) found.incarnations.push_back(std::move(*incarnation));
        } else {
            found.media.push_back(inspect_netnode_at(std::get<spec::Netnode>(leaf->what), leaf->name, events));
        }
    }
    found.journals.push_back(inspect_journal(storage.journal));
    return found;
}

void add_inspect(CLI::App& app, Terminal& terminal, Action& action) {
    auto arguments = std::make_shared<InspectArguments>();
    CLI::App* command = app.add_subcommand("inspect", "Show what is kept on media: labels, records, maps, journal");
    command
        ->add_option("MEDIUM|FILE", arguments->what,
                     "A disk or image, host:port/export, a journal, an incarnation's file, or a storage file "
                     "(*.yaml) for all its leaves")
        ->required();
    command->add_flag("--json", arguments->json, "One JSON object (docs/schema/inspect.json)");
    command->add_flag("-v,--verbose", arguments->verbose,
                      "Ids and sizes in full, lineages, leaves, copies, map slots; events of connections too");
    command->footer(
        "Only reads: takes no lock, fences nothing, disturbs no head. Of media that are in use it shows a moment.\n"
        "Exit status 1 when a label, a record, an intent map or a journal is missing where it belongs, when a copy of\n"
        "what is kept twice is bad, when an incarnation ends with the next opening of its medium, or when the storage\n"
        "file has mistakes. Labels, records and maps of storages above, whose medium the tree is, count like its own,\n"
        "unless a mirror of the tree has the inspected medium as a member that is not in sync.");
    command->callback([&terminal, &action, arguments] {
        action = [&terminal, arguments] {
            Inspection found;
            if (const ExitStatus status = inspect(*arguments, terminal, found); status != ExitStatus::well) {
                return status;
            }
            tell_errors(found, terminal);
            if (arguments->json) {
                terminal.out << boost::json::serialize(inspection_to_json(found)) << "\n";
            } else {
                terminal.out << inspection_text(found, terminal, arguments->verbose);
            }
            return exit_status_of(found);
        };
    });
}

}  // namespace dst::ctl
