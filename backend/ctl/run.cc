#include <CLI/CLI.hpp>
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

}  // namespace

int run(int argc, const char* const* argv, Terminal& terminal) {
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
    add_inspect(app, terminal, action);
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

}  // namespace dst::ctl
