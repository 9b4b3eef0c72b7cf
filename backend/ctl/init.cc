#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "asio/asio_loop.h"
#include "asio/file_store.h"
#include "control/client.h"
#include "control/run_dir.h"
#include "ctl/command.h"
#include "ctl/init_text.h"
#include "ctl/leaves.h"
#include "ctl/storage_file.h"
#include "ctl/terminal_events.h"
#include "start/initializer.h"

namespace dst::ctl {
namespace {

struct InitArguments {
    std::string file;
    InitOptions options;
    bool verbose = false;
};

/// Works on a loop of its own until the initialiser has ended.
Result<InitReport> initialise(const spec::Storage& storage, const InitArguments& arguments, const Terminal& terminal) {
    TerminalEvents events(terminal, arguments.verbose);
    AsioLoop loop;
    EngineEnvironment environment{loop, events, make_leaf_factory(loop, events),
                                  std::make_unique<FileStore>(loop, storage.journal), program_and_host()};
    Initializer initializer(storage, std::move(environment), arguments.options);
    std::optional<Result<InitReport>> report;
    initializer.run([&](Result<InitReport> done) {
        report = std::move(done);
        loop.stop();
    });
    while (!report) loop.run();
    return std::move(*report);
}

/// Who has the storage open on this machine, or nothing.
std::string head_of(const std::string& storage) {
    const auto status =
        control::ask_status(control::socket_path(control::default_run_dir(), storage), std::chrono::milliseconds(1000));
    if (!status) return {};
    return status->head.empty() ? "another process" : status->head;
}

ExitStatus init(const InitArguments& arguments, const Terminal& terminal) {
    auto storage = load_storage_file(arguments.file, terminal);
    if (!storage) return ExitStatus::attention;
    auto report = initialise(*storage, arguments, terminal);
    if (!report) {
        terminal.err << "dstctl: storage " << storage->name << " is not initialised: " << to_string(report.error())
                     << "\n";
        return ExitStatus::other;
    }
    return report_init(*storage, *report, arguments.options, found_busy(*report) ? head_of(storage->name) : "",
                       terminal);
}

}  // namespace

void add_init(CLI::App& app, Terminal& terminal, Action& action) {
    auto arguments = std::make_shared<InitArguments>();
    auto adopt = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("init", "Label the media of a storage, so that it can be opened");
    command->add_option("FILE", arguments->file, "The storage file, dst.yaml(5)")->required();
    command->add_flag("--force", arguments->options.force,
                      "Take media although they carry a label or anything else; it is lost");
    command->add_flag("--force-journal", arguments->options.force_journal,
                      "Overwrite the journal although it is another storage's, or damaged; it is lost");
    CLI::Option* adopt_option = command->add_option(
        "--adopt", *adopt, "Keep the data of this mirror member; its end makes room for labels and maps");
    adopt_option->type_name("MEMBER");
    command->add_flag("-v,--verbose", arguments->verbose, "Show the events of disks and connections too");
    command->footer(
        "All media must be reachable, and nothing is changed unless all may be taken: refused are media with a label,\n"
        "a filesystem, a partition table or anything else that libblkid knows, and those that are not blank. Refused\n"
        "too is a file that the storage names as its journal and that is not one, or is another storage's. MEMBER is "
        "a\n"
        "name as `tree` prints it.");
    command->callback([&terminal, &action, arguments, adopt, adopt_option] {
        if (adopt_option->count() > 0) arguments->options.adopt = *adopt;
        action = [&terminal, arguments] { return init(*arguments, terminal); };
    });
}

}  // namespace dst::ctl
