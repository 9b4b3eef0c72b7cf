#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>

#include "ctl/command.h"

namespace dst::ctl {
namespace {

constexpr const char* footer =
    "Exit status: 0 all well; 1 it works, but not all is well (degraded, resyncing, mistakes in the file);\n"
    "2 not serving (waiting, held, failed, fenced, split); 3 no head answers; 64 wrong usage; 70 anything else.\n"
    "Environment: DST_RUN_DIR (/run/dst), DST_STATE_DIR (/var/lib/dst), NO_COLOR. See dstctl(8) and dst.yaml(5).";

int as_int(ExitStatus status) { return static_cast<int>(status); }

/// Says which commands there are when the first argument is none of them.
bool is_unknown_command(const CLI::App& app, int argc, const char* const* argv, const Terminal& terminal) {
    if (argc < 2 || argv[1][0] == '-') return false;
    std::string known;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == argv[1]) return false;
        known += (known.empty() ? "" : ", ") + command->get_name();
    }
    terminal.err << "dstctl: unknown command '" << argv[1] << "'; the commands are " << known
                 << ". 'dstctl COMMAND --help' explains one.\n";
    return true;
}

/// What could not be written must not look like success. A reader that went away has its reason.
int written(int status, const Terminal& terminal) {
    terminal.out.flush();
    if (terminal.out.good()) return status;
    const int error = errno;
    if (error != EPIPE) {
        terminal.err << "dstctl: the output could not be written" << (error != 0 ? ": " : "")
                     << (error != 0 ? std::strerror(error) : "") << "\n";
    }
    return as_int(ExitStatus::other);
}

int run_command(int argc, const char* const* argv, Terminal& terminal) {
    CLI::App app("Looks after DST storages: distributed block devices declared in YAML and served by tgt.", "dstctl");
    app.set_version_flag("--version", "dstctl " DST_VERSION, "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.require_subcommand(1);
    app.footer(footer);
    Action action;
    add_check(app, terminal, action);
    add_tree(app, terminal, action);
    add_init(app, terminal, action);
    add_status(app, terminal, action);
    add_start(app, terminal, action);
    add_resolve(app, terminal, action);
    add_inspect(app, terminal, action);
    if (is_unknown_command(app, argc, argv, terminal)) return as_int(ExitStatus::usage);
    try {
        app.parse(argc, argv);
        return as_int(action());
    } catch (const CLI::ParseError& error) {
        bool asked_for = error.get_exit_code() == 0;
        int code = app.exit(error, terminal.out, terminal.err);
        return asked_for ? code : as_int(ExitStatus::usage);
    } catch (const std::exception& error) {
        terminal.err << "dstctl: " << error.what() << "\n";
        return as_int(ExitStatus::other);
    }
}

}  // namespace

int run(int argc, const char* const* argv, Terminal& terminal) {
    errno = 0;
    return written(run_command(argc, argv, terminal), terminal);
}

}  // namespace dst::ctl
